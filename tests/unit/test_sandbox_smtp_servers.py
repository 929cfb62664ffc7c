"""The mail servers that the sandbox and other tests rely on do what their names say."""

import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from remote_mailcfg.sandbox.smtp_servers import USER, ReceivedMail, SmtpPeer, SmtpPeers, smtp_peers

SENDER = "odoo@example.org"


@pytest.fixture(scope="module")
def peers() -> Iterator[SmtpPeers]:
    with smtp_peers(remembers=True) as running:
        yield running


@pytest.fixture
def trusting(peers: SmtpPeers) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=peers.certificate_pem)
    return context


def connect(peer: SmtpPeer) -> smtplib.SMTP:
    return smtplib.SMTP(peer.host, peer.port, timeout=5)


def log_in(client: smtplib.SMTP, peer: SmtpPeer) -> None:
    assert peer.user is not None
    assert peer.password is not None
    client.login(peer.user, peer.password)


def send(client: smtplib.SMTP, recipient: str = "someone@example.com") -> None:
    message = EmailMessage()
    message["Subject"] = "A täst"
    message.set_content("Hello")
    client.send_message(message, SENDER, [recipient])


def test_the_plain_server_keeps_the_mail_and_its_envelope(peers: SmtpPeers) -> None:
    with connect(peers.plain) as client:
        send(client)
    [mail] = peers.plain.received
    assert (mail.mail_from, mail.rcpt_tos) == (SENDER, ("someone@example.com",))
    assert mail.message["Subject"] == "A täst"
    assert mail.message.get_content().strip() == "Hello"
    assert (peers.plain.senders, peers.plain.recipients) == ([SENDER], ["someone@example.com"])


def test_the_plain_server_offers_neither_login_nor_starttls(peers: SmtpPeers) -> None:
    with connect(peers.plain) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert not client.has_extn("starttls")


def test_the_server_with_plain_login_takes_mail_after_it(peers: SmtpPeers) -> None:
    with connect(peers.plain_auth) as client:
        log_in(client, peers.plain_auth)
        send(client)
    assert len(peers.plain_auth.received) == 1


@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
def test_the_login_is_offered_as_login_and_as_plain(peers: SmtpPeers, mechanism: str) -> None:
    with connect(peers.plain_auth) as client:
        client.ehlo()
        assert mechanism in client.esmtp_features["auth"].split()


def test_a_wrong_password_is_refused(peers: SmtpPeers) -> None:
    with (
        connect(peers.plain_auth) as client,
        pytest.raises(smtplib.SMTPAuthenticationError) as refusal,
    ):
        client.login(USER, "wrong")
    assert refusal.value.smtp_code == 535
    assert refusal.value.smtp_error == b"5.7.8 Authentication credentials invalid"


def test_user_and_password_can_be_chosen() -> None:
    with smtp_peers(user="mailer", password="s3cret", remembers=True) as peers:
        assert (peers.plain_auth.user, peers.plain_auth.password) == ("mailer", "s3cret")
        with connect(peers.plain_auth) as client:
            log_in(client, peers.plain_auth)


def test_a_server_with_login_takes_no_mail_without_it(peers: SmtpPeers) -> None:
    with connect(peers.plain_auth) as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refusal:
            send(client)
        assert refusal.value.smtp_code == 530
        assert refusal.value.smtp_error == b"5.7.0 Authentication required"


def test_the_starttls_server_offers_login_only_after_starttls(
    peers: SmtpPeers, trusting: ssl.SSLContext
) -> None:
    with connect(peers.starttls_auth) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        client.starttls(context=trusting)
        log_in(client, peers.starttls_auth)
        send(client)
    assert len(peers.starttls_auth.received) == 1


def test_the_tls_server_speaks_tls_from_the_first_byte(
    peers: SmtpPeers, trusting: ssl.SSLContext
) -> None:
    peer = peers.tls_auth
    with smtplib.SMTP_SSL(peer.host, peer.port, timeout=5, context=trusting) as client:
        log_in(client, peer)
        send(client)
    assert len(peer.received) == 1


def test_the_certificate_of_the_tls_server_signs_itself(peers: SmtpPeers) -> None:
    peer = peers.tls_auth
    strict = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError, match="failed: self-signed certificate"):
        smtplib.SMTP_SSL(peer.host, peer.port, timeout=5, context=strict)


