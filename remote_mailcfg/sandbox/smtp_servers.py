"""Real mail servers on this machine, each with one way to accept or to refuse.

Their words are those of the servers that `tests/recordings` were taken with.
"""

import asyncio
import contextlib
import email
import email.policy
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from remote_mailcfg.sandbox.certificate import self_signed
from remote_mailcfg.sandbox.loop_thread import HOST, LoopThread, loop_thread

HOSTNAME = "mail.example.org"
OWN_DOMAIN = "example.org"
REFUSED_SENDER_DOMAIN = "refused.example"
REFUSED_RECIPIENT_DOMAIN = "refused-rcpt.example"
REFUSED_RECIPIENT_NAME = "reject"

USER = "mailer@example.org"
PASSWORD = "smtp-Secret-1"  # noqa: S105 - it opens nothing but these servers

SIZE_LIMIT_BYTES = 32 * 1024 * 1024
SMALL_SIZE_LIMIT_BYTES = 1_000_000

OK = "250 OK"
LOGIN_WANTED = "530 5.7.0 Authentication required"
SENDER_REFUSED = "550 5.7.1 Sender address rejected: not owned by user"
RECIPIENT_REFUSED = "550 5.1.1 Recipient address rejected: User unknown"
NO_SUCH_USER = "550 5.1.1 no such user"


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One mail that a server accepted: the server's name, the envelope and the message."""

    server: str
    mail_from: str
    rcpt_tos: tuple[str, ...]
    message: EmailMessage


@dataclass(frozen=True, slots=True)
class SmtpPeer:
    """Where a server listens, the login it accepts (None: it offers none), and what it was told.

    `senders` and `recipients` hold the addresses of every MAIL FROM and RCPT TO, refused ones too:
    Odoo's connection test ends before the message, so it never shows in `received`. All three stay
    empty unless `smtp_peers` is told to remember.
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

    They have one certificate, which no system trusts, for `localhost` and 127.0.0.1.
    """

    certificate_pem: str
    plain: SmtpPeer
    plain_auth: SmtpPeer
    starttls_auth: SmtpPeer
    tls_auth: SmtpPeer
    small: SmtpPeer
    refusing_sender: SmtpPeer
    refusing_recipient: SmtpPeer
    relay_for_own_domains: SmtpPeer
    silent: SmtpPeer
    closing: SmtpPeer
    refused: SmtpPeer


def _reply_to_sender(address: str) -> str:
    return SENDER_REFUSED if address.endswith("@" + REFUSED_SENDER_DOMAIN) else OK


def _reply_to_recipient(address: str) -> str:
    name, _, domain = address.rpartition("@")
    if domain == REFUSED_RECIPIENT_DOMAIN:
        return RECIPIENT_REFUSED
    return NO_SUCH_USER if name == REFUSED_RECIPIENT_NAME else OK


def _relay_for_own_domain(address: str) -> str:
    own = address.endswith("@" + OWN_DOMAIN)
    return OK if own else f"550 5.7.1 <{address}>: relaying denied"


@dataclass(frozen=True, slots=True)
class _Rules:
    """What a server demands and what it replies."""

    auth: bool = False
    starttls: bool = False
    tls: bool = False
    data_size_limit: int = SIZE_LIMIT_BYTES
    reply_to_sender: Callable[[str], str] = _reply_to_sender
    reply_to_recipient: Callable[[str], str] = _reply_to_recipient


_RULES = {
    "plain": _Rules(),
    "plain_auth": _Rules(auth=True),
    "starttls_auth": _Rules(auth=True, starttls=True),
    "tls_auth": _Rules(auth=True, tls=True),
    "small": _Rules(data_size_limit=SMALL_SIZE_LIMIT_BYTES),
    "refusing_sender": _Rules(reply_to_sender=lambda _address: SENDER_REFUSED),
    "refusing_recipient": _Rules(reply_to_recipient=lambda _address: RECIPIENT_REFUSED),
    "relay_for_own_domains": _Rules(reply_to_recipient=_relay_for_own_domain),
}


