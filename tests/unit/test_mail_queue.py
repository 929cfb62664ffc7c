from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from remote_mailcfg.instance.mail_queue import (
    MailState,
    Queue,
    create_test_mail,
    fetch_mail_state,
    fetch_queue,
    send_mail,
    unlink_mail,
)
from remote_mailcfg.model.mail_server import MailServerRecord
from tests.fake_transport import Call, FakeTransport, make_instance
from tests.recorded import exchange

SERVER = MailServerRecord(
    id=7, name="<Main> & co", smtp_host="smtp.example.org", smtp_port=587, from_filter="x.org"
)


def create(sender: str = "") -> Call:
    transport = FakeTransport(lambda _call: 12)
    mail_id = create_test_mail(
        make_instance(transport), SERVER, sender=sender, recipient="you@example.net"
    )
    assert mail_id == 12
    return transport.calls[0]


def test_a_test_mail_goes_through_its_server_and_keeps_its_record() -> None:
    call = create()

    assert call.name == "mail.mail.create"
    assert call.values["mail_server_id"] == 7
    assert call.values["email_to"] == "you@example.net"
    assert call.values["auto_delete"] is False
    assert (call.values["model"], call.values["res_id"]) == ("ir.mail_server", 7)


def test_a_test_mail_says_who_sent_it_and_why() -> None:
    body = create().values["body_html"]

    for word in (
        "test of outgoing mail",
        "mail.admin@example.org",
        "https://registry.example.org",
        "database openspp",
        "smtp.example.org:587",
    ):
        assert word in body


def test_a_servers_name_is_no_markup_in_a_test_mail() -> None:
    assert "&lt;Main&gt; &amp; co" in create().values["body_html"]


@pytest.mark.parametrize(
    ("sender", "written"),
    [
        pytest.param("a@x.org", {"email_from": "a@x.org"}, id="a-sender"),
        pytest.param("", {}, id="odoos-own"),
    ],
)
def test_a_test_mail_has_the_sender_that_is_given(sender: str, written: dict[str, str]) -> None:
    values = create(sender).values

    assert {k: v for k, v in values.items() if k == "email_from"} == written


def test_a_mail_is_sent_and_removed_by_its_id() -> None:
    transport = FakeTransport(lambda _call: None)
    instance = make_instance(transport)

    send_mail(instance, 12)
    unlink_mail(instance, 12)

    assert [(call.name, call.ids) for call in transport.calls] == [
        ("mail.mail.send", (12,)),
        ("mail.mail.unlink", (12,)),
    ]


def test_the_state_of_a_sent_mail_has_no_reason() -> None:
    recorded = exchange("17.0", "mail-read-ok").response.body["result"]
    transport = FakeTransport(lambda _call: recorded)

    assert fetch_mail_state(make_instance(transport), 7) == MailState("sent", "")
    assert transport.calls[0].params["fields"] == ["state", "failure_reason"]


def test_the_state_of_a_mail_that_failed_has_odoos_reason() -> None:
    row = {"id": 7, "state": "exception", "failure_reason": "refused"}
    instance = make_instance(FakeTransport(lambda _call: [row]))

    assert fetch_mail_state(instance, 7) == MailState("exception", "refused")


def queue(*, waiting: list[Any], data: list[Any], crons: list[Any]) -> tuple[FakeTransport, Queue]:
    counts = {"outgoing": 2, "exception": 1}
    answers: dict[str, Callable[[Call], Any]] = {
        "mail.mail.search_count": lambda call: counts[call.domain[0][2]],
        "mail.mail.search_read": lambda _call: waiting,
        "ir.model.data.search_read": lambda _call: data,
        "ir.cron.read": lambda _call: crons,
    }
    transport = FakeTransport(lambda call: answers[call.name](call))
    return transport, fetch_queue(make_instance(transport))


def test_the_queue_tells_its_counts_its_oldest_mail_and_its_cron() -> None:
    transport, found = queue(
        waiting=[{"id": 1, "create_date": "2026-01-02 03:04:05"}],
        data=[{"id": 9, "res_id": 4}],
        crons=[{"id": 4, "active": True, "nextcall": "2026-01-02 04:00:00"}],
    )

    assert found == Queue(
        outgoing=2,
        failed=1,
        oldest=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        cron_active=True,
        cron_next=datetime(2026, 1, 2, 4, tzinfo=UTC),
    )
    assert transport.named("ir.cron.read")[0].ids == (4,)


def test_an_empty_queue_without_a_cron_asks_no_further() -> None:
    transport, found = queue(waiting=[], data=[], crons=[])

    assert (found.oldest, found.cron_active, found.cron_next) == (None, False, None)
    assert transport.named("ir.cron.read") == []


def test_a_cron_that_is_off_is_told() -> None:
    _, found = queue(
        waiting=[],
        data=[{"id": 9, "res_id": 4}],
        crons=[{"id": 4, "active": False, "nextcall": "2026-01-02 04:00:00"}],
    )

    assert not found.cron_active
