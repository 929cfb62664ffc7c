"""How the older wires call a method: `execute_kw`, with login and credential in every call."""

from collections.abc import Sequence
from typing import Any, Protocol

from remote_mailcfg.rpc.answers import Reader, anything, check_shape, fields, id_or_false
from remote_mailcfg.rpc.faults import parse_version, refused_login
from remote_mailcfg.rpc.transport import Access, Wire, check_ids, is_read, positional


class Services(Protocol):
    """A wire to Odoo's services `common` and `object`; JSON-RPC and XML-RPC are the two."""

    @property
    def wire(self) -> Wire:
        """Which of the two it is."""
        ...

    def send(
        self, service: str, method: str, args: tuple[Any, ...], *, what: str, repeatable: bool
    ) -> Any:
        """Call a method of a service; `what` names it in the log, `repeatable` is `is_read`."""
        ...


class ExecuteKw:
    """A `Transport` over the services; log in first."""

    def __init__(self, services: Services, access: Access) -> None:
        self._services = services
        self._access = access
        self._uid = 0

    @property
    def wire(self) -> Wire:
        """Name the wire."""
        return self._services.wire

    def log_in(self) -> None:
        """Check the credential; raises `authentication-failed` or `database-not-found`."""
        access = self._access
        login = (access.database, access.login, access.credential.reveal())
        uid = self._send_common("authenticate", (*login, {}), id_or_false)
        if not uid:
            raise refused_login(access.login)
        self._uid = uid

    def call(self, model: str, method: str, ids: Sequence[int] = (), /, **params: Any) -> Any:
        """Call a method of a model; see `Transport.call`."""
        check_ids(model, method, ids)
        access = self._access
        login = (access.database, self._uid, access.credential.reveal())
        args = (*login, model, method, positional(method, ids, params), params)
        what = f"{model}.{method}"
        repeatable = is_read(method)
        return self._services.send("object", "execute_kw", args, what=what, repeatable=repeatable)

    def fetch_uid(self) -> int:
        """Return the user's id; it is known since the login."""
        return self._uid

    def fetch_version(self) -> str:
        """Ask `common.version()`, which OpenSPP's branding kit leaves alone."""
        version = self._send_common("version", (), fields(server_version=anything))
        return parse_version(version["server_version"], self._access.url)

    def _send_common(self, method: str, args: tuple[Any, ...], expect: Reader) -> Any:
        what = f"common.{method}"
        repeatable = is_read(method)
        answer = self._services.send("common", method, args, what=what, repeatable=repeatable)
        return check_shape(answer, expect, self._access.url, what)
