"""Real mail servers for tests, each with one way to accept or to refuse."""

import asyncio
import contextlib
import email
import email.policy
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.loop_thread import HOST, LoopThread, loop_thread

HOSTNAME = "mail.example.org"
OWN_DOMAIN = "example.org"
USER = "mailer@example.org"
PASSWORD = "smtp-Secret-1"
OK = "250 OK"


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One mail that a server accepted, with its envelope."""

    mail_from: str
    rcpt_tos: tuple[str, ...]
    message: EmailMessage


@dataclass(frozen=True, slots=True)
class SmtpPeer:
    """Where a server listens, the login it accepts (None: it offers none), and what it was told.

    `senders` and `recipients` hold the addresses of every MAIL FROM and RCPT TO, refused ones too:
    Odoo's connection test ends before the message, so it never shows in `received`.
    """

    port: int
    host: str = HOST
    user: str | None = None
    password: str | None = None
    received: list[ReceivedMail] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SmtpPeers:
    """The running servers, by what they do.

    The certificates are of `ca`, which no system trusts, for `localhost` and 127.0.0.1.
    """

    ca: trustme.CA
    plain: SmtpPeer
    plain_auth: SmtpPeer
    starttls_auth: SmtpPeer
    tls_auth: SmtpPeer
    refusing_sender: SmtpPeer
    refusing_recipient: SmtpPeer
    relay_for_own_domains: SmtpPeer
    silent: SmtpPeer
    closing: SmtpPeer
    refused: SmtpPeer


@dataclass(frozen=True, slots=True)
class _Rules:
    """What a server demands and what it replies."""

    auth: bool = False
    starttls: bool = False
    tls: bool = False
    sender_reply: str = OK
    recipient_reply: Callable[[str], str] = lambda _address: OK


@dataclass(slots=True)
class _Handler:
    """The hooks of aiosmtpd for one server."""

    rules: _Rules
    received: list[ReceivedMail] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        # Not aiosmtpd's own auth_required: it warns for every connection without TLS.
        if self.rules.auth and not session.authenticated:
            return "530 5.7.0 Authentication required"
        self.senders.append(address)
        if self.rules.sender_reply == OK:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.rules.sender_reply

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.recipients.append(address)
        reply = self.rules.recipient_reply(address)
        if reply == OK:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return reply

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        self.received.append(
            ReceivedMail(envelope.mail_from or "", tuple(envelope.rcpt_tos), message)
        )
        return "250 OK accepted"


def _authenticate(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any
) -> AuthResult:
    expected = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=login == expected, handled=False)


class _Silent(asyncio.Protocol):
    """Accepts a connection and says nothing."""


class _Closing(asyncio.Protocol):
    """Accepts a connection and closes it at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _start(thread: LoopThread, certificate: ssl.SSLContext, rules: _Rules) -> SmtpPeer:
    handler = _Handler(rules)

    def session() -> SMTP:
        return SMTP(
            handler,
            hostname=HOSTNAME,
            tls_context=certificate if rules.starttls else None,
            require_starttls=rules.starttls,
            auth_require_tls=rules.starttls or not rules.auth,
            authenticator=_authenticate,
        )

    return SmtpPeer(
        port=thread.serve(session, certificate if rules.tls else None),
        user=USER if rules.auth else None,
        password=PASSWORD if rules.auth else None,
        received=handler.received,
        senders=handler.senders,
        recipients=handler.recipients,
    )


def _refuse_recipient(address: str) -> str:
    return f"550 5.1.1 <{address}>: user unknown"


def _relay_for_own_domain(address: str) -> str:
    own = address.endswith("@" + OWN_DOMAIN)
    return OK if own else f"550 5.7.1 <{address}>: relaying denied"


@contextlib.contextmanager
def _refused_port() -> Iterator[int]:
    """Hold a port that nobody can listen on, so that every connection is refused."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        yield held.getsockname()[1]


@contextlib.contextmanager
def smtp_peers() -> Iterator[SmtpPeers]:
    """Run one server of every kind on free ports of 127.0.0.1."""
    ca = trustme.CA()
    certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost", HOST).configure_cert(certificate)
    with loop_thread() as thread, _refused_port() as refused_port:

        def start(rules: _Rules) -> SmtpPeer:
            return _start(thread, certificate, rules)

        yield SmtpPeers(
            ca=ca,
            plain=start(_Rules()),
            plain_auth=start(_Rules(auth=True)),
            starttls_auth=start(_Rules(auth=True, starttls=True)),
            tls_auth=start(_Rules(auth=True, tls=True)),
            refusing_sender=start(_Rules(sender_reply="550 5.7.1 sender not allowed here")),
            refusing_recipient=start(_Rules(recipient_reply=_refuse_recipient)),
            relay_for_own_domains=start(_Rules(recipient_reply=_relay_for_own_domain)),
            silent=SmtpPeer(thread.serve(_Silent)),
            closing=SmtpPeer(thread.serve(_Closing)),
            refused=SmtpPeer(refused_port),
        )
