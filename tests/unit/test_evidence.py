from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import remote_mailcfg.audit
from remote_mailcfg.errors import OdooError, TransportError
from remote_mailcfg.instance.evidence import fetch_evidence
from remote_mailcfg.instance.times import FORMAT
from remote_mailcfg.model.evidence import PARTS, Evidence
from tests.fake_transport import SECRET_FIELDS, TARGET, UID, Call, FakeTransport, make_instance
from tests.recorded import load_fields_get

NOON = "2026-03-02 12:00:00"
EXPIRES = 1772452800  # the same moment

ROW = {
    "id": 1,
    "name": "Main",
    "sequence": 1,
    "smtp_encryption": "starttls",
    "smtp_authentication": "login",
    "smtp_user": False,
    "smtp_host": "smtp.example.org",
    "smtp_port": 587,
    "from_filter": False,
    "smtp_ssl_certificate": False,
    "smtp_debug": False,
    "max_email_size": 0.0,
    "active": True,
    "owner_user_id": False,
    "create_date": NOON,
}
COMPANY = {
    "id": 1,
    "name": "Registry",
    "email": False,
    "partner_id": [1, "Registry"],
    "alias_domain_id": False,
    "default_from_email": False,
    "bounce_email": "",
    "catchall_email": "",
}
USERS = [
    {"id": UID, "login": "admin", "email": "admin@example.org", "active": True},
    {"id": 9, "login": "ann", "email": "ann@example.org", "active": False},
]
CRON = {
    "id": 3,
    "cron_name": "Queue",
    "active": True,
    "nextcall": NOON,
    "lastcall": False,
    "interval_number": 2,
    "interval_type": "hours",
    "user_id": [9, "Ann"],
}


def parameter(record_id: int, key: str, value: str) -> dict[str, Any]:
    return {"id": record_id, "key": key, "value": value, "create_date": NOON, "write_date": NOON}


ANSWERS: dict[str, Any] = {
    "ir.mail_server.fields_get": load_fields_get("17.0"),
    "ir.mail_server.search_read": [],
    "ir.mail_server.search": [],
    "mail.template.search_read": [],
    "res.company.search_read": [COMPANY],
    "ir.model.data.search_read": [
        {"module": "mail", "name": "ir_cron_mail_scheduler_action", "model": "ir.cron", "res_id": 3}
    ],
    "ir.cron.search_read": [CRON],
    "res.users.search_read": USERS,
    "ir.config_parameter.search_read": [
        parameter(1, "web.base.url", "https://x.example"),
        parameter(2, "web.base.url.freeze.remote-mailcfg.5e55", "logging in"),
    ],
    "mail.mail.read_group": [],
    "mail.mail.formatted_read_group": [],
    "mail.mail.search_read": [],
    "mail.notification.read_group": [],
    "mail.notification.formatted_read_group": [],
    "fetchmail.server.search_read": [],
    "res.users.apikeys.search_read": [],
}


class Transport(FakeTransport):
    def __init__(self, function: Callable[[Call], Any], version: str) -> None:
        super().__init__(function)
        self._version = version

    def fetch_version(self) -> str:
        return self._version


def gather(
    answers: dict[str, Any] | None = None, *, version: str = "19.0"
) -> tuple[Evidence, FakeTransport]:
    """Gather from an instance that answers so; an answer that is an error is raised."""

    def answer(call: Call) -> Any:
        found = (ANSWERS | (answers or {}))[call.name]
        if isinstance(found, Exception):
            raise found
        return found(call) if callable(found) else found

    transport = Transport(answer, version)
    return fetch_evidence(make_instance(transport)), transport


