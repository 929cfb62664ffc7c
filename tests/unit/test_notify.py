"""A notice is handed to real services; whatever they do, their address stays a secret."""

import logging
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.operations.notify import Notice, open_notifier
from remote_mailcfg.sandbox.smtp_servers import SmtpPeer, SmtpPeers, smtp_peers
from remote_mailcfg.secret import Secret
from tests.canaries import API_KEY, PASSWORD, SMTP_PASSWORD, all_logs, leaks, texts_of
from tests.replay_server import Reply, Step, html_reply, json_reply, replay

#: Of a library that a plugin of apprise imports.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

DEADLINE_SECONDS = 30
NOTICE = Notice("2 new findings", "- error national: ὀδοός\n- warning training: x")


@pytest.fixture(scope="module")
def peers() -> Iterator[SmtpPeers]:
    with smtp_peers(user="ann", password=SMTP_PASSWORD, remembers=True) as running:
        yield running


def hook(url: str) -> str:
    """Return an address whose path, password and parameter are secrets."""
    place = url.removeprefix("http://")
    return f"json://ann:{PASSWORD}@{place}/hooks/{API_KEY}/?-token={API_KEY}"


def mail_to(peer: SmtpPeer, *, login: str = "", recipient: str = "bob@example.org") -> str:
    given = {"to": recipient, "from": "audit@example.org", "mode": "insecure", "smtp": peer.host}
    return f"mailto://{login}{peer.host}:{peer.port}?{urlencode(given)}"


def send(address: str) -> None:
    open_notifier(Secret(address)).send(NOTICE)


def failure(address: str) -> RemoteMailcfgError:
    """Return why a notice was not delivered; no secret is in it, nor in any log."""
    with all_logs() as heard, pytest.raises(RemoteMailcfgError) as caught:
        send(address)
    assert caught.value.code == "notification-failed"
    assert leaks([*heard, *texts_of(caught.value), caught.value.hint]) == []
    return caught.value


# Delivered


def test_a_notice_is_posted_to_a_hook() -> None:
    with replay(json_reply({})) as server:
        send(hook(server.url))

    (request,) = server.requests
    assert request.path == f"/hooks/{API_KEY}/?token={API_KEY}"
    assert (request.json["title"], request.json["message"]) == (NOTICE.title, NOTICE.body)


def test_a_notice_is_mailed(peers: SmtpPeers) -> None:
    send(mail_to(peers.plain))

    (mail,) = peers.plain.received
    assert mail.message["Subject"] == NOTICE.title
    assert mail.rcpt_tos == ("bob@example.org",)
    text = mail.message.get_body(("plain",))
    assert text is not None
    assert text.get_content().split() == NOTICE.body.split()


def test_a_notice_is_mailed_after_a_login(peers: SmtpPeers) -> None:
    send(mail_to(peers.plain_auth, login=f"ann:{SMTP_PASSWORD}@"))

    assert len(peers.plain_auth.received) == 1


def test_delivery_leaks_nothing_into_a_log(peers: SmtpPeers) -> None:
    with replay(json_reply({})) as server, all_logs() as heard:
        send(hook(server.url))
        send(mail_to(peers.plain_auth, login=f"ann:{SMTP_PASSWORD}@"))

    assert server.requests
    assert leaks(heard) == []


def test_our_own_log_is_heard_meanwhile_and_every_other_one_afterwards() -> None:
    def log_and_answer(*_: object) -> None:
        logging.getLogger("remote_mailcfg.rpc").info("ours meanwhile")
        logging.getLogger("some.library").error("theirs meanwhile")

    with replay(log_and_answer) as server, all_logs() as heard:
        with pytest.raises(RemoteMailcfgError):
            send(hook(server.url))
        logging.getLogger("some.library").error("theirs afterwards")

    said = [text for text in heard if text.startswith(("ours", "theirs"))]
    assert [" ".join(text.split()[:2]) for text in said] == ["ours meanwhile", "theirs afterwards"]


