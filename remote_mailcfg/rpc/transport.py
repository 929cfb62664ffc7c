"""The one seam to the network: how a method of an Odoo model is called.

It is shaped like the strictest wire, JSON-2: every argument has a name, record ids stand apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from remote_mailcfg.secret import Secret, SentSecrets

Wire = Literal["jsonrpc", "xmlrpc", "json2"]

#: The methods that act on a model rather than on records, of those this tool calls. Everything
#: else needs ids: without them Odoo answers *success* and has done nothing (seen on 17.0 and 19.0).
MODEL_METHODS: Final = frozenset(
    {
        "context_get",
        "create",
        "default_get",
        "fields_get",
        "formatted_read_group",
        "read_group",
        "search",
        "search_count",
        "search_read",
    }
)

#: What changes nothing and may therefore be sent twice: methods (of models, and of the service
#: `common`) and routes. Whatever is not here is sent once: a login, and the test of a mail server.
READS: Final = frozenset(
    {
        "check_access_rights",
        "context_get",
        "default_get",
        "fields_get",
        "formatted_read_group",
        "has_group",
        "read",
        "read_group",
        "search",
        "search_count",
        "search_read",
        "version",
        "/json/version",
        "/web/database/list",
        "/web/session/get_session_info",
        "/web/webclient/load_menus",
    }
)


@dataclass(frozen=True, slots=True)
class Access:
    """Where a wire goes and as whom: `credential` is a password or an API key.

    `secrets` are those that an answer may repeat: the HTTP client's.
    """

    url: str
    database: str
    login: str
    credential: Secret
    secrets: SentSecrets = field(default_factory=SentSecrets)


class Transport(Protocol):
    """One logged-in wire to one database."""

    @property
    def wire(self) -> Wire:
        """Which of the three it is."""
        ...

    def call(self, model: str, method: str, ids: Sequence[int] = (), /, **params: Any) -> Any:
        """Call `method` of `model` on the records `ids` with named arguments.

        Returns what Odoo returns, `None` where it returns nothing. `create` takes its values as
        `vals_list` and returns one id for a dictionary. Raises `OdooError`, `LoginError` or
        `TransportError`; `ValueError` for a record method without ids.
        """
        ...

    def fetch_uid(self) -> int:
        """Return the id of the logged-in user (`res.users`)."""
        ...

    def fetch_version(self) -> str:
        """Return the server's version, for instance `17.0`."""
        ...


def is_read(method_or_route: str) -> bool:
    """Tell whether a call changes nothing, so that it may be sent again."""
    return method_or_route in READS


def check_ids(model: str, method: str, ids: Iterable[int]) -> None:
    """Refuse a record method without ids, and ids for a model method."""
    if (method in MODEL_METHODS) == bool(ids):
        raise ValueError(f"{model}.{method}: ids are for record methods, and only for them")


def positional(method: str, ids: Sequence[int], params: dict[str, Any]) -> list[Any]:
    """Return the positional arguments of `execute_kw`; takes the values of `create` from `params`.

    The older wires take ids as the first argument, and only `create` its values by position.
    """
    if method == "create":
        return [params.pop("vals_list")]
    return [list(ids)] if ids else []