def server(**values: Any) -> dict[str, Any]:
    fields = load_fields_get("17.0") | {name: {"type": "char"} for name in values}
    return {"ir.mail_server.fields_get": fields, "ir.mail_server.search_read": [ROW | values]}


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        (
            "ir.mail_server.fields_get",
            {"capabilities", "servers", "copies", "mailings", "templates"},
        ),
        ("ir.mail_server.search_read", {"servers", "copies", "mailings", "templates"}),
        ("res.company.search_read", {"companies", "default_senders"}),
        ("ir.model.data.search_read", {"crons", "default_senders"}),
        ("ir.cron.search_read", {"crons"}),
        ("res.users.search_read", {"user", "owners", "default_senders"}),
        ("ir.config_parameter.search_read", {"parameters", "left_logins"}),
        ("mail.mail.formatted_read_group", {"queue"}),
        ("mail.mail.search_read", {"failures"}),
        ("mail.notification.formatted_read_group", {"notifications"}),
        ("fetchmail.server.search_read", {"fetchmail"}),
        ("res.users.apikeys.search_read", {"api_keys"}),
    ],
)
def test_what_odoo_refuses_is_missing_with_its_reason(model: str, parts: set[str]) -> None:
    refusal = OdooError("access-denied", "Odoo denies access: you may not\nAsk somebody")

    evidence, _ = gather({model: refusal})

    missing = {part for part, why in evidence.missing.items() if why.endswith("you may not")}
    assert missing == parts
    assert missing <= set(PARTS)


def test_no_server_is_read_without_knowing_its_fields() -> None:
    """A read without a list of fields would return passwords."""
    _, transport = gather({"ir.mail_server.fields_get": OdooError("access-denied", "no")})

    assert not transport.named("ir.mail_server.search_read")
    assert all(call.params["fields"] for call in transport.calls if call.method == "search_read")


def test_an_instance_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(TransportError):
        gather({"ir.cron.search_read": TransportError("timeout", "no answer")})


def test_what_nobody_told_is_missing_too() -> None:
    evidence, _ = gather(version="17.0")

    assert evidence.missing == {
        "tests": "the mail servers were not tested",
        "role": "neither OPENSPP_ROLE nor the inventory gives the instance a role",
        "mailings": "Email Marketing is not installed",
        "api_keys": "API keys of Odoo before 18 do not expire",
    }


def test_the_role_of_the_inventory_is_part_of_the_evidence() -> None:
    transport = Transport(lambda call: ANSWERS[call.name], "17.0")

    evidence = fetch_evidence(make_instance(transport, replace(TARGET, role="training")))

    assert (evidence.role, evidence.is_copy, evidence.is_production) == ("training", True, False)
    assert "role" not in evidence.missing


@pytest.mark.parametrize("version", ["17.0", "19.0"])
def test_no_secret_is_read(version: str) -> None:
    _, transport = gather(server(smtp_authentication="gmail"), version=version)

    asked = {name for call in transport.calls for name in call.params.get("fields", ())}
    assert asked & SECRET_FIELDS == set()
    assert "user" not in asked


def test_the_fullest_instance_takes_fifteen_requests() -> None:
    fields = load_fields_get("19.0") | {"active_mailing_ids": {"type": "one2many"}}
    full = server(
        smtp_authentication="certificate",
        smtp_ssl_certificate="AA==",
        mail_template_ids=[5],
        active_mailing_ids=[6, 7],
    )

    evidence, transport = gather({"ir.mail_server.fields_get": fields} | full)

    assert len(transport.calls) == 15
    assert [(it.id, it.server_id) for it in evidence.mailings] == [(6, 1), (7, 1)]
    assert "mailings" not in evidence.missing


@pytest.mark.parametrize(("version", "asks"), [("17.0", False), ("18.0", True), ("19.0", True)])
def test_failures_of_actions_and_ends_of_keys_are_asked_for_where_there_are_some(
    version: str, *, asks: bool
) -> None:
    answers: dict[str, Any] = {
        "mail.mail.read_group": [],
        "mail.notification.read_group": [],
    }

    evidence, transport = gather(answers, version=version)

    asked = {name for call in transport.calls for name in call.params.get("fields", ())}
    assert ("expiration_date" in asked, "failure_count" in asked) == (asks, asks)
    assert ("api_keys" in evidence.missing) is not asks