def test_the_certificate_of_the_starttls_server_signs_itself(peers: SmtpPeers) -> None:
    client = connect(peers.starttls_auth)
    try:
        with pytest.raises(ssl.SSLCertVerificationError, match="failed: self-signed certificate"):
            client.starttls(context=ssl.create_default_context())
    finally:
        client.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_certificate_is_for_both_names_of_this_machine(
    peers: SmtpPeers, trusting: ssl.SSLContext, host: str
) -> None:
    with smtplib.SMTP_SSL(host, peers.tls_auth.port, timeout=5, context=trusting) as client:
        assert client.noop()[0] == 250


def test_the_refusing_server_refuses_the_sender(peers: SmtpPeers) -> None:
    with connect(peers.refusing_sender) as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refusal:
            send(client)
        assert refusal.value.smtp_code == 550


def test_the_refusing_server_refuses_the_recipient(peers: SmtpPeers) -> None:
    with connect(peers.refusing_recipient) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
            send(client)
        assert refusal.value.recipients["someone@example.com"][0] == 550


def test_every_server_refuses_a_sender_of_the_refused_domain(peers: SmtpPeers) -> None:
    with connect(peers.plain) as client:
        client.ehlo()
        reply = client.mail("odoo@refused.example")
    assert reply == (550, b"5.7.1 Sender address rejected: not owned by user")


@pytest.mark.parametrize(
    ("recipient", "text"),
    [
        ("x@refused-rcpt.example", b"5.1.1 Recipient address rejected: User unknown"),
        ("reject@example.net", b"5.1.1 no such user"),
    ],
)
def test_every_server_refuses_some_recipients(
    peers: SmtpPeers, recipient: str, text: bytes
) -> None:
    with connect(peers.plain) as client, pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        send(client, recipient)
    assert refusal.value.recipients == {recipient: (550, text)}


@pytest.mark.parametrize(("peer", "size"), [("plain", "33554432"), ("small", "1000000")])
def test_a_server_announces_how_large_a_mail_may_be(peers: SmtpPeers, peer: str, size: str) -> None:
    with connect(getattr(peers, peer)) as client:
        client.ehlo()
        assert client.esmtp_features["size"] == size


def test_the_small_server_refuses_a_large_mail(peers: SmtpPeers) -> None:
    with connect(peers.small) as client:
        client.ehlo()
        assert client.mail(SENDER, ["SIZE=1000001"])[0] == 552


def test_each_mail_is_told_and_kept_as_a_file(tmp_path: Path) -> None:
    told: list[ReceivedMail] = []
    folder = tmp_path / "new" / "mails"
    with smtp_peers(on_mail=told.append, keep_in=folder) as peers, connect(peers.plain) as client:
        send(client)
        send(client)
        assert peers.plain.received == []
    assert [mail.server for mail in told] == ["plain", "plain"]
    files = sorted(folder.iterdir())
    assert [path.name.rpartition("-")[2] for path in files] == ["plain.eml", "plain.eml"]
    assert b"\r\nHello\r\n" in files[0].read_bytes()


def test_the_relay_takes_mail_for_its_own_domain_only(peers: SmtpPeers) -> None:
    with connect(peers.relay_for_own_domains) as client:
        send(client, "someone@example.org")
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
            send(client, "noreply@odoo.com")
        assert b"relaying denied" in refusal.value.recipients["noreply@odoo.com"][1]
    [mail] = peers.relay_for_own_domains.received
    assert mail.rcpt_tos == ("someone@example.org",)


def test_the_silent_server_never_greets(peers: SmtpPeers) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        smtplib.SMTP(peers.silent.host, peers.silent.port, timeout=0.2)


def test_the_closing_server_ends_the_connection_before_a_greeting(peers: SmtpPeers) -> None:
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        connect(peers.closing)


def test_nothing_listens_on_the_refused_port(peers: SmtpPeers) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(peers.refused)


def test_servers_end_while_clients_are_still_connected() -> None:
    with smtp_peers(remembers=True) as peers:
        clients = [connect(peers.plain), connect(peers.starttls_auth)]
        waiting = smtplib.SMTP(timeout=0.2)
        with pytest.raises(
            smtplib.SMTPServerDisconnected
        ):  # plain SMTP on a TLS port: both sides wait
            waiting.connect(peers.tls_auth.host, peers.tls_auth.port)
    for client in clients:
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
            client.noop()
        client.close()
