"""One instance, logged in: the place where every call gets its language."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.answers import (
    Reader,
    anything,
    check_shape,
    one_record,
    reference,
    text,
)
from remote_mailcfg.rpc.connection import Connection, open_connection
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.secret import Secret


@dataclass(frozen=True, slots=True)
class User:
    """The logged-in user; `email` is `""` where there is none."""

    login: str
    email: str
    company_id: int


class Instance:
    """One logged-in Odoo. Its calls are serial; its texts are English."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.target = connection.target
        self._user: User | None = None

    def call(
        self,
        model: str,
        method: str,
        ids: Sequence[int] = (),
        /,
        *,
        expect: Reader = anything,
        context: dict[str, Any] | None = None,
        **params: Any,
    ) -> Any:
        """Call a method; see `Transport.call`. English, so that failure texts can be told apart.

        `expect` reads the answer; what it cannot read is `not-odoo`. A `Secret` in the parameters
        is sent as its text, and not repeated by an error.
        """
        context = {"lang": "en_US"} | (context or {})
        sent = {name: self._reveal(value) for name, value in params.items()}
        answer = self.connection.transport.call(model, method, ids, context=context, **sent)
        return check_shape(answer, expect, self.target.url, f"{model}.{method}")

    def _reveal(self, value: Any) -> Any:
        if isinstance(value, Secret):
            self.connection.http.secrets.add(value)
            return value.reveal()
        if isinstance(value, Mapping):
            return {name: self._reveal(it) for name, it in value.items()}
        return [self._reveal(it) for it in value] if isinstance(value, list | tuple) else value

    def fetch_user(self) -> User:
        """Return the logged-in user; asked once."""
        if self._user is None:
            user = self.call(
                "res.users",
                "read",
                (self.connection.transport.fetch_uid(),),
                fields=["login", "email", "company_id"],
                expect=one_record(login=text, email=text, company_id=reference),
            )
            self._user = User(user["login"], user["email"], user["company_id"][0])
        return self._user


@contextmanager
def open_instance(target: Target) -> Iterator[Instance]:
    """Log in to a target and close its connection afterwards."""
    with HttpClient(target) as http:
        yield Instance(open_connection(target, http))
