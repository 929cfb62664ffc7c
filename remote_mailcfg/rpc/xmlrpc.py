"""XML-RPC (`/xmlrpc/2`) with the standard library's client and a parser that refuses entities."""

import re
import xmlrpc.client
from typing import Any, Final
from xml.parsers import expat

from remote_mailcfg.errors import TransportError
from remote_mailcfg.rpc.answers import check_shape, fields, text, whole
from remote_mailcfg.rpc.faults import (
    CHECK_URL,
    check_answer,
    not_odoo,
    odoo_error,
    traceback_error,
)
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.transport import Access, Wire

#: What the fault codes stand for (17: base/controllers/rpc.py, 19: rpc/controllers/xmlrpc.py).
FAULTS: Final = {
    2: "odoo.exceptions.UserError",
    3: "odoo.exceptions.AccessDenied",
    4: "odoo.exceptions.AccessError",
}
#: A character of UTF-16 by its number, hexadecimal or decimal.
REFERENCE: Final = re.compile(rb"&#(?:x([0-9a-fA-F]{4})|([0-9]{5}));")


class XmlRpc:
    """Odoo's services over XML-RPC."""

    def __init__(self, http: HttpClient, access: Access) -> None:
        self._http = http
        self._access = access

    @property
    def wire(self) -> Wire:
        """Name this wire."""
        return "xmlrpc"

    def send(
        self, service: str, method: str, args: tuple[Any, ...], *, what: str, repeatable: bool
    ) -> Any:
        """Call a method of a service; see `Services.send`."""
        path = f"/xmlrpc/2/{service}"
        headers = {"Content-Type": "text/xml"}
        if self._access.database:
            headers["X-Odoo-Database"] = self._access.database
        body = xmlrpc.client.dumps(args, method).encode()
        answer = self._http.request(
            "POST", path, what=what, body=body, headers=headers, repeatable=repeatable
        )
        url = self._access.url + path
        check_answer(answer, url, self._access)
        if answer.status != 200 or answer.content_type != "text/xml":
            raise not_odoo(answer, url)
        try:
            return _parse(answer.body)
        except xmlrpc.client.Fault as fault:
            return self._result_of(fault, url)
        except (
            expat.ExpatError,
            xmlrpc.client.Error,
            ArithmeticError,  # of a decimal
            LookupError,  # of an encoding, or of the parser's stack
            TypeError,
            ValueError,
        ) as error:
            # of the others the text repeats what was sent
            reason = f": {error}" if isinstance(error, expat.ExpatError) else ""
            raise TransportError(
                "not-odoo", f"{url} sent XML that is not valid{reason}", CHECK_URL
            ) from error

    def _result_of(self, fault: xmlrpc.client.Fault, url: str) -> None:
        """Raise what the fault means; the one that follows a method returning nothing is none.

        Odoo's XML-RPC has no null, so such a call faults after it did its work and committed
        (seen on 17.0 and 19.0: `action_archive`, `mail.mail.send`).
        """
        expect = fields(code=whole, text=text)
        found = {"code": fault.faultCode, "text": fault.faultString}
        code, said = check_shape(found, expect, url, "a fault").values()
        if code == 1:
            if "cannot marshal None unless allow_none is enabled" in said:
                return
            raise traceback_error(said, self._access)
        raise odoo_error(FAULTS.get(code, ""), said, self._access)


def _parse(body: bytes) -> Any:
    """Return the result in a method response, or raise its `Fault`.

    A document type is refused, and with it every entity: what a hostile answer would expand.
    """
    unmarshaller = xmlrpc.client.Unmarshaller()
    unmarshaller.xml("", None)  # expat hands over text: there is nothing left to decode
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = unmarshaller.start
    parser.EndElementHandler = unmarshaller.end
    parser.CharacterDataHandler = unmarshaller.data
    parser.Parse(REFERENCE.sub(_replace_half, body), True)  # noqa: FBT003 - expat's own signature
    return unmarshaller.close()[0]


def _replace_half(reference: re.Match[bytes]) -> bytes:
    """Replace half a surrogate, which no XML has: the rest of the answer is good."""
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    return b"\xef\xbf\xbd" if 0xD800 <= number <= 0xDFFF else reference[0]


def _refuse_document_type(*_: object) -> None:
    raise expat.ExpatError("a document type is not allowed in XML-RPC")