def test_notices_at_the_same_time_each_tell_their_own_reason() -> None:
    first_is_under_way, second_has_ended = threading.Event(), threading.Event()

    def wait_and_refuse(connection: socket.socket, _stopping: threading.Event) -> None:
        first_is_under_way.set()
        assert second_has_ended.wait(DEADLINE_SECONDS)
        connection.sendall(html_reply(404).wire)

    def reason(url: str) -> str:
        with pytest.raises(RemoteMailcfgError) as caught:
            send(hook(url))
        return caught.value.message

    with (
        replay(wait_and_refuse) as one,
        replay(html_reply(500)) as other,
        ThreadPoolExecutor(1) as pool,
        all_logs() as heard,
    ):
        first = pool.submit(reason, one.url)
        assert first_is_under_way.wait(DEADLINE_SECONDS)
        second = reason(other.url)
        logging.getLogger("some.library").error("theirs meanwhile")
        second_has_ended.set()
        messages = (first.result(), second)
        logging.getLogger("some.library").error("theirs afterwards")

    assert [("404" in it, "500" in it) for it in messages] == [(True, False), (False, True)]
    assert [it.split()[1] for it in heard if it.startswith("theirs")] == ["afterwards"]


# Not delivered


def closes(*_: object) -> None:
    """End the connection without a word."""


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        pytest.param(html_reply(404, "No such hook"), "HTTP status 404", id="refused"),
        pytest.param(html_reply(500), "HTTP status 500", id="broken"),
        pytest.param(closes, "no connection, it broke off", id="closed"),
        pytest.param(
            Reply(status=401, body=f"who is {PASSWORD}?".encode()), "HTTP status 401", id="echoes"
        ),
    ],
)
def test_a_hook_that_does_not_take_it_is_told(reply: Step, reason: str) -> None:
    with replay(reply) as server:
        error = failure(hook(server.url))

    assert reason in error.message


def test_a_service_that_is_not_there_is_told() -> None:
    with replay() as gone:
        address = hook(gone.url)

    assert "no connection" in failure(address).message


@pytest.mark.parametrize("name", ["refused", "closing"])
def test_a_mail_server_that_cannot_be_used_is_told(peers: SmtpPeers, name: str) -> None:
    address = mail_to(getattr(peers, name), login=f"ann:{SMTP_PASSWORD}@")

    assert "no connection" in failure(address).message


def test_a_login_that_is_refused_is_told(peers: SmtpPeers) -> None:
    address = mail_to(peers.plain_auth, login=f"ann:{PASSWORD}@")

    assert "refused the login" in failure(address).message


def test_a_recipient_who_is_refused_is_told(peers: SmtpPeers) -> None:
    error = failure(mail_to(peers.relay_for_own_domains, recipient="bob@elsewhere.example"))

    assert error.message == "the notification was not delivered: the service did not take it"


# No service


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(f"https://{PASSWORD}@", id="no-host"),
        pytest.param(f"nosuch://{PASSWORD}@example.org", id="no-such-service"),
        pytest.param(f"slack://{PASSWORD}", id="not-the-form-of-the-service"),
        pytest.param(PASSWORD, id="no-address"),
        pytest.param(" ", id="blank"),
    ],
)
def test_what_is_no_address_is_told_before_anything_is_sent(address: str) -> None:
    with all_logs() as heard, pytest.raises(ConfigurationError) as caught:
        open_notifier(Secret(address))

    assert caught.value.is_usage
    assert "not an address of a service" in caught.value.message
    assert leaks([*heard, *texts_of(caught.value), caught.value.hint]) == []


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(ConfigurationError) as caught:
        open_notifier(Secret("json://localhost"))
    assert caught.value.hint == "pip install 'remote-mailcfg[notify]'"


def test_a_notifier_does_not_show_its_address() -> None:
    notifier = open_notifier(Secret(hook("http://localhost")))

    assert leaks([repr(notifier), str(notifier)]) == []
