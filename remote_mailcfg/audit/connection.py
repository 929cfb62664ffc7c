"""Rules on how a mail server connects: address, encryption, and how it logs in."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from remote_mailcfg.audit.hosts import is_near
from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.audit.servers import about
from remote_mailcfg.model.certificate import find_expiry
from remote_mailcfg.model.evidence import Evidence, ServerEvidence
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.values import TOKEN_AUTHENTICATIONS, check_host, is_loopback

#: A certificate that ends sooner is told of before.
SOON: Final = timedelta(days=30)
#: The token is renewed with every mail that is sent an hour after the last one.
UNUSED: Final = timedelta(days=30)
CLIENT_IDS: Final = {
    "gmail": "google_gmail_client_id",
    "outlook": "microsoft_outlook_client_id",
}


def _connecting(evidence: Evidence) -> Iterator[ServerEvidence]:
    """Yield the servers that connect as their record says: active, and not from odoo.conf."""
    for server in evidence.servers:
        if server.record.active and server.record.smtp_authentication != "cli":
            yield server


def _host_not_valid(evidence: Evidence) -> Iterator[Problem]:
    for server in _connecting(evidence):
        record = server.record
        host = record.smtp_host
        problem = check_host(host)
        if problem is None and not host.isascii():
            problem = "has a character outside ASCII"
        if problem:
            yield about(record, f"smtp_host {host!r} {problem}" if host else "smtp_host is not set")


def _port_against_encryption(evidence: Evidence) -> Iterator[Problem]:
    for server in _connecting(evidence):
        record = server.record
        encryption = record.smtp_encryption
        implicit = encryption.startswith("ssl")
        expects = {465: True, 587: False, 25: False}.get(record.smtp_port)
        if expects is True and not implicit:
            yield about(record, f"port 465 expects TLS from the start, and not {encryption}")
        elif expects is False and implicit:
            yield about(
                record, f"port {record.smtp_port} does not expect TLS from the start: {encryption}"
            )


def _sent_in_clear(evidence: Evidence) -> Iterator[Problem]:
    for server in _connecting(evidence):
        record = server.record
        if record.smtp_encryption != "none" or is_loopback(record.smtp_host):
            continue
        near = is_near(record.smtp_host)
        if record.smtp_user:
            yield Problem(
                message=f"user and password go to {record.smtp_host} unencrypted",
                server_id=record.id,
                server_name=record.name,
                severity="warning" if near else None,
            )
        elif not near:
            yield Problem(
                message=f"mail goes to {record.smtp_host} unencrypted",
                server_id=record.id,
                server_name=record.name,
                severity="warning",
            )


def _certificate_not_checked(evidence: Evidence) -> Iterator[Problem]:
    for server in _connecting(evidence):
        record = server.record
        strict = f"{record.smtp_encryption}_strict"
        if (
            strict in evidence.capabilities.encryptions
            and record.smtp_authentication not in TOKEN_AUTHENTICATIONS
            and not is_loopback(record.smtp_host)
        ):
            yield about(
                record, f"{record.smtp_encryption} takes any certificate; {strict} checks it"
            )


def _smtp_debug(evidence: Evidence) -> Iterator[Problem]:
    for server in _connecting(evidence):
        if server.record.smtp_debug:
            yield about(server.record, "the whole SMTP dialogue is logged, logins included")


def _half_credentials(evidence: Evidence) -> Iterator[Problem]:
    for server in _connecting(evidence):
        problem = _half(server.record)
        if problem:
            yield about(server.record, problem)


def _half(record: MailServerRecord) -> str:
    """Return what is wrong with user and password together; `""` where nothing is."""
    if record.smtp_authentication == "login" and record.smtp_user and not record.has_password:
        return "a user is set and no password"
    if record.smtp_authentication == "login" and record.has_password and not record.smtp_user:
        return "a password is set and no user: Odoo does not log in"
    if record.smtp_authentication == "certificate" and record.smtp_user:
        return "it logs in with a certificate; its user is not used"
    if record.smtp_authentication in TOKEN_AUTHENTICATIONS and not record.smtp_user:
        return f"{record.smtp_authentication} needs the account's address as user"
    return ""


def _certificate(evidence: Evidence) -> Iterator[Problem]:
    for server in _connecting(evidence):
        record = server.record
        if record.smtp_authentication != "certificate":
            continue
        if not record.smtp_ssl_certificate or not record.smtp_ssl_private_key:
            yield about(record, "certificate or private key is not set", subject="missing")
            continue
        expires = find_expiry(server.certificate)
        if expires is None:
            yield about(record, "its certificate is no PEM text that can be read", subject="PEM")
        elif expires <= evidence.now:
            yield about(record, f"its certificate ended {expires:%Y-%m-%d}", subject="ended")
        elif expires - evidence.now < SOON:
            yield Problem(
                message=f"its certificate ends {expires:%Y-%m-%d}",
                server_id=record.id,
                server_name=record.name,
                subject="ends",
                severity="warning",
            )


def _token(evidence: Evidence) -> Iterator[Problem]:
    for server in _connecting(evidence):
        record = server.record
        kind = record.smtp_authentication
        if kind not in TOKEN_AUTHENTICATIONS:
            continue
        if not server.has_token:
            yield about(record, f"it was never connected to its {kind} account", subject="token")
        elif evidence.major < 19 and not evidence.parameters.get(CLIENT_IDS[kind]):
            yield about(
                record,
                f"the parameter {CLIENT_IDS[kind]} is not set, without which no token is renewed",
                subject="client",
            )
        elif server.token_expires and evidence.now - server.token_expires > UNUSED:
            yield Problem(
                message=f"its token ended {server.token_expires:%Y-%m-%d}, and was not renewed",
                server_id=record.id,
                server_name=record.name,
                subject="renewal",
                severity="warning",
            )


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="host-not-valid",
        group="servers",
        severity="error",
        title="A mail server's host is not a host name",
        why="Odoo stores any text; with a blank, a scheme or a port in it no mail leaves.",
        remedy="Give the name alone: `remote-mailcfg server update SERVER --smtp-host …`.",
        needs=("servers",),
        look=_host_not_valid,
    ),
    Rule(
        id="port-against-encryption",
        group="servers",
        severity="error",
        title="Port and encryption do not fit each other",
        why="Both sides wait for the other one to speak, for 60 seconds, or close at once.",
        remedy="465 with ssl, 587 or 25 with starttls. Odoo's form sets 25 for starttls.",
        needs=("servers",),
        look=_port_against_encryption,
    ),
    Rule(
        id="sent-in-clear",
        group="servers",
        severity="error",
        title="A password or mail goes out unencrypted",
        why="Whoever is on the way reads it; with the password he sends in your name.",
        remedy="Use starttls with port 587, or ssl with 465.",
        needs=("servers",),
        look=_sent_in_clear,
    ),
    Rule(
        id="certificate-not-checked",
        group="servers",
        severity="warning",
        title="The relay's certificate is not checked",
        why="Whoever can answer in the relay's place gets the password and the mail.",
        remedy="Use the strict encryption; its test tells whether the certificate is valid.",
        needs=("servers", "capabilities"),
        look=_certificate_not_checked,
    ),
    Rule(
        id="smtp-debug",
        group="servers",
        severity="warning",
        title="Debugging of a mail server is on",
        why="Odoo's log holds the login and all mail.",
        remedy="Switch it off: `remote-mailcfg server update SERVER --no-smtp-debug`.",
        needs=("servers",),
        look=_smtp_debug,
    ),
    Rule(
        id="half-credentials",
        group="servers",
        severity="error",
        title="User and password are not complete",
        why="Without both Odoo does not log in, and most relays then refuse.",
        remedy="Set both, or neither.",
        needs=("servers",),
        look=_half_credentials,
    ),
    Rule(
        id="client-certificate",
        group="servers",
        severity="error",
        title="The certificate that a mail server logs in with is missing or ends",
        why="No mail leaves without it.",
        remedy="Set a new certificate and its key: `remote-mailcfg server update SERVER"
        " --smtp-ssl-certificate FILE --smtp-ssl-private-key FILE`.",
        needs=("servers",),
        look=_certificate,
    ),
    Rule(
        id="token-not-usable",
        group="servers",
        severity="error",
        title="A Gmail or Outlook account is not connected",
        why="Without a token that Google or Microsoft takes, no mail leaves.",
        remedy="Connect it in the mail server's form (button Connect your … account).",
        needs=("servers", "parameters"),
        look=_token,
    ),
)
