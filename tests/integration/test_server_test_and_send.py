"""`server test` and `server send`."""

import socket

import pytest

from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import PASSWORD, SmtpPeers
from tests.integration.instance import Instance


def test_a_working_server_passes(instance: Instance, smtp: SmtpPeers) -> None:
    server_id = instance.add_server(smtp.plain)
    ran = instance.json("server", "test", str(server_id))
    (test,) = ran.data["tests"]
    assert (ran.code, test["ok"], test["cause"], test["id"]) == (0, True, None, server_id)
    assert test["sender"] == smtp.plain.senders[0]


def test_an_archived_server_can_be_tested(some_instance: Instance, smtp: SmtpPeers) -> None:
    server_id = some_instance.add_server(smtp.plain, active=False)
    assert some_instance.run("server", "test", str(server_id)).code == 0


@pytest.mark.parametrize(
    ("peer", "values", "cause"),
    [
        ("refused", {}, "refused"),
        ("closing", {}, "closed-early"),
        ("plain", {"smtp_host": "no-such-host.invalid"}, "name-not-found"),
        ("plain", {"smtp_encryption": "ssl"}, "tls-mismatch"),
        ("plain", {"smtp_encryption": "starttls"}, "starttls-not-offered"),
        ("plain", {"smtp_user": "u", "smtp_pass": "p"}, "authentication-not-offered"),
        ("plain_auth", {"smtp_pass": "wrong"}, "authentication-refused"),
        ("plain_auth", {"smtp_user": False}, "sender-refused"),
        ("refusing_sender", {}, "sender-refused"),
        ("relay_for_own_domains", {}, "recipient-refused"),
        ("plain", {"smtp_host": False}, "no-host"),
    ],
    ids=lambda it: it if isinstance(it, str) else "-".join(it),
)
def test_a_failure_has_its_cause_the_servers_text_and_a_hint(
    instance: Instance, smtp: SmtpPeers, peer: str, values: dict[str, object], cause: str
) -> None:
    server_id = instance.add_server(getattr(smtp, peer), **values)
    ran = instance.json("server", "test", str(server_id))
    (test,) = ran.data["tests"]
    assert (ran.code, ran.error["code"], test["cause"]) == (1, "test-failed", cause)
    assert test["message"]
    assert test["hint"]


