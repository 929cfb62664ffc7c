"""How the older wires call a method: `execute_kw`, with login and credential in every call."""

from collections.abc import Sequence
from typing import Any, Protocol

from remote_mailcfg.rpc.faults import refused_login
from remote_mailcfg.rpc.transport import Access, Wire, check_ids, positional


class Services(Protocol):
    """A wire to Odoo's services `common` and `object`; JSON-RPC and XML-RPC are the two."""

    @property
    def wire(self) -> Wire:
        """Which of the two it is."""
        ...

    def send(self, service: str, method: str, args: tuple[Any, ...], *, what: str) -> Any:
        """Call a method of a service; `what` names it in the log."""
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
        what = "common.authenticate"
        uid = self._services.send("common", "authenticate", (*login, {}), what=what)
        if not uid:
            raise refused_login(access.login)
        self._uid = uid

    def call(self, model: str, method: str, ids: Sequence[int] = (), /, **params: Any) -> Any:
        """Call a method of a model; see `Transport.call`."""
        check_ids(model, method, ids)
        access = self._access
        login = (access.database, self._uid, access.credential.reveal())
        args = (*login, model, method, positional(method, ids, params), params)
        return self._services.send("object", "execute_kw", args, what=f"{model}.{method}")

    def fetch_uid(self) -> int:
        """Return the user's id; it is known since the login."""
        return self._uid

    def fetch_version(self) -> str:
        """Ask `common.version()`, which OpenSPP's branding kit leaves alone."""
        version = self._services.send("common", "version", (), what="common.version")
        return str(version["server_version"])