@dataclass(frozen=True, slots=True)
class _Settings:
    """What all servers share; see `smtp_peers`."""

    user: str
    password: str
    on_mail: Callable[[ReceivedMail], None]
    keep_in: Path | None
    remembers: bool


@dataclass  # no slots: aiosmtpd looks at every member, and Python before 3.11.3 has one that fails
class _Handler:
    """The hooks of aiosmtpd for one server."""

    name: str
    rules: _Rules
    settings: _Settings
    received: list[ReceivedMail] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        # Not aiosmtpd's own auth_required: it warns for every connection without TLS.
        if self.rules.auth and not session.authenticated:
            return LOGIN_WANTED
        if self.settings.remembers:
            self.senders.append(address)
        reply = self.rules.reply_to_sender(address)
        if reply == OK:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return reply

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.settings.remembers:
            self.recipients.append(address)
        reply = self.rules.reply_to_recipient(address)
        if reply == OK:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return reply

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = cast("bytes", envelope.content)  # text only with `decode_data`
        message = email.message_from_bytes(content, policy=email.policy.default)
        recipients = tuple(envelope.rcpt_tos)
        mail = ReceivedMail(self.name, envelope.mail_from or "", recipients, message)
        if self.settings.keep_in:
            moment = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
            (self.settings.keep_in / f"{moment}-{self.name}.eml").write_bytes(content)
        if self.settings.remembers:
            self.received.append(mail)
        self.settings.on_mail(mail)
        return "250 OK accepted"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any
    ) -> AuthResult:
        expected = LoginPassword(self.settings.user.encode(), self.settings.password.encode())
        return AuthResult(success=login == expected, handled=False)


class _Silent(asyncio.Protocol):
    """Accepts a connection and says nothing."""


class _Closing(asyncio.Protocol):
    """Accepts a connection and closes it at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _start(thread: LoopThread, certificate: ssl.SSLContext, handler: _Handler) -> SmtpPeer:
    rules, settings = handler.rules, handler.settings

    def session() -> SMTP:
        return SMTP(
            handler,
            hostname=HOSTNAME,
            data_size_limit=rules.data_size_limit,
            tls_context=certificate if rules.starttls else None,
            require_starttls=rules.starttls,
            auth_require_tls=rules.starttls or not rules.auth,
            authenticator=handler.authenticate,
        )

    return SmtpPeer(
        port=thread.serve(session, certificate if rules.tls else None),
        user=settings.user if rules.auth else None,
        password=settings.password if rules.auth else None,
        received=handler.received,
        senders=handler.senders,
        recipients=handler.recipients,
    )


@contextlib.contextmanager
def _refused_port() -> Iterator[int]:
    """Hold a port that nobody can listen on, so that every connection is refused."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        yield held.getsockname()[1]


@contextlib.contextmanager
def smtp_peers(
    *,
    user: str = USER,
    password: str = PASSWORD,
    on_mail: Callable[[ReceivedMail], None] = lambda _mail: None,
    keep_in: Path | None = None,
    remembers: bool = False,
) -> Iterator[SmtpPeers]:
    """Run one server of every kind on free ports of 127.0.0.1.

    `on_mail` is told of each accepted mail, in the servers' own thread; `keep_in` is a folder that
    gets each as an `.eml` file. With `remembers`, mails and their addresses are also kept in
    memory, for a test to look at.
    """
    if keep_in:
        keep_in.mkdir(parents=True, exist_ok=True)
    settings = _Settings(user, password, on_mail, keep_in, remembers)
    certificate = self_signed()
    context = certificate.server_context()
    with loop_thread() as thread, _refused_port() as refused_port:
        peers = {
            name: _start(thread, context, _Handler(name, rules, settings))
            for name, rules in _RULES.items()
        }
        yield SmtpPeers(
            certificate_pem=certificate.pem,
            silent=SmtpPeer(thread.serve(_Silent)),
            closing=SmtpPeer(thread.serve(_Closing)),
            refused=SmtpPeer(refused_port),
            **peers,
        )
