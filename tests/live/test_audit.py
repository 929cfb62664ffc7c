"""An audit of a real Odoo: nothing is found where all is well, and each thing that is wrong is."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remote_mailcfg.sandbox.smtp_servers import SmtpPeers
from tests.live.command import Command
from tests.live.odoo import Odoo

DOMAIN = "registry-live.org"
NAMES = "remote-mailcfg live audit"
ANY_ACTIVE = ["active", "in", [True, False]]
FLAG = "database.is_neutralized"
STUB = {"name": "neutralization - disable emails", "smtp_host": "invalid", "smtp_port": 1025}
FAR = {"smtp_host": "smtp.relay.invalid", "smtp_port": 587, "smtp_encryption": "starttls_strict"}


QUEUE_CRON = ["cron_name", "=", "Mail: Email Queue Manager"]
SCHEDULED_CRON = ["cron_name", "ilike", "scheduled message"]
GATEWAY_CRON = ["cron_name", "=", "Mail: Fetchmail Service"]
LONG_AGO = "2026-01-01 00:00:00"
BASE_URL_OF = ["key", "=", "web.base.url"]
FETCHMAIL = {"name": NAMES, "server_type": "imap", "server": "imap.invalid", "port": 143}
DONE = FETCHMAIL | {"state": "done", "is_ssl": False}
#: Odoo 19 lets nobody remove a message that belongs to no document.
MAIL = {"subject": NAMES, "model": "res.partner", "res_id": 3}
FAILED = MAIL | {"state": "exception", "failure_reason": "550 no such user"}


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A thing that is wrong: what servers there are, parameters, a company's values, the role.

    `records` are made and `changes` written for a while: model, domain, values. With `tests` the
    server tests its mail servers.
    """

    rule: str
    servers: tuple[Mapping[str, Any], ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    company: Mapping[str, Any] = field(default_factory=dict)
    role: str = "production"
    records: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    changes: tuple[tuple[str, list[Any], Mapping[str, Any]], ...] = ()
    tests: bool = False


WRONGS = (
    Wrong(rule="neutralized-production", servers=(FAR,), parameters={FLAG: "true"}),
    Wrong(rule="copy-not-neutralized", servers=(FAR,), role="training"),
    Wrong(rule="neutralized-without-server", parameters={FLAG: "true"}, role="test"),
    Wrong(rule="stub-without-flag", servers=(STUB,), role="test"),
    Wrong(rule="neutralized-but-sends", servers=(STUB, FAR), parameters={FLAG: "1"}, role="test"),
    Wrong(
        rule="neutralized-but-crons-run", servers=(STUB,), parameters={FLAG: "1"}, role="staging"
    ),
    Wrong(
        rule="credentials-in-archive",
        servers=(FAR | {"active": False, "smtp_pass": "x"},),
        role="staging",
    ),
    Wrong(rule="relay-on-copy", servers=(FAR,), role="staging"),
    Wrong(rule="catcher-on-production", servers=(FAR | {"smtp_host": "mailpit"},)),
    Wrong(rule="no-active-server"),
    Wrong(rule="same-priority", servers=(FAR, FAR)),
    Wrong(rule="duplicate-server", servers=(FAR, FAR | {"sequence": 20})),
    Wrong(rule="connection-from-odoo-conf", servers=({"smtp_authentication": "cli"},)),
    Wrong(rule="host-not-valid", servers=(FAR | {"smtp_host": "smtp.relay.invalid:25"},)),
    Wrong(rule="port-against-encryption", servers=(FAR | {"smtp_port": 465},)),
    Wrong(rule="sent-in-clear", servers=(FAR | {"smtp_encryption": "none"},)),
    Wrong(rule="certificate-not-checked", servers=(FAR | {"smtp_encryption": "starttls"},)),
    Wrong(rule="smtp-debug", servers=(FAR | {"smtp_debug": True},)),
    Wrong(rule="half-credentials", servers=(FAR | {"smtp_user": "mailer"},)),
    Wrong(rule="default-sender-unmatched", servers=(FAR | {"from_filter": "other.org"},)),
    Wrong(rule="no-catch-all-server", servers=(FAR | {"from_filter": DOMAIN},)),
    Wrong(rule="filter-not-valid", servers=(FAR | {"from_filter": f"@{DOMAIN}"},)),
    Wrong(rule="filter-matches-nobody", servers=(FAR | {"from_filter": "other.org"},)),
    Wrong(rule="placeholder-filter", servers=(FAR | {"from_filter": "example.org"},)),
    Wrong(rule="company-without-address", servers=(FAR,), company={"email": False}),
    Wrong(rule="placeholder-company", servers=(FAR,), company={"email": "info@yourcompany.com"}),
    Wrong(rule="no-alias-domain", servers=(FAR,), company={"alias_domain_id": False}),
    Wrong(rule="placeholder-sender", servers=(FAR,), company={"alias_domain_id": False}),
    Wrong(rule="dead-parameters", servers=(FAR,), parameters={"mail.catchall.domain": DOMAIN}),
    Wrong(
        rule="allowed-domains-left",
        servers=(FAR,),
        parameters={"mail.catchall.domain.allowed": DOMAIN},
    ),
    Wrong(
        rule="personal-limit-not-valid",
        servers=(FAR,),
        parameters={"mail.server.personal.limit.minutes": "ten"},
    ),
    Wrong(
        rule="template-server-archived",
        servers=(FAR | {"active": False},),
        records=(("mail.template", {"name": NAMES, "mail_server_id": "the server"}),),
    ),
    Wrong(rule="mails-failed", records=(("mail.mail", FAILED),)),
    Wrong(rule="failure-reason", records=(("mail.mail", FAILED),)),
    Wrong(rule="batch-size-not-valid", parameters={"mail.mail.queue.batch.size": "many"}),
    Wrong(
        rule="queue-above-batch",
        parameters={"mail.mail.queue.batch.size": "1"},
        records=(("mail.mail", MAIL | {"state": "outgoing"}),) * 2,
    ),
    Wrong(rule="queue-cron-off", changes=(("ir.cron", QUEUE_CRON, {"active": False}),)),
    Wrong(rule="queue-cron-late", changes=(("ir.cron", QUEUE_CRON, {"nextcall": LONG_AGO}),)),
    Wrong(rule="mail-cron-off", changes=(("ir.cron", SCHEDULED_CRON, {"active": False}),)),
    Wrong(rule="mail-cron-late", changes=(("ir.cron", SCHEDULED_CRON, {"nextcall": LONG_AGO}),)),
    Wrong(rule="incoming-not-confirmed", records=(("fetchmail.server", FETCHMAIL),)),
    Wrong(rule="incoming-in-clear", records=(("fetchmail.server", DONE),)),
    Wrong(
        rule="incoming-cron-off",
        records=(("fetchmail.server", DONE),),
        changes=(("ir.cron", GATEWAY_CRON, {"active": False}),),
    ),
    Wrong(rule="no-way-in"),
    Wrong(
        rule="user-without-email",
        changes=(("res.users", ["login", "=", "admin"], {"email": False}),),
    ),
    Wrong(
        rule="links-in-clear",
        changes=(("ir.config_parameter", BASE_URL_OF, {"value": f"http://{DOMAIN}"}),),
    ),
    Wrong(rule="test-failed", servers=(FAR,), tests=True),
)


@contextlib.contextmanager
def written(odoo: Odoo, model: str, ids: list[int], values: Mapping[str, Any]) -> Iterator[None]:
    """Write values to records for a while."""
    before = odoo.call(model, "read", ids, ["id", *values])
    if values:
        odoo.call(model, "write", ids, dict(values))
    try:
        yield
    finally:
        for row in before:
            held = {k: it[0] if isinstance(it, list) else it for k, it in row.items() if k != "id"}
            odoo.call(model, "write", [row["id"]], held)


@contextlib.contextmanager
def made(odoo: Odoo, model: str, rows: tuple[Mapping[str, Any], ...]) -> Iterator[list[int]]:
    """Make records for a while."""
    ids: list[int] = odoo.call(model, "create", [dict(row) for row in rows]) if rows else []
    try:
        yield ids
    finally:
        if ids:
            odoo.call(model, "unlink", ids)


@pytest.fixture(scope="module")
def well(odoo: Odoo) -> Iterator[Odoo]:
    """The server under test, configured well but for mail servers, of which it has none."""
    if odoo.server_names():
        pytest.skip("the server under test has mail servers of its own")
    if odoo.version() < 19:
        pytest.skip("the encryptions of the cases are of 19")
    companies = odoo.call("res.company", "search", [])
    crons = odoo.call("ir.cron", "search", [ANY_ACTIVE])
    due = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
    with made(odoo, "mail.alias.domain", ({"name": DOMAIN},)) as (domain_id,):
        company = {"email": f"info@{DOMAIN}", "alias_domain_id": domain_id}
        with (
            written(odoo, "res.company", companies, company),
            written(odoo, "ir.cron", crons, {"active": True, "nextcall": due}),
        ):
            yield odoo
        # every company got it when it was made, so that is what they had before
        odoo.call("res.company", "write", companies, {"alias_domain_id": False})


def audit(command: Command, odoo: Odoo, role: str, *options: str) -> dict[str, Any]:
    """Audit the server as an instance of this role; return the findings' severities by rule."""
    inventory = command.folder / "instances.toml"
    command.folder.mkdir(parents=True, exist_ok=True)
    inventory.write_text(
        f"[instances.live]\nurl = {json.dumps(odoo.url)}\ndatabase = {json.dumps(odoo.database)}\n"
        f'login = {json.dumps(odoo.login)}\napi_key = "env:LIVE_KEY"\nrole = "{role}"\n'
    )
    program = Command(command.folder, {"LIVE_KEY": odoo.api_key})
    ran = program.run("audit", "-i", "live", *options)
    assert ran.exit_code in {0, 3}, ran
    return {it["rule"]: it["severity"] for it in ran.result["data"]["findings"]}


def test_nothing_above_info_is_found_where_all_is_well(
    well: Odoo, command: Command, peers: SmtpPeers
) -> None:
    server = {"name": NAMES, "smtp_host": peers.plain.host, "smtp_port": peers.plain.port}
    with made(well, "ir.mail_server", (server,)):
        found = audit(command, well, "production")

    assert {rule for rule, severity in found.items() if severity != "info"} == set()


@pytest.mark.parametrize("wrong", WRONGS, ids=lambda it: it.rule)
def test_what_is_wrong_is_found(wrong: Wrong, well: Odoo, command: Command) -> None:
    servers = tuple({"name": NAMES} | dict(it) for it in wrong.servers)
    companies = well.call("res.company", "search", [])
    with (
        made(well, "ir.mail_server", servers) as server_ids,
        written(well, "res.company", companies, wrong.company),
        parameters(well, wrong.parameters),
        contextlib.ExitStack() as stack,
    ):
        for model, values in wrong.records:
            row = {k: server_ids[0] if it == "the server" else it for k, it in values.items()}
            stack.enter_context(made(well, model, (row,)))
        for model, term, values in wrong.changes:
            ids = well.call(model, "search", [*([ANY_ACTIVE] if model == "ir.cron" else []), term])
            stack.enter_context(written(well, model, ids, values))
        found = audit(command, well, wrong.role, *([] if wrong.tests else ["--no-test"]))

    assert wrong.rule in found


def test_a_key_that_ends_soon_is_found(well: Odoo, command: Command) -> None:
    (user_id,) = well.call("res.users", "search", [["login", "=", well.login]])
    well.make_key(user_id, NAMES)
    try:
        found = audit(command, well, "production", "--no-test")
    finally:
        well.remove_keys(NAMES)

    assert found["api-key-ends"] == "warning"


@contextlib.contextmanager
def parameters(odoo: Odoo, values: Mapping[str, str]) -> Iterator[None]:
    """Set parameters that are not there, for a while."""
    assert odoo.parameters(*values) == {}
    for key, value in values.items():
        odoo.set_parameter(key, value)
    try:
        yield
    finally:
        for key in values:
            odoo.remove_parameter(key)
