"""The values of a mail server that a user wants: what is missing, and what cannot be right.

Odoo stores port -5, an empty name or a host with a blank without complaint (seen on 17.0 and 19.0),
so everything is checked before it is sent, and all problems are told at once.
"""

import ipaddress
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.from_filter import check_from_filter
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.secret import Secret

Value = str | int | float | bool | Secret

#: Values by Odoo's field name. A secret stays one until it is sent; `""` stands for "not set".
Values = Mapping[str, Value]

#: Authentications that hold a token instead of a password, and what they demand (17 and 19:
#: google_gmail and microsoft_outlook, ir_mail_server.py).
TOKEN_AUTHENTICATIONS: Final = frozenset({"gmail", "outlook"})

#: What can be changed of a server whose connection comes from odoo.conf.
CLI_FIELDS: Final = frozenset({"name", "sequence", "from_filter"})

#: What a new server has in the fields that depend on each other (17 and 19: ir_mail_server.py).
DEFAULTS: Final = {
    "smtp_authentication": "login",
    "smtp_encryption": "none",
    "smtp_user": "",
    "smtp_ssl_certificate": "",
    "smtp_ssl_private_key": "",
}

#: Control characters and line breaks, by Unicode category.
CONTROL: Final = frozenset({"Cc", "Zl", "Zp"})

MAX_INTEGER: Final = 2**31 - 1
MAX_PORT: Final = 65535


def default_port(smtp_encryption: str) -> int:
    """Return the usual port: 465 for implicit TLS, 587 for STARTTLS, 25 without.

    Odoo's own default is 25 for everything but `ssl`, and only in its form.
    """
    if smtp_encryption.startswith("ssl"):
        return 465
    return 587 if smtp_encryption.startswith("starttls") else 25


def missing_values(values: Values) -> tuple[str, ...]:
    """Return which values a new server still needs: name, host, and a password with its user."""
    authentication = values.get("smtp_authentication", "login")
    missing = [] if values.get("name") else ["name"]
    if authentication != "cli" and not values.get("smtp_host"):
        missing.append("smtp_host")
    if authentication == "login" and values.get("smtp_user") and not values.get("smtp_pass"):
        missing.append("smtp_pass")
    return tuple(missing)


def check_values(
    values: Values, capabilities: Capabilities, before: MailServerRecord | None
) -> tuple[str, ...]:
    """Return every problem of values that are to be written to a new server or over `before`."""
    known = {field: getattr(before, field, default) for field, default in DEFAULTS.items()}
    return (
        *_check_fields(values, capabilities, before),
        *_check_texts(values),
        *_check_selections(values, capabilities),
        *_check_numbers(values),
        *_check_together(known | {**values}),
    )


def check_without_instance(values: Values) -> tuple[str, ...]:
    """Return the problems that the values have on every instance, whatever its record holds."""
    return (*_check_texts(values), *_check_numbers(values), *_check_together(values))


def _check_fields(
    values: Values, capabilities: Capabilities, before: MailServerRecord | None
) -> Iterator[str]:
    for field in values:
        if field not in capabilities.fields:
            yield f"{field}: this instance's mail servers have no such field"
        if before and field in before.environment_managed:
            yield f"{field}: managed by the server's environment, which ignores every write"
    if before and before.smtp_authentication == "cli":
        for field in sorted(values.keys() - CLI_FIELDS):
            yield f"{field}: comes from odoo.conf, since the server's authentication is cli"


def _check_texts(values: Values) -> Iterator[str]:
    for field, value in values.items():
        text = value.reveal() if isinstance(value, Secret) else value
        if isinstance(text, str) and any(unicodedata.category(c) in CONTROL for c in text):
            yield f"{field}: holds a control character"
    if "name" in values and not str(values["name"]).strip():
        yield "name: is empty"
    if (host := values.get("smtp_host")) and (problem := check_host(str(host))):
        yield f"smtp_host: {problem}"
    if values.get("from_filter"):
        yield from (f"from_filter: {p}" for p in check_from_filter(str(values["from_filter"])))


def check_host(host: str) -> str | None:
    """Return what is wrong with a mail server's name, to follow the field's; None: nothing.

    The name itself is not repeated: it may be a password in the wrong place.
    """
    problem = None
    if "://" in host or "/" in host:
        problem = "is an address of a page; give the host's name alone"
    elif re.search(r"\s", host):
        problem = "holds a blank"
    elif "@" in host:
        problem = "is a mail address; give the mail server's name"
    elif re.fullmatch(r"[^:]*:\d+", host):
        problem = "holds a port; give it as smtp_port"
    elif host.endswith("."):
        problem = "ends with a dot, which no certificate's name does"
    elif not _is_host(host):
        problem = "is not a host name or an IP address"
    return problem


def is_loopback(host: str) -> bool:
    """Tell whether a host is the machine itself."""
    name = host.lower().rstrip(".")
    with suppress(ValueError):
        return ipaddress.ip_address(name).is_loopback
    return name == "localhost" or name.endswith(".localhost")


def _is_host(host: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    try:
        labels = host.encode("idna").decode().split(".")
    except UnicodeError:
        return False
    return all(re.fullmatch(r"\w([\w-]*\w)?", label, re.ASCII) for label in labels)


def _check_selections(values: Values, capabilities: Capabilities) -> Iterator[str]:
    for field, offered in (
        ("smtp_encryption", capabilities.encryptions),
        ("smtp_authentication", capabilities.authentications),
    ):
        if field in values and values[field] not in offered:
            yield f"{field}: must be one of {', '.join(offered)} on this instance"


def _check_numbers(values: Values) -> Iterator[str]:
    port, sequence = values.get("smtp_port", 1), values.get("sequence", 0)
    if not isinstance(port, int) or not 1 <= port <= MAX_PORT:
        yield f"smtp_port: {port} is not between 1 and {MAX_PORT}"
    if not isinstance(sequence, int) or not 0 <= sequence <= MAX_INTEGER:
        yield f"sequence: {sequence} is not between 0 and {MAX_INTEGER}"
    size = values.get("max_email_size", 0)
    if not isinstance(size, int | float) or not math.isfinite(size) or size < 0:
        yield f"max_email_size: {size} is not a number of MB"


def _check_together(known: Values) -> Iterator[str]:
    """Check what depends on several values; one that is not known may be anything."""
    authentication, encryption = known.get("smtp_authentication"), known.get("smtp_encryption")
    if authentication != "cli" and known.get("smtp_host") == "":
        yield "smtp_host: is empty"
    if authentication == "certificate":
        if encryption == "none":
            yield "smtp_authentication: certificate needs an encryption"
        needed = ("smtp_ssl_certificate", "smtp_ssl_private_key")
        yield from (
            f"{f}: certificate authentication needs it" for f in needed if not known.get(f, True)
        )
    if authentication in TOKEN_AUTHENTICATIONS:
        if encryption not in {None, "starttls"}:
            yield f"smtp_encryption: {authentication} wants starttls"
        if not known.get("smtp_user", True):
            yield f"smtp_user: {authentication} wants the account's address"
        if known.get("smtp_pass"):
            yield f"smtp_pass: {authentication} uses a token, not a password"