def test_every_parameter_that_is_asked_for_is_judged_by_a_rule() -> None:
    folder = Path(remote_mailcfg.audit.__file__).parent
    rules = "".join(it.read_text("utf-8") for it in folder.glob("*.py"))

    _, transport = gather()

    (call,) = transport.named("ir.config_parameter.search_read")
    (keys,) = (term[2] for term in call.domain if "in" in term)
    neutralized = "database.is_neutralized"  # which `Evidence.is_neutralized` reads
    assert neutralized in keys
    assert [it for it in keys if f'"{it}"' not in rules] == [neutralized]


def test_secrets_of_several_kinds_are_looked_for_in_one_search() -> None:
    rows = [ROW | {"id": it, "smtp_authentication": kind} for it, kind in KINDS]

    evidence, transport = gather(
        {
            "ir.mail_server.search_read": rows,
            "ir.mail_server.search": lambda call: [] if len(call.domain) == 2 else [1, 2],
        }
    )

    assert transport.named("ir.mail_server.search")[1].domain == [
        ["active", "in", [True, False]],
        *("|", "|"),
        *("&", ["smtp_authentication", "=", "certificate"], ["smtp_ssl_private_key", "!=", False]),
        *("&", ["smtp_authentication", "=", "gmail"], ["google_gmail_refresh_token", "!=", False]),
        "&",
        ["smtp_authentication", "=", "outlook"],
        ["microsoft_outlook_refresh_token", "!=", False],
    ]
    assert [it.has_token for it in evidence.servers] == [True, None, False, None]
    assert [it.record.smtp_ssl_private_key for it in evidence.servers] == [
        False,
        True,
        False,
        False,
    ]


KINDS = ((1, "gmail"), (2, "certificate"), (3, "outlook"), (4, "login"))


def test_what_else_a_server_tells_is_kept() -> None:
    evidence, _ = gather(
        server(
            smtp_authentication="gmail",
            google_gmail_access_token_expiration=EXPIRES,
            company_id=[4, "Branch"],
            smtp_from="a@x.org",
            domain_whitelist="x.org",
        )
    )

    (found,) = evidence.servers
    assert found.token_expires == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert (found.company, found.smtp_from, found.domain_whitelist) == (
        "Branch",
        "a@x.org",
        "x.org",
    )


def test_a_copy_of_ours_is_no_server() -> None:
    evidence, _ = gather(server(name="remote-mailcfg backup 1: Main"))

    assert evidence.servers == ()
    assert [(it.id, it.created) for it in evidence.copies] == [
        (1, datetime(2026, 3, 2, 12, tzinfo=UTC))
    ]


@pytest.mark.parametrize("version", ["17.0", "19.0"])
def test_groups_are_asked_for_as_the_version_has_them(version: str) -> None:
    groups = [  # state, count, the least times that they were made at and scheduled for
        ["outgoing", 3, NOON, False],
        ["outgoing", 1, "2020-01-01 00:00:00", "2026-03-02 11:00:00"],
        ["sent", 2, False, False],
        ["exception", 4, "2020-01-01 00:00:00", NOON],
    ]

    def count(call: Call) -> list[dict[str, Any]]:
        assert call.params["groupby"] == ["state", "scheduled_date:year"]
        asked = call.params["fields" if version == "17.0" else "aggregates"]
        keys = [
            next(it.partition(":")[0] if version == "17.0" else it for it in asked if field in it)
            for field in ("create_date", "scheduled_date")
        ]
        return [
            {"state": state, "__count": number, keys[0]: made, keys[1]: due}
            for state, number, made, due in groups
        ]

    answers = {
        "mail.mail.read_group": count,
        "mail.mail.formatted_read_group": count,
        "mail.notification.read_group": [{"notification_status": "bounce", "__count": 2}],
        "mail.notification.formatted_read_group": [{"notification_status": "bounce", "__count": 2}],
    }

    evidence, _ = gather(answers, version=version)

    assert evidence.queue.counts == {"outgoing": 4, "sent": 2, "exception": 4}
    assert evidence.queue.oldest == {
        "outgoing": datetime(2026, 3, 2, 11, tzinfo=UTC),
        "exception": datetime(2026, 3, 2, 12, tzinfo=UTC),
    }
    assert evidence.notifications == {"bounce": 2}


