"""One change carried out on a mail server table in memory, with calls that break off."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from remote_mailcfg.apply.changes import carry_out
from remote_mailcfg.apply.run import Run, new_run_name
from remote_mailcfg.errors import OdooError, RemoteMailcfgError
from remote_mailcfg.instance.mail_servers import fetch_servers
from remote_mailcfg.model.mail_server import CANDIDATE_PREFIX, MailServerRecord
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.plan.change import Action, Change
from remote_mailcfg.secret import Secret
from remote_mailcfg.store.journal import Journal
from tests.fake_transport import (
    SERVERS,
    Call,
    FakeTransport,
    MailServerTable,
    RecordedProgress,
    Row,
    connection_of,
    make_instance,
    make_row,
)

REFUSED = "Connection refused: [Errno 111] Connection refused"

NEW: dict[str, Any] = {
    "name": "New",
    "smtp_encryption": "starttls",
    "smtp_host": "new.example.org",
    "smtp_port": 587,
    "smtp_user": "u@example.org",
    "smtp_pass": Secret("n3w"),
    "from_filter": "example.org",
}


def live_row(**values: Any) -> Row:
    row = {"name": "Live", "smtp_host": "old.example.org", "smtp_pass": "0ld", "smtp_user": "u"}
    return make_row(7, **row | values)


def gmail_row() -> Row:
    return live_row(
        smtp_authentication="gmail", google_gmail_refresh_token="t0ken", smtp_pass=False
    )


@dataclass(slots=True)
class Stage:
    """One change about to be carried out on a table."""

    table: MailServerTable
    action: Action
    values: dict[str, Any]
    test: bool = True
    keeps_backups: bool = False
    progress: RecordedProgress = field(init=False)
    transport: FakeTransport = field(init=False)
    started: dict[int, Row] = field(init=False)
    found: MailServerRecord | None = None

    def __post_init__(self) -> None:
        self.progress = RecordedProgress()
        self.transport = FakeTransport(self.table)
        self.started = {server_id: dict(row) for server_id, row in self.table.rows.items()}

    @property
    def before(self) -> MailServerRecord | None:
        if self.action == "create" or self.found is not None:
            return self.found
        instance = make_instance(FakeTransport(self.table))
        (server,) = fetch_servers(instance, self.table.capabilities, ids=[7])
        return server

    def carry_out(self) -> tuple[int, SmtpTest | None]:
        change = Change(action=self.action, before=self.before, values=self.values)
        instance = make_instance(self.transport)
        name = new_run_name()
        run = Run(
            instance=instance,
            capabilities=self.table.capabilities,
            progress=self.progress,
            name=name,
            test=self.test,
            keeps_backups=self.keeps_backups,
            journal=Journal(instance.target, name),
            taken={*self.started},
        )
        made = carry_out(run, [change], command="test")
        if made.error:
            raise made.error
        (carried,) = made.changes
        return carried.server_id, carried.test

    def fail(self, *, code: str = "test-failed") -> RemoteMailcfgError:
        """Carry it out and return the error that it ends with."""
        with pytest.raises(RemoteMailcfgError) as caught:
            self.carry_out()
        assert caught.value.code == code
        return caught.value

    @property
    def steps(self) -> list[str]:
        """What was done to mail servers, in order; runs of mere reading are left out."""
        told = ("create", "copy", "write", "unlink", "test_smtp_connection")
        calls = [call for call in self.transport.calls if call.model == SERVERS]
        return [f"{c.method} {list(c.ids) or ''}".strip() for c in calls if c.method in told]

    @property
    def live(self) -> Row:
        return self.table.rows[7]

    @property
    def candidates(self) -> list[Row]:
        rows = self.table.rows.values()
        return [row for row in rows if str(row["name"]).startswith(CANDIDATE_PREFIX)]


def refuse_everything(_row: Row) -> str:
    return REFUSED


def creating(**options: Any) -> Stage:
    return Stage(MailServerTable(live_row(), **options), "create", NEW)


def updating(values: dict[str, Any] | None = None, **options: Any) -> Stage:
    row = options.pop("row", live_row())
    return Stage(
        MailServerTable(row, **options), "update", values or {"smtp_host": "new.example.org"}
    )


@dataclass(slots=True)
class Breaking:
    """Fails one call, before or after the table has done what it asks; `every` fails the rest."""

    table: MailServerTable
    index: int
    error: Callable[[], BaseException]
    done: bool
    every: bool = False
    count: int = -1

    def __call__(self, call: Call) -> Any:
        self.count += 1
        breaks = self.count >= self.index if self.every else self.count == self.index
        if not breaks:
            return self.table(call)
        if self.done:
            with suppress(OdooError):
                self.table(call)
        raise self.error()


SCENES: dict[str, Callable[[], Stage]] = {
    "create": creating,
    "update": lambda: updating(
        {"smtp_host": "new.example.org", "smtp_port": 25, "name": "New", "sequence": 1}
    ),
    "update-password": lambda: updating({"smtp_pass": Secret("n3w")}),
    "update-host-and-password": lambda: updating(
        {"smtp_host": "new.example.org", "smtp_pass": Secret("n3w")}
    ),
    "update-name-and-password": lambda: updating({"name": "New", "smtp_pass": Secret("n3w")}),
    "update-gmail": lambda: updating(
        {"from_filter": "example.org"}, row=gmail_row(), version="17.0"
    ),
    "unarchive": lambda: Stage(
        MailServerTable(live_row(active=False)), "unarchive", {"active": True}
    ),
}


def check_promise(stage: Stage) -> None:
    """Check that every active server is proved or as it was, and that none is missing."""
    known = [*stage.table.proved, *map(connection_of, stage.started.values())]
    for row in stage.table.rows.values():
        assert not row["active"] or connection_of(row) in known
    missing = stage.started.keys() - stage.table.rows.keys()
    assert not missing
    for server_id, row in stage.started.items():
        assert stage.table.rows[server_id]["active"] or not row["active"]
