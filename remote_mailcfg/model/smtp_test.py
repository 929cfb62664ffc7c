"""The server's own test of a mail server, `test_smtp_connection`, and what its failures mean."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from remote_mailcfg.model.from_filter import matches_from_filter, split_from_filter

Cause = Literal[
    "refused",
    "name-not-found",
    "no-answer",
    "closed-early",
    "tls-mismatch",
    "certificate-not-valid",
    "authentication-refused",
    "authentication-not-offered",
    "starttls-not-offered",
    "sender-refused",
    "recipient-refused",
    "no-user-email",
    "no-host",
    "other",
]

_SMTP_PORT = 25
_SMTPS_PORT = 465
#: How much of a text is looked at, from its beginning and its end.
_MOST_HEAD, _MOST_TAIL = 4000, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpTest:
    """How one test of one mail server ended.

    `cause` is `None` when the test passed. `message` is the server's own text, `hint` what to do
    next, `sender` the address the test used (`""` when there was none), `seconds` how long the
    call took.
    """

    id: int
    name: str
    ok: bool
    cause: Cause | None
    message: str
    hint: str
    sender: str
    seconds: float


def classify(text: str, *, smtp_port: int, smtp_encryption: str) -> tuple[Cause, str]:
    """Return the cause of a failed test and a hint what to do next.

    `text` is Odoo's, best in English (`lang` en_US): its first line is translated, what Python and
    the mail server said after it is not, so most causes are found in other languages too.
    The texts: `ir.mail_server.test_smtp_connection` of 17.0 and 19.0, and recordings of both.
    """
    if len(text) > _MOST_HEAD + _MOST_TAIL:
        text = text[:_MOST_HEAD] + text[-_MOST_TAIL:]
    for pattern, cause, hint in _RULES:
        if re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return cause, hint if isinstance(hint, str) else hint(smtp_port, smtp_encryption)
    return "other", "The text is the server's own; `server send` shows whether real mail goes out."


def probe_sender(
    from_filter: str, *, user_email: str, alias_domain_addresses: tuple[str, ...]
) -> str:
    """Return the sender that the test of a server uses; `""` when there is none to use.

    `user_email` is the calling user's, `alias_domain_addresses` the `default_from_email` of the
    `mail.alias.domain` records in their order. Without a sender the test ends with cause
    `no-user-email`. addons/mail and base, `ir.mail_server._get_test_email_from`, 17 and 19.
    """
    parts = split_from_filter(from_filter)
    if not parts:
        return user_email if "@" in user_email else ""
    defaults = (it for it in alias_domain_addresses if matches_from_filter(from_filter, it))
    whole_address = next((part for part in parts if "@" in part), "")
    return whole_address or next(defaults, "") or f"odoo@{parts[0]}"


def _no_answer_hint(smtp_port: int, smtp_encryption: str) -> str:
    if _is_plain_on_465(smtp_port, smtp_encryption):
        return _USE_SSL
    hint = "Check smtp_host and smtp_port, and that a firewall lets the instance out to them"
    if smtp_port == _SMTP_PORT:
        return f"{hint}. Many networks block port 25: try 587 with starttls."
    if smtp_encryption.startswith("ssl"):
        return f"{hint}."
    return f"{hint}. A port that expects TLS from the start is silent too: it needs ssl."


def _closed_early_hint(smtp_port: int, smtp_encryption: str) -> str:
    if _is_plain_on_465(smtp_port, smtp_encryption):
        return _USE_SSL
    return (
        "Check that smtp_port is a port for mail and smtp_encryption fits it, and that the mail "
        "server lets the instance's address in."
    )


def _tls_mismatch_hint(smtp_port: int, smtp_encryption: str) -> str:
    if smtp_encryption.startswith("ssl") and smtp_port != _SMTPS_PORT:
        return (
            f"Port {smtp_port} seems not to expect TLS from the start: set smtp_encryption to "
            "starttls, or smtp_port to 465."
        )
    return "The two sides found no common TLS: check smtp_host, smtp_port and smtp_encryption."


def _authentication_not_offered_hint(_smtp_port: int, smtp_encryption: str) -> str:
    login = "If the mail server wants no login, clear smtp_user and smtp_pass"
    if smtp_encryption == "none":
        return f"{login}. Most offer it only after TLS: set smtp_encryption to starttls, port 587."
    return f"{login}; if it does, use its submission port: 587 with starttls or 465 with ssl."


def _starttls_not_offered_hint(smtp_port: int, _smtp_encryption: str) -> str:
    if smtp_port == _SMTPS_PORT:
        return _USE_SSL
    return (
        "Use the port where the mail server offers STARTTLS, usually 587; or ssl with port 465; "
        "or none, inside a network that you trust."
    )


def _certificate_not_valid_hint(_smtp_port: int, smtp_encryption: str) -> str:
    if smtp_encryption.endswith("_strict"):
        return (
            "smtp_host must be a name in the mail server's certificate, and the instance must "
            f"trust its issuer; {smtp_encryption.removesuffix('_strict')} encrypts without "
            "checking either."
        )
    return "Check smtp_ssl_certificate and smtp_ssl_private_key: PEM files that belong together."


def _is_plain_on_465(smtp_port: int, smtp_encryption: str) -> bool:
    return smtp_port == _SMTPS_PORT and not smtp_encryption.startswith("ssl")


_USE_SSL = "Port 465 expects TLS from the start: set smtp_encryption to ssl."
_PROBE_RECIPIENT = (
    "The test always writes to noreply@odoo.com, which a relay for its own domains refuses, so "
    "real mail may well work: try it with `server send`."
)
_WANTS_LOGIN = r"authentication (?:is )?required|not authenticated|not logged in"

_Hint = str | Callable[[int, str], str]

#: Searched in this order: what the mail server replied, then what Python found, then Odoo's words.
_RULES: tuple[tuple[str, Cause, _Hint], ...] = (
    (
        r"^Please configure an email on the current user",
        "no-user-email",
        "Give the user who logs in an email address, or the mail server a from_filter.",
    ),
    (
        # the second is 19's answer over /xmlrpc and /jsonrpc
        r"^Missing SMTP Server|int\(\) argument must be .*NoneType",
        "no-host",
        "Set smtp_host; with smtp_authentication cli, smtp_server in odoo.conf.",
    ),
    (
        r"TLS (?:is )?not available",
        "starttls-not-offered",
        _starttls_not_offered_hint,
    ),
    (
        r"must issue a STARTTLS|(?:TLS|encryption) (?:is )?required",
        "tls-mismatch",
        "The mail server wants TLS first: set smtp_encryption to starttls.",
    ),
    (
        rf"^The server refused the sender address.*(?:{_WANTS_LOGIN})",
        "sender-refused",
        "The mail server wants a login: set smtp_user and smtp_pass.",
    ),
    (
        r"^The server refused the sender address",
        "sender-refused",
        (
            "The mail server does not let this account send from this address: set from_filter to "
            "an address or domain that it may use."
        ),
    ),
    (
        rf"^The server refused the test recipient.*(?:{_WANTS_LOGIN})",
        "recipient-refused",
        "The mail server wants a login before it passes mail on: set smtp_user and smtp_pass.",
    ),
    (r"^The server refused the test recipient", "recipient-refused", _PROBE_RECIPIENT),
    (
        r"^The server refused the test connection",
        "other",
        "The mail server took sender and recipient and then refused: its own text says why.",
    ),
    (
        # a reply to AUTH (RFC 4954); without its codes, a reply that speaks of a login
        r"\((?:432|454|530|534|535), b|\(\d{3}, b.*(?:authenticat|credential|password|log ?in)",
        "authentication-refused",
        (
            "Check smtp_user, usually the whole address, and smtp_pass; an account with two-factor "
            "login needs an app password."
        ),
    ),
    (
        r"\((?:421|554), b",
        "refused",
        "The mail server turns the instance away, now or for good: its own text says why.",
    ),
    (
        r"SMTP AUTH extension not supported|No suitable authentication method",
        "authentication-not-offered",
        _authentication_not_offered_hint,
    ),
    (r"STARTTLS extension not supported", "starttls-not-offered", _starttls_not_offered_hint),
    (r"timed out$|\[Errno (?:101|110|113)\]", "no-answer", _no_answer_hint),
    (
        (
            r"^An SSL exception occurred.*(?:certificate|unknown ca)|CERTIFICATE_VERIFY_FAILED"
            r"|^The private key or the certificate is not|^Could not load your certificate"
        ),
        "certificate-not-valid",
        _certificate_not_valid_hint,
    ),
    (r"^An SSL exception occurred|\[SSL: ", "tls-mismatch", _tls_mismatch_hint),
    (
        r"\[Errno 111\]",
        "refused",
        (
            "Nothing listens there: check smtp_host and smtp_port. localhost is the machine or "
            "container of the instance itself."
        ),
    ),
    (
        r"\[Errno (?:32|104)\]|^The server has closed the connection|unexpectedly closed",
        "closed-early",
        _closed_early_hint,
    ),
    (
        r"codec can't encode",
        "name-not-found",
        (
            "smtp_host, smtp_user, smtp_pass or the sender (from_filter, else the email of the "
            "user who logs in) has a character outside ASCII."
        ),
    ),
    (r"\[Errno -8\]", "name-not-found", "smtp_port must be between 1 and 65535."),
    (
        r"^Invalid server name|\[Errno -\d+\]",
        "name-not-found",
        (
            "Check the spelling of smtp_host, a name alone without port or blanks, and that the "
            "instance can resolve it; a domain in smtp_user may be misspelt as well."
        ),
    ),
    (
        r"cannot be forced",
        "other",
        "This is a personal server: only its owner can use and test it.",
    ),
)
