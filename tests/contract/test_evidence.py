"""What an audit gathers from a server, over every wire."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remote_mailcfg.instance.evidence import fetch_evidence
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.model.evidence import Evidence
from tests.contract.conftest import CreateServer, name

#: What a plain instance has not, and what nobody tells here.
NOT_THERE = {"role", "tests", "mailings", "api_keys"}
#: How long ago a mail was due.
DUE_AGO = timedelta(minutes=5)
PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"


@pytest.fixture
def mails(admin: Instance) -> Iterator[None]:
    """Put mails into the queue: two that wait, one for later, two that failed alike."""
    later, due = (
        f"{datetime.now(UTC) + it:%Y-%m-%d %H:%M:%S}" for it in (timedelta(days=9), -DUE_AGO)
    )
    made = []
    for values in (
        {"state": "outgoing"},
        {"state": "outgoing", "scheduled_date": later},
        {"state": "outgoing", "scheduled_date": due},
        {"state": "exception", "failure_reason": "550\nno ann@contract.invalid here"},
        {"state": "exception", "failure_reason": "550\nno <bob@contract.invalid> here"},
    ):
        mail: dict[str, Any] = {"subject": name(), "email_to": "you@contract.invalid"}
        # a document to belong to, or nobody may remove it on 19
        mail |= {"model": "res.partner", "res_id": 1, "auto_delete": False}
        made.append(admin.call("mail.mail", "create", vals_list=mail | values))
    yield
    admin.call("mail.mail", "unlink", made)


def gather(instance: Instance) -> Evidence:
    return fetch_evidence(instance)


def test_nothing_is_missing_that_a_plain_instance_has(instance: Instance) -> None:
    assert set(gather(instance).missing) <= NOT_THERE


def test_keys_of_17_do_not_expire_and_are_not_looked_at(instance: Instance, version: int) -> None:
    assert ("api_keys" in gather(instance).missing) is (version < 18)


def test_the_version_and_the_user_are_those_of_the_login(instance: Instance, version: int) -> None:
    evidence = gather(instance)

    assert evidence.major == version
    assert evidence.user
    assert evidence.user.id == instance.connection.transport.fetch_uid()


def test_a_server_comes_with_what_it_holds_but_no_secret(
    instance: Instance, create: CreateServer
) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nCanary\n-----END PRIVATE KEY-----\n"
    certificate, private = (base64.b64encode(it.encode()).decode() for it in (PEM, key))
    server_id = create(
        smtp_authentication="certificate",
        smtp_encryption="starttls",
        smtp_ssl_certificate=certificate,
        smtp_ssl_private_key=private,
    )
    other_id = create(smtp_user="mailer@contract.invalid", smtp_pass="smtp-Canary-1")

    evidence = gather(instance)

    servers = {it.record.id: it for it in evidence.servers}
    assert servers[server_id].certificate == PEM
    assert servers[server_id].record.smtp_ssl_private_key is True
    assert servers[other_id].record.has_password is True
    assert servers[other_id].record.smtp_ssl_private_key is False
    assert "Canary" not in repr(evidence)


def test_our_own_copies_are_told_of_apart(instance: Instance, create: CreateServer) -> None:
    server_id = create(name=f"remote-mailcfg candidate {name()}")

    evidence = gather(instance)

    assert [it.id for it in evidence.copies if it.id == server_id] == [server_id]
    assert server_id not in {it.id for it in evidence.records}


def test_a_template_tells_which_server_it_names(
    instance: Instance, admin: Instance, create: CreateServer
) -> None:
    server_id = create()
    (model_id,) = admin.call("ir.model", "search", domain=[["model", "=", "res.partner"]])
    values = {"name": name(), "model_id": model_id, "mail_server_id": server_id}
    template_id = admin.call("mail.template", "create", vals_list=values)
    try:
        (found,) = (it for it in gather(instance).templates if it.id == template_id)
    finally:
        admin.call("mail.template", "unlink", (template_id,))

    assert (found.name, found.server_id) == (values["name"], server_id)


@pytest.mark.usefixtures("mails")
def test_the_queue_is_counted_by_state_without_what_is_due_later(
    instance: Instance, admin: Instance
) -> None:
    waiting: list[Any] = [["state", "=", "outgoing"]]
    due = ["scheduled_date", "<=", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"]
    later = [*waiting, ["scheduled_date", "!=", False], "!", due]
    counts = [admin.call("mail.mail", "search_count", domain=it) for it in (waiting, later)]

    queue = gather(instance).queue

    assert counts[1] >= 1
    assert queue.counts["outgoing"] == counts[0] - counts[1]
    assert queue.counts["exception"] >= 2
    assert queue.oldest["outgoing"] <= datetime.now(UTC) - DUE_AGO


@pytest.mark.usefixtures("mails")
def test_failures_of_one_reason_are_one_whomever_they_are_about(instance: Instance) -> None:
    failures = {it.reason: it.count for it in gather(instance).failures}

    assert failures["550 no <address> here"] == 2


def test_the_scheduled_actions_of_mail_are_known_by_their_external_ids(
    instance: Instance,
) -> None:
    evidence = gather(instance)

    for xmlid in ("mail.ir_cron_mail_scheduler_action", "base.autovacuum_job"):
        cron = evidence.find_cron(xmlid)
        assert cron
        assert cron.next_call
    assert evidence.find_cron("mail.no_such_action") is None


def test_the_senders_that_odoo_ships_are_told_of(instance: Instance) -> None:
    shipped = [sender.xmlid for sender in gather(instance).default_senders]

    assert shipped == ["base.user_root", "base.user_admin", "base.main_partner"]


def test_a_user_without_the_role_gets_what_he_may_read(clerks: Instance) -> None:
    evidence = gather(clerks)

    assert "denies access" in evidence.missing["servers"]
    assert evidence.servers == ()
    assert evidence.user
