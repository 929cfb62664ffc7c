"""JSON-RPC (`/jsonrpc`) through odoorpc; the only file that imports it.

odoorpc takes our HTTP client through its `opener`. Its own `login` costs two requests and its
version probe one, so it is told a version and logged in by one call of `common.authenticate`.
"""

import io
import logging
from typing import Any, cast
from urllib.request import Request

from odoorpc import ODOO

from remote_mailcfg.rpc.faults import odoo_error, parse_rpc
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.transport import Access, Wire

# odoorpc logs whole request bodies at DEBUG, passwords included: nothing of it is let through.
logging.getLogger("odoorpc.rpc.jsonrpclib").addFilter(lambda _record: False)


class _Opener:
    """What odoorpc takes for a `urllib` opener: hands every request to our HTTP client."""

    def __init__(self, http: HttpClient, access: Access) -> None:
        self.what = ""
        self.repeatable = False
        self.message: dict[str, Any] = {}
        self._http = http
        self._access = access

    def open(self, request: Request, timeout: float) -> io.BytesIO:  # noqa: ARG002
        # `timeout` is odoorpc's; the HTTP client keeps the limits of the target
        path = request.selector
        headers = {"Content-Type": "application/json"}
        if self._access.database:
            headers["X-Odoo-Database"] = self._access.database
        answer = self._http.request(
            "POST",
            path,
            what=self.what,
            body=cast("bytes", request.data),
            headers=headers,
            repeatable=self.repeatable,
        )
        self.message = parse_rpc(answer, self._access.url + path, self._access)
        return io.BytesIO(b"{}")  # odoorpc would parse it all again, and less carefully


class JsonRpc:
    """Odoo's services over JSON-RPC."""

    def __init__(self, http: HttpClient, access: Access) -> None:
        self._access = access
        self._opener = _Opener(http, access)
        self._odoo = ODOO("host-of-the-opener", version="17.0", opener=self._opener)

    @property
    def wire(self) -> Wire:
        """Name this wire."""
        return "jsonrpc"

    def send(
        self, service: str, method: str, args: tuple[Any, ...], *, what: str, repeatable: bool
    ) -> Any:
        """Call a method of a service; see `Services.send`."""
        self._opener.what, self._opener.repeatable = what, repeatable
        self._odoo.json("/jsonrpc", {"service": service, "method": method, "args": args})
        message = self._opener.message
        if "error" in message:
            data = message["error"]["data"]
            raise odoo_error(data["name"], data["message"], self._access)
        return message.get("result")  # a null result has no key
