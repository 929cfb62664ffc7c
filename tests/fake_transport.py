"""The fake at the one seam: a `Transport` made from a function, and a mail server table for it."""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.model.capabilities import Capabilities, parse_capabilities
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.connection import Connection
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.transport import Wire, check_ids
from tests.recorded import Version, load_fields_get

SERVERS: Final = "ir.mail_server"
ACTIONS: Final = "ir.actions.server"
UID: Final = 2

TARGET: Final = Target(
    name="registry",
    url="https://registry.example.org",
    database="openspp",
    login="mail.admin@example.org",
)

#: What an administrator can read and this tool never does.
SECRET_FIELDS: Final = frozenset(
    {
        "smtp_pass",
        "smtp_ssl_private_key",
        "google_gmail_access_token",
        "google_gmail_authorization_code",
        "google_gmail_refresh_token",
        "microsoft_outlook_access_token",
        "microsoft_outlook_refresh_token",
    }
)

#: What the connection depends on: together they make what a test proves.
CONNECTION_FIELDS: Final = (
    "smtp_host",
    "smtp_port",
    "smtp_encryption",
    "smtp_authentication",
    "smtp_user",
    "smtp_pass",
    "smtp_ssl_certificate",
    "smtp_ssl_private_key",
    "google_gmail_refresh_token",
    "from_filter",
)