def test_a_refused_recipient_is_explained_by_the_probes_address(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = some_instance.add_server(smtp.relay_for_own_domains)
    (test,) = some_instance.json("server", "test", str(server_id)).data["tests"]
    assert "noreply@odoo.com" in test["hint"]


def test_the_sender_is_the_first_address_of_the_filter(instance: Instance, smtp: SmtpPeers) -> None:
    server_id = instance.add_server(smtp.plain, from_filter="example.org, office@example.org")
    (test,) = instance.json("server", "test", str(server_id)).data["tests"]
    assert (test["sender"], smtp.plain.senders) == ("office@example.org", ["office@example.org"])


def test_the_sender_of_a_domain_is_what_the_server_takes(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = some_instance.add_server(smtp.plain, from_filter="example.org")
    (test,) = some_instance.json("server", "test", str(server_id)).data["tests"]
    assert [test["sender"]] == smtp.plain.senders


@pytest.mark.usefixtures("alone")
def test_without_a_server_every_active_one_is_tested(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    good = some_instance.add_server(smtp.plain, sequence=1)
    bad = some_instance.add_server(smtp.refused, name=some_instance.name("bad"), sequence=2)
    some_instance.add_server(smtp.refused, name=some_instance.name("archived"), active=False)
    ran = some_instance.json("server", "test")
    assert ran.code == 1
    assert [(it["id"], it["ok"]) for it in ran.data["tests"]] == [(good, True), (bad, False)]


@pytest.mark.usefixtures("alone")
def test_without_any_active_server_there_is_nothing_to_test(some_instance: Instance) -> None:
    ran = some_instance.json("server", "test")
    assert (ran.code, ran.error["code"]) == (1, "not-found")


def test_people_see_the_cause_and_the_next_step(some_instance: Instance, smtp: SmtpPeers) -> None:
    server_id = some_instance.add_server(smtp.refused)
    ran = some_instance.run("server", "test", str(server_id))
    assert f"failed {server_id}" in ran.out
    assert "Connection refused" in ran.out
    assert "next: Nothing listens there" in ran.out


def test_a_silent_server_gives_no_answer(faulty: tuple[Instance, Served], smtp: SmtpPeers) -> None:
    instance, sandbox = faulty
    sandbox.database.smtp_timeout_seconds = 0.2
    server_id = instance.add_server(smtp.silent)
    (test,) = instance.json("server", "test", str(server_id)).data["tests"]
    assert (test["ok"], test["cause"]) == (False, "no-answer")


def test_a_test_that_outlasts_our_own_time_limit_is_no_answer(
    instance: Instance, silent_server: socket.socket
) -> None:
    host, port = silent_server.getsockname()
    server_id = instance.add_server(smtp_host=host, smtp_port=port)
    limit = "0.4" if instance.sandbox else "4"
    ran = instance.json("server", "test", str(server_id), OPENSPP_TIMEOUT=limit)
    (test,) = ran.data["tests"]
    assert (ran.code, test["cause"]) == (1, "no-answer")


def test_a_personal_server_is_left_out(some_instance: Instance, smtp: SmtpPeers) -> None:
    if some_instance.version < 19:
        pytest.skip("17 has no personal servers")
    owned = some_instance.add_server(smtp.plain, owner_user_id=some_instance.records.uid)
    some_instance.add_server(smtp.plain, name=some_instance.name("other"))
    tested = [it["id"] for it in some_instance.json("server", "test").data["tests"]]
    assert owned not in tested


def test_a_real_mail_is_delivered_that_says_who_sent_it(
    instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = instance.add_server(smtp.plain_auth)
    ran = instance.json("server", "send", str(server_id), "--to", "reader@example.org")
    (mail,) = smtp.plain_auth.received
    assert (ran.code, ran.data["mail"]["state"], ran.data["mail"]["reason"]) == (0, "sent", "")
    assert mail.rcpt_tos == ("reader@example.org",)
    assert instance.name() in mail.message["Subject"]
    body = mail.message.get_body(("html", "plain"))
    assert body
    text = " ".join(body.get_content().split())
    assert f"{instance.login} sent it with remote-mailcfg" in text
    assert instance.url in text


@pytest.mark.parametrize("peer", ["plain", "refused"])
def test_no_record_of_the_mail_is_left(instance: Instance, smtp: SmtpPeers, peer: str) -> None:
    server_id = instance.add_server(getattr(smtp, peer))
    ran = instance.json("server", "send", str(server_id), "--to", "reader@example.org")
    assert instance.records.find("mail.mail", ["id", "=", ran.data["mail"]["id"]]) == []


@pytest.mark.parametrize(
    ("peer", "reason"),
    [("refused", "Connection refused"), ("refusing_recipient", "User unknown")],
    ids=["connection", "recipient"],
)
def test_a_mail_that_is_not_taken_is_told_with_its_reason(
    instance: Instance, smtp: SmtpPeers, peer: str, reason: str
) -> None:
    server_id = instance.add_server(getattr(smtp, peer))
    ran = instance.json("server", "send", str(server_id), "--to", "reader@example.org")
    assert (ran.code, ran.error["code"]) == (1, "mail-not-sent")
    assert ran.data["mail"]["state"] == "exception"
    assert reason in ran.data["mail"]["reason"]


def test_an_archived_server_sends_nothing(some_instance: Instance, smtp: SmtpPeers) -> None:
    server_id = some_instance.add_server(smtp.plain, active=False)
    ran = some_instance.json("server", "send", str(server_id), "--to", "reader@example.org")
    assert (ran.code, ran.error["code"]) == (1, "server-archived")
    assert smtp.plain.received == []


def test_a_recipient_that_is_no_address_is_refused(some_instance: Instance) -> None:
    ran = some_instance.json("server", "send", "1", "--to", "everybody")
    assert (ran.code, ran.error["code"]) == (2, "invalid-value")


def test_people_are_told_that_the_mail_was_taken(some_instance: Instance, smtp: SmtpPeers) -> None:
    server_id = some_instance.add_server(smtp.plain)
    ran = some_instance.run("server", "send", str(server_id), "--to", "reader@example.org")
    assert (ran.code, "The mail server took it" in ran.out) == (0, True)


def test_people_see_the_reason_of_a_mail_that_was_not_taken(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = some_instance.add_server(smtp.refused)
    ran = some_instance.run("server", "send", str(server_id), "--to", "reader@example.org")
    assert ran.out.strip().endswith("exception")
    assert "Connection refused" in ran.err


def test_a_record_that_cannot_be_removed_is_told_and_the_result_stays(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain)
    sandbox.database.switches.break_before["mail.mail.unlink"] = False
    ran = instance.json("server", "send", str(server_id), "--to", "reader@example.org")
    assert (ran.code, ran.data["mail"]["state"]) == (0, "sent")
    assert "could not be removed" in ran.err


def test_a_send_that_gets_no_answer_is_asked_for_its_state(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain_auth)
    sandbox.database.switches.break_after["mail.mail.send"] = True
    words = ("server", "send", str(server_id), "--to", "reader@example.org")
    ran = instance.json(*words, OPENSPP_TIMEOUT="0.4")
    assert (ran.code, ran.data["mail"]["state"]) == (0, "sent")


def test_a_send_that_breaks_off_is_an_error(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain_auth, smtp_pass=PASSWORD)
    sandbox.database.switches.break_before["mail.mail.send"] = False
    ran = instance.json("server", "send", str(server_id), "--to", "reader@example.org")
    assert (ran.code, ran.error["code"]) == (1, "unreachable")
    assert instance.records.find("mail.mail") == []