def test_mails_that_are_due_later_are_left_out() -> None:
    evidence, transport = gather()

    (call,) = transport.named("mail.mail.formatted_read_group")
    assert call.domain == [
        "|",
        ["scheduled_date", "=", False],
        ["scheduled_date", "<=", f"{evidence.now:{FORMAT}}"],
    ]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        pytest.param("111\nConnection refused\nmore", "111 Connection refused", id="code-first"),
        pytest.param("Mail Delivery Failed\nto a@x.org", "Mail Delivery Failed", id="first-line"),
        pytest.param("no a@x.org", "no <address>", id="address"),
        pytest.param("x" * 300, "x" * 200, id="long"),
        pytest.param(False, "", id="none"),
    ],
)
def test_a_reason_is_one_line_without_addresses(reason: Any, told: str) -> None:
    row = {"failure_type": False, "failure_reason": reason}

    evidence, _ = gather({"mail.mail.search_read": [row, row]})

    assert [(it.reason, it.kind, it.count) for it in evidence.failures] == [(told, "", 2)]


def test_a_scheduled_action_tells_its_interval_and_whether_its_user_is_active() -> None:
    evidence, transport = gather()

    cron = evidence.find_cron("mail.ir_cron_mail_scheduler_action")
    assert cron
    assert (cron.interval_seconds, cron.user_id, cron.user_active) == (7200, 9, False)
    assert (cron.last_call, cron.failure_count) == (None, None)
    (call,) = transport.named("res.users.search_read")
    assert call.domain == [["id", "in", [UID, 9]]]


def test_an_incoming_server_and_a_key_tell_their_times() -> None:
    fetchmail = {"id": 1, "name": "In", "active": True, "state": "draft", "server_type": "imap"}
    fetchmail |= {"server": False, "port": 143, "is_ssl": False, "date": False}
    fetchmail |= {"error_date": NOON, "error_message": "a"}
    key = {"id": 2, "name": "cron", "create_date": NOON, "expiration_date": False}

    evidence, _ = gather(
        {"fetchmail.server.search_read": [fetchmail], "res.users.apikeys.search_read": [key]}
    )

    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert [(it.error_date, it.last_fetch) for it in evidence.fetchmail] == [(noon, None)]
    assert [(it.created, it.expires) for it in evidence.api_keys] == [(noon, None)]


def test_the_owner_of_a_personal_server_is_looked_up_with_the_others() -> None:
    evidence, transport = gather(server(owner_user_id=[9, "Ann"]))

    assert [(it.id, it.active) for it in evidence.owners] == [(9, False)]
    assert len(transport.named("res.users.search_read")) == 1


def test_a_partner_that_is_a_company_is_a_default_sender() -> None:
    row = {"module": "base", "name": "main_partner", "model": "res.partner", "res_id": 1}
    root = {"module": "base", "name": "user_admin", "model": "res.users", "res_id": UID}

    evidence, _ = gather(
        {
            "ir.model.data.search_read": [row, root],
            "res.company.search_read": [COMPANY | {"email": "info@x.org"}],
        }
    )

    assert [(it.xmlid, it.email) for it in evidence.default_senders] == [
        ("base.user_admin", "admin@example.org"),
        ("base.main_partner", "info@x.org"),
    ]


@pytest.mark.parametrize(
    ("version", "major"), [("17.0", 17), ("saas~18.2+e", 18), ("19.0", 19), ("", 0)]
)
def test_the_major_version_is_the_first_number(version: str, major: int) -> None:
    evidence, _ = gather(version="19.0")

    assert replace(evidence, version=version).major == major