#: Odoo's answer to `test_smtp_connection` that went well (17.0 and 19.0).
SUCCESS: Final = {
    "type": "ir.actions.client",
    "tag": "display_notification",
    "params": {"message": "Connection Test Successful!", "type": "success", "sticky": False},
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the transport got it."""

    model: str
    method: str
    ids: tuple[int, ...]
    params: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.model}.{self.method}"

    @property
    def domain(self) -> list[Any]:
        return list(self.params.get("domain", ()))

    @property
    def values(self) -> Mapping[str, Any]:
        """What a `create`, `copy` or `write` carries."""
        for key in ("vals_list", "default", "vals"):
            if key in self.params:
                return dict(self.params[key])
        return {}


class FakeTransport:
    """Hands each call to a function and records it."""

    wire: Wire = "jsonrpc"

    def __init__(self, function: Callable[[Call], Any]) -> None:
        self.calls: list[Call] = []
        self._function = function

    def call(self, model: str, method: str, ids: Sequence[int] = (), /, **params: Any) -> Any:
        check_ids(model, method, ids)
        call = Call(model, method, tuple(ids), params)
        self.calls.append(call)
        return self._function(call)

    def fetch_uid(self) -> int:
        return UID

    def fetch_version(self) -> str:
        return "19.0"

    def named(self, name: str) -> list[Call]:
        """Return the calls of one method of one model."""
        return [call for call in self.calls if call.name == name]


def make_instance(transport: FakeTransport, target: Target = TARGET) -> Instance:
    """Return an instance that speaks through the fake; nothing is opened."""
    return Instance(Connection(target, _unused_http(), transport, "it is set"))


@functools.cache
def _unused_http() -> HttpClient:
    """Made once: the certificates of the machine load slowly."""
    return HttpClient(TARGET)


@dataclass(slots=True)
class RecordedProgress:
    """A `Progress` that keeps what it is told; `answer` is what the user says."""

    answer: bool = True
    attended: bool = False
    workings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    def working(self, what: str, *, slow: bool = False) -> None:  # noqa: ARG002 - all are kept
        self.workings.append(what)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def confirm(self, question: str) -> bool:
        self.questions.append(question)
        return self.answer


def make_row(server_id: int, **values: Any) -> Row:
    """Return a record as Odoo stores it: a text that is not set is False."""
    return {
        "id": server_id,
        "name": f"S{server_id}",
        "sequence": 10,
        "smtp_encryption": "starttls",
        "smtp_authentication": "login",
        "smtp_user": False,
        "smtp_pass": False,
        "smtp_host": f"smtp{server_id}.example.org",
        "smtp_port": 587,
        "from_filter": False,
        "smtp_ssl_certificate": False,
        "smtp_ssl_private_key": False,
        "google_gmail_refresh_token": False,
        "smtp_debug": False,
        "max_email_size": 0.0,
        "active": True,
        "owner_user_id": False,
        "create_date": "2026-01-01 00:00:00",
    } | values


class MailServerTable:
    """An instance's `ir.mail_server` in memory; the object is the function of a `FakeTransport`.

    `failure` tells what the test of a record answers, `""` for success; `ignored` are the fields
    whose writes change nothing (OCA's mail_environment); `others` answers calls of other models by
    name. `proved` holds the connections that passed a test. Each write is by `user`, a second after
    the one before it.
    """

    def __init__(
        self,
        *rows: Row,
        version: Version = "19.0",
        fields: Collection[str] = (),
        failure: Callable[[Row], str] = lambda _row: "",
        ignored: Collection[str] = (),
        others: Mapping[str, Any] | None = None,
    ) -> None:
        self.rows: dict[int, Row] = {row["id"]: dict(row) for row in rows}
        self.proved: list[Row] = []
        self.failure = failure
        self.ignored = ignored
        self.others = {
            "ir.model.search": [5],
            "res.users.read": [
                {"id": UID, "login": TARGET.login, "email": TARGET.login, "company_id": [1, "C"]}
            ],
            "mail.alias.domain.search_read": [],
            "res.company.read": [{"id": 1, "email": False, "default_from_email": False}],
            "ir.config_parameter.search_read": [],
            "mail.template.search_read": [],
            "mailing.mailing.search_read": [],
            "mail.mail.search_count": 0,
            "ir.model.data.search_read": [],
        } | dict(others or {})
        self.actions: dict[int, str] = {}
        self.user: tuple[int, str] = (UID, "Ann")
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self.writes: dict[int, Row] = {}
        self._version: Version = version
        self._fields = load_fields_get(version) | {name: {"type": "boolean"} for name in fields}

    @property
    def capabilities(self) -> Capabilities:
        return parse_capabilities(self._fields)

    def __call__(self, call: Call) -> Any:
        if call.model == ACTIONS:
            return self._act(call)
        if call.model != SERVERS:
            return self.others[call.name]
        answers: dict[str, Callable[[Call], Any]] = {
            "fields_get": lambda _call: self._fields,
            "search_read": self._search_read,
            "search": lambda call: [row["id"] for row in self._find(call)],
            "search_count": lambda call: len(self._find(call)),
            "create": self._create,
            "copy": self._copy,
            "write": self._write,
            "unlink": self._unlink,
            "test_smtp_connection": self._test,
        }
        return answers[call.method](call)

    def _find(self, call: Call) -> list[Row]:
        """Return what a domain finds; archived records only where the call asks for them."""
        context = call.params.get("context", {})
        every = any(field == "active" for field, _, _ in call.domain)
        every = every or context.get("active_test") is False
        found = [row for row in self.rows.values() if every or row["active"]]
        for term in call.domain:
            found = [row for row in found if _matches(row, *term)]
        order = str(call.params.get("order", "sequence, id")).split(", ")
        return sorted(found, key=lambda row: [row[name] for name in order])

    def _search_read(self, call: Call) -> list[Row]:
        never = {"write_uid": [1, "Root"], "write_date": "2026-01-01 00:00:00"}
        found = [
            {
                name: (never | row | self.writes.get(row["id"], {}))[name]
                for name in ("id", *call.params["fields"])
            }
            for row in self._find(call)
        ]
        for row in found:
            if row.get("smtp_ssl_certificate") and call.params["context"].get("bin_size"):
                row["smtp_ssl_certificate"] = "1.20 Kb"
        return found

    def _create(self, call: Call) -> int:
        new_id = max(self.rows, default=0) + 1
        self.rows[new_id] = make_row(new_id) | dict(call.values)
        self._note_write(new_id)
        return new_id

    def _copy(self, call: Call) -> int | list[int]:
        (source_id,) = call.ids
        new_id = max(self.rows) + 1
        copied = self.rows[source_id] | {"google_gmail_refresh_token": False}
        self.rows[new_id] = copied | dict(call.values) | {"id": new_id}
        self._note_write(new_id)
        return new_id if self._version == "17.0" else [new_id]

    def _write(self, call: Call) -> bool:
        for server_id in call.ids:
            if server_id in self.rows:
                written = {k: v for k, v in call.values.items() if k not in self.ignored}
                self.rows[server_id] |= written
                self._note_write(server_id)
        return True

    def _note_write(self, server_id: int) -> None:
        self.now += timedelta(seconds=1)
        self.writes[server_id] = {
            "write_uid": [*self.user],
            "write_date": f"{self.now:%Y-%m-%d %H:%M:%S}",
        }

    def _unlink(self, call: Call) -> bool:
        for server_id in call.ids:
            self.rows.pop(server_id, None)
        return True

    def _act(self, call: Call) -> Any:
        """Keep the code of a server action, find it, run it on this table, or forget it."""
        if call.method == "search":
            return list(self.actions)
        if call.method == "create":
            self.actions[1] = call.values["code"]
            return 1
        (action_id,) = call.ids
        if call.method == "unlink":
            del self.actions[action_id]
            return True
        exec(self.actions[action_id], {"env": {SERVERS: _Records(self)}})
        return False

    def _test(self, call: Call) -> Any:
        (server_id,) = call.ids
        row = self.rows[server_id]
        text = self.failure(row)
        if text:
            raise refusal(text)
        self.proved.append(connection_of(row))
        return SUCCESS


@dataclass(frozen=True, slots=True)
class _Records:
    """As much of Odoo's recordsets as the code of a server action uses."""

    table: MailServerTable
    server_id: int = 0

    def browse(self, server_id: int) -> "_Records":
        return _Records(self.table, server_id)

    def __getitem__(self, name: str) -> Any:
        return self.table.rows[self.server_id][name]

    def write(self, values: Row) -> None:
        FakeTransport(self.table).call(SERVERS, "write", (self.server_id,), vals=values)


def refusal(text: str) -> OdooError:
    """Return the error for what Odoo refuses in its own words."""
    return OdooError("refused-by-odoo", text, exception="odoo.exceptions.UserError")


def connection_of(row: Row) -> Row:
    """Return what a record's connection depends on."""
    return {name: row[name] for name in CONNECTION_FIELDS}


def _matches(row: Row, name: str, operator: str, value: Any) -> bool:
    held = row[name]
    if operator == "in":
        return held in value
    if operator == "ilike":
        return str(value).lower() in str(held or "").lower()
    return bool(held == value) == (operator == "=")
