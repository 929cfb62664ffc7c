"""One instance, logged in: the place where every call gets its language."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.connection import Connection, open_connection
from remote_mailcfg.rpc.http import HttpClient


class Instance:
    """One logged-in Odoo. Its calls are serial; its texts are English."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.target = connection.target

    def call(
        self,
        model: str,
        method: str,
        ids: Sequence[int] = (),
        /,
        *,
        context: dict[str, Any] | None = None,
        **params: Any,
    ) -> Any:
        """Call a method; see `Transport.call`. English, so that failure texts can be told apart."""
        context = {"lang": "en_US"} | (context or {})
        return self.connection.transport.call(model, method, ids, context=context, **params)

    def fetch_uid(self) -> int:
        """Return the id of the logged-in user (`res.users`)."""
        return self.connection.transport.fetch_uid()

    def fetch_user_email(self) -> str:
        """Return the logged-in user's address, `""` if there is none."""
        (user,) = self.call("res.users", "read", (self.fetch_uid(),), fields=["email"])
        return user["email"] or ""


@contextmanager
def open_instance(target: Target) -> Iterator[Instance]:
    """Log in to a target and close its connection afterwards."""
    with HttpClient(target) as http:
        yield Instance(open_connection(target, http))
