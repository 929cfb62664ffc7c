"""SMTP as Odoo speaks it: the connection test and real mails (`ir.mail_server`, 17 and 19)."""

import contextlib
import errno
import os
import smtplib
import socket
import ssl
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from remote_mailcfg.sandbox.fault import USER, FaultError, UnknownError
from remote_mailcfg.sandbox.field import Row

PROBE_RECIPIENT = "noreply@odoo.com"

NO_HOST = (
    "Missing SMTP Server\nPlease define at least one SMTP server, or provide the SMTP parameters"
    " explicitly."
)

#: In the order of Odoo's `except` clauses, with the first line of its text.
_TEXTS: tuple[tuple[type[Exception], str], ...] = (
    (UnicodeError, "Invalid server name!"),
    (socket.gaierror, "No response received. Check server address and port number."),
    (TimeoutError, "No response received. Check server address and port number."),
    (
        smtplib.SMTPServerDisconnected,
        (
            "The server has closed the connection unexpectedly. Check configuration served on this"
            " port number."
        ),
    ),
    (smtplib.SMTPResponseException, "Server replied with following exception:"),
    (smtplib.SMTPNotSupportedError, "An option is not supported by the server:"),
    (
        smtplib.SMTPException,
        "An SMTP exception occurred. Check port number and connection security type.",
    ),
    (ssl.SSLError, "An SSL exception occurred. Check connection security type."),
    (Exception, "Connection Test Failed! Here is what we got instead:"),
)


def probe(server: Row, sender: str, *, timeout_seconds: float) -> int:
    """Do what `test_smtp_connection` does with one server; raises its `UserError`.

    Returns the largest mail that the server takes, in bytes; 0 where it does not say.
    """
    if not server["smtp_host"]:
        raise FaultError(USER, NO_HOST)
    try:
        with _connected(server, timeout_seconds) as smtp:
            _check(smtp.mail(sender), {250}, f"refused the sender address ({sender})")
            recipient = f"refused the test recipient ({PROBE_RECIPIENT})"
            _check(smtp.rcpt(PROBE_RECIPIENT), {250, 251}, recipient)
            smtp.putcmd("data")
            _check(smtp.getreply(), {354}, "refused the test connection")
            return int(smtp.esmtp_features.get("size") or 0)
    except (FaultError, UnknownError):
        raise
    except Exception as error:
        raise explained(error) from error


def explained(error: Exception) -> FaultError:
    """Return the `UserError` that Odoo makes of what went wrong in a test."""
    text = next(text for kind, text in _TEXTS if isinstance(error, kind))
    return FaultError(USER, f"{text}\n {error}")


def deliver(server: Row, message: EmailMessage, *, timeout_seconds: float) -> None:
    """Send a mail; raises what smtplib raises, `RefusedMailError` after the connection stood."""
    with _connected(server, timeout_seconds) as smtp:
        try:
            smtp.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            raise RefusedMailError(error) from error


class RefusedMailError(Exception):
    """The mail server did not take a mail; `reason` is what Odoo keeps of it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.reason = (
            "Mail Delivery Failed\nMail delivery failed via SMTP server 'None'.\n"
            f"{type(error).__name__}: {error}"
        )


def _check(reply: tuple[int, bytes], accepted: set[int], what: str) -> None:
    code, text = reply
    if code not in accepted:
        raise FaultError(USER, f"The server {what} with error {text!r}")


@contextlib.contextmanager
def _connected(server: Row, timeout_seconds: float) -> Iterator[smtplib.SMTP]:
    """Connect, encrypt and log in; the connection is closed without a farewell, as Odoo does."""
    if server["smtp_authentication"] == "cli":
        # odoo.conf names none here: its default is localhost:25, where a real server could be.
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    encryption = server["smtp_encryption"]
    context = _context(server)
    host, port = server["smtp_host"], server["smtp_port"]
    if encryption.startswith("ssl"):
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=timeout_seconds, context=context)
    else:
        smtp = smtplib.SMTP(host, port, timeout=timeout_seconds)
    try:
        if encryption.startswith("starttls"):
            smtp.starttls(context=context)
        if server["smtp_authentication"] not in {"login", "certificate"}:
            raise UnknownError(f"authentication {server['smtp_authentication']}")
        if server["smtp_authentication"] == "login" and server["smtp_user"]:
            smtp.login(server["smtp_user"], server["smtp_pass"] or "")
        smtp.ehlo_or_helo_if_needed()
        yield smtp
    finally:
        smtp.close()


def _context(server: Row) -> ssl.SSLContext:
    """Only the strict encryptions check the mail server's certificate."""
    context = ssl.create_default_context()
    if not server["smtp_encryption"].endswith("_strict"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if server["smtp_authentication"] == "certificate":
        with tempfile.TemporaryDirectory() as folder:
            paths: dict[str, Any] = {}
            for argument, field in (
                ("certfile", "smtp_ssl_certificate"),
                ("keyfile", "smtp_ssl_private_key"),
            ):
                paths[argument] = Path(folder, argument)
                paths[argument].write_bytes(b64decode(server[field]))
            context.load_cert_chain(**paths)
    return context
