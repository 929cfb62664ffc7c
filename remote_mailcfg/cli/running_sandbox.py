"""A running sandbox: stand-ins for Odoo and real mail servers, on 127.0.0.1 alone.

It needs the extra `sandbox` and takes time to import: `sandbox.open_sandbox` does that when asked.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.sandbox.database import ADMIN, CLERK, TOTP_SECRET, TWO_FACTOR
from remote_mailcfg.sandbox.misbehaviour import Misbehaviour, parse_misbehaviour
from remote_mailcfg.sandbox.model import Version
from remote_mailcfg.sandbox.odoo import make_odoo
from remote_mailcfg.sandbox.server import HOST, Served, serve
from remote_mailcfg.sandbox.smtp_servers import (
    OWN_DOMAIN,
    PASSWORD,
    USER,
    ReceivedMail,
    SmtpPeers,
    smtp_peers,
)

# aiosmtpd warns of what it does itself, and shows a traceback for a client that ends TLS.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

NAME = "sandbox"
DATABASE = "openspp"

#: The mail servers by their names in `SmtpPeers`: their encryption, and what they do.
MAIL_SERVERS = {
    "plain": ("none", "takes every mail"),
    "plain_auth": ("none", "takes mail after a login"),
    "starttls_auth": ("starttls", "takes mail after a login"),
    "tls_auth": ("ssl", "takes mail after a login"),
    "small": ("none", "takes at most 1 MB"),
    "refusing_sender": ("none", "refuses every sender"),
    "refusing_recipient": ("none", "refuses every recipient"),
    "relay_for_own_domains": ("none", f"takes mail to {OWN_DOMAIN} alone"),
    "silent": ("none", "accepts and says nothing"),
    "closing": ("none", "closes every connection"),
    "refused": ("none", "nobody listens here"),
}


@dataclass(frozen=True, slots=True)
class Instance:
    """Where one stand-in is, and the API key of its administrator."""

    name: str
    url: str
    api_key: str


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where one mail server listens, what it does, and the login it wants (None: none)."""

    name: str
    host: str
    port: int
    encryption: str
    does: str
    user: str | None
    password: str | None


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What runs. The users (login, password) and the database are the same in every instance."""

    instances: tuple[Instance, ...]
    mail_servers: tuple[MailServer, ...]
    database: str = DATABASE
    admin: tuple[str, str] = ADMIN
    clerk: tuple[str, str] = CLERK
    two_factor: tuple[str, str] = TWO_FACTOR
    totp_secret: str = TOTP_SECRET
    smtp_login: tuple[str, str] = (USER, PASSWORD)

    @property
    def usual(self) -> MailServer:
        """The mail server that is like those of most organizations."""
        return next(it for it in self.mail_servers if it.encryption == "starttls")


@contextlib.contextmanager
def running_sandbox(
    odoo: Version,
    *,
    instances: int = 1,
    port: int = 0,
    openspp: bool = False,
    smtp_timeout_seconds: float = 60.0,
    misbehave: Sequence[str] = (),
    keep: Path | None = None,
    on_mail: Callable[[str], None] = lambda _line: None,
) -> Iterator[Sandbox]:
    """Run instances and mail servers; `on_mail` is told of each mail, in a thread of its own.

    Raises `ConfigurationError` for a port that cannot be had, a misbehaviour that there is not, or
    a folder to keep mails in that cannot be made.
    """
    misbehaviours = [_parse(text) for text in misbehave]
    names = [NAME] if instances == 1 else [f"{NAME}-{n}" for n in range(1, instances + 1)]
    odoos = {
        name: make_odoo(
            odoo, (DATABASE,), smtp_timeout_seconds=smtp_timeout_seconds, openspp=openspp
        )
        for name in names
    }
    if keep:
        _make_folder(keep)
    with contextlib.ExitStack() as stack:
        peers = stack.enter_context(smtp_peers(on_mail=_teller(on_mail), keep_in=keep))
        try:
            served = stack.enter_context(serve(odoos, port=port))
        except OSError as error:
            raise ConfigurationError(
                "configuration",
                f"--port: {HOST}:{port} cannot be listened on: {error.strerror}",
                "Stop what uses the port, give another one, or leave --port out for a free one.",
            ) from error
        for it in served:
            it.misbehaving.switch_to(*misbehaviours)
        yield Sandbox(tuple(map(_instance, served)), _mail_servers(peers))


def _parse(text: str) -> Misbehaviour:
    try:
        return parse_misbehaviour(text)
    except ValueError as error:
        raise ConfigurationError(
            "configuration", f"--misbehave: {error}", "For instance --misbehave 429:retry-after=2"
        ) from error


def _make_folder(keep: Path) -> None:
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            "configuration",
            f"--keep: {keep} cannot be made a folder: {error.strerror}",
            "Give another one that you may write to.",
        ) from error


def _teller(on_mail: Callable[[str], None]) -> Callable[[ReceivedMail], None]:
    def tell(mail: ReceivedMail) -> None:
        to = ", ".join(mail.rcpt_tos)
        on_mail(f"received: from {mail.mail_from} to {to}: {mail.message['Subject']}")

    return tell


def _instance(served: Served) -> Instance:
    return Instance(served.name, served.url, served.odoo.first.add_api_key(ADMIN[0]))


def _mail_servers(peers: SmtpPeers) -> tuple[MailServer, ...]:
    listed = []
    for name, (encryption, does) in MAIL_SERVERS.items():
        peer = getattr(peers, name)
        shown = name.replace("_", "-")
        listed.append(
            MailServer(shown, peer.host, peer.port, encryption, does, peer.user, peer.password)
        )
    return tuple(listed)
