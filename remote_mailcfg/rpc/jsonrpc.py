"""JSON-RPC (`/jsonrpc`) through odoorpc; the only file that imports it.

odoorpc takes our HTTP client through its `opener`. Its own `login` costs two requests and its
version probe one, so it is told a version and logged in by one call of `common.authenticate`.
"""

import io
import logging
from collections.abc import Sequence
from typing import Any, cast
from urllib.request import Request

from odoorpc import ODOO
from odoorpc.error import RPCError

from remote_mailcfg.rpc.faults import odoo_error, parse_rpc, refused_login
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.transport import Access, Wire, check_ids, positional

# odoorpc logs whole request bodies at DEBUG, passwords included: nothing of it is let through.
logging.getLogger("odoorpc.rpc.jsonrpclib").addFilter(lambda _record: False)


class _Opener:
    """What odoorpc takes for a `urllib` opener: hands every request to our HTTP client."""

    def __init__(self, http: HttpClient, access: Access) -> None:
        self.what = ""
        self._http = http
        self._access = access

    def open(self, request: Request, timeout: float) -> io.BytesIO:  # noqa: ARG002
        # `timeout` is odoorpc's; the HTTP client keeps the limits of the target
        path = request.selector
        headers = {"Content-Type": "application/json"}
        if self._access.database:
            headers["X-Odoo-Database"] = self._access.database
        answer = self._http.request(
            "POST", path, what=self.what, body=cast("bytes", request.data), headers=headers
        )
        parse_rpc(answer, self._access.url + path, self._access)
        return io.BytesIO(answer.body)


class JsonRpc:
    """Calls methods with `execute_kw`, login and credential in every call."""

    def __init__(self, http: HttpClient, access: Access) -> None:
        self._access = access
        self._opener = _Opener(http, access)
        self._odoo = ODOO("host-of-the-opener", version="17.0", opener=self._opener)
        self._uid = 0

    @property
    def wire(self) -> Wire:
        """Name this wire."""
        return "jsonrpc"

    def log_in(self) -> None:
        """Check the credential; raises `authentication-failed` or `database-not-found`."""
        access = self._access
        credential = access.credential.reveal()
        uid = self._send("common", "authenticate", access.database, access.login, credential, {})
        if not uid:
            raise refused_login(access.login)
        self._uid = uid

    def call(self, model: str, method: str, ids: Sequence[int] = (), /, **params: Any) -> Any:
        """Call a method of a model; see `Transport.call`."""
        check_ids(model, method, ids)
        access = self._access
        args = positional(method, ids, params)
        login = (access.database, self._uid, access.credential.reveal())
        call = (*login, model, method, args, params)
        return self._send("object", "execute_kw", *call, what=f"{model}.{method}")

    def fetch_uid(self) -> int:
        """Return the user's id; it is known since the login."""
        return self._uid

    def fetch_version(self) -> str:
        """Ask `common.version()`, which OpenSPP's branding kit leaves alone."""
        return str(self._send("common", "version")["server_version"])

    def _send(self, service: str, method: str, *args: Any, what: str = "") -> Any:
        self._opener.what = what or f"{service}.{method}"
        try:
            answer = self._odoo.json(
                "/jsonrpc", {"service": service, "method": method, "args": args}
            )
        except RPCError as error:
            data = error.info["data"]
            raise odoo_error(data["name"], data["message"], self._access) from None
        return answer.get("result")  # a null result has no key
