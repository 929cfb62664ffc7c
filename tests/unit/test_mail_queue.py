import pytest

from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance.mail_queue import (
    MailState,
    create_test_mail,
    fetch_mail_state,
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


def test_the_id_of_another_mail_is_refused() -> None:
    answers = {"mail.mail.create": 3, "mail.mail.search_count": 0}
    transport = FakeTransport(lambda call: answers[call.name])

    with pytest.raises(OdooError, match="mail 3 for a new one") as caught:
        create_test_mail(make_instance(transport), SERVER, sender="", recipient="you@example.net")

    assert caught.value.code == "not-verified"


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
