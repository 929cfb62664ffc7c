import xmlrpc.client
from typing import Any

import pytest

from remote_mailcfg.model.smtp_test import Cause, classify, probe_sender
from tests.recorded import VERSIONS, Exchange, Version, load

TIMED_OUT = (
    "The server has closed the connection unexpectedly. Check configuration served on this port "
    "number.\n Connection unexpectedly closed: timed out"
)
CLOSED = TIMED_OUT.removesuffix(": timed out")

#: The cause of each failed test in the recordings; of 19.0 without the wire at the name's end.
RECORDED: dict[tuple[Version, str], Cause] = {
    ("17.0", "test-json-refused"): "refused",
    ("17.0", "test-json-dns"): "name-not-found",
    ("17.0", "test-json-bad-hostname"): "name-not-found",
    ("17.0", "test-json-idna-hostname"): "name-not-found",
    ("17.0", "test-json-host-with-space"): "name-not-found",
    ("17.0", "test-json-host-with-port"): "name-not-found",
    ("17.0", "test-json-no-host"): "no-host",
    ("17.0", "test-json-wrong-password"): "authentication-refused",
    ("17.0", "test-json-user-no-pass"): "authentication-refused",
    ("17.0", "test-json-auth-missing"): "sender-refused",
    ("17.0", "test-json-auth-not-offered"): "authentication-not-offered",
    ("17.0", "test-json-auth-before-tls"): "authentication-not-offered",
    ("17.0", "test-json-starttls-unsupported"): "starttls-not-offered",
    ("17.0", "test-json-ssl-on-plain"): "tls-mismatch",
    ("17.0", "test-json-ssl-on-starttls"): "tls-mismatch",
    ("17.0", "test-json-sender-refused"): "sender-refused",
    ("17.0", "test-json-sender-refused-addr"): "sender-refused",
    ("17.0", "test-json-server-closes"): "closed-early",
    ("17.0", "test-json-talks-http"): "no-answer",
    ("17.0", "test-json-blackhole"): "no-answer",
    ("17.0", "test-json-cli"): "refused",
    ("17.0", "test-json-huge-port"): "refused",
    ("17.0", "test-json-port-0"): "refused",
    ("17.0", "test-json-negative-port"): "name-not-found",
    ("17.0", "test-xml-refused"): "refused",
    ("17.0", "test-xml-dns"): "name-not-found",
    ("17.0", "test-xml-wrong-password"): "authentication-refused",
    ("17.0", "test-xml-starttls-unsupported"): "starttls-not-offered",
    ("17.0", "test-xml-ssl-on-plain"): "tls-mismatch",
    ("17.0", "test-xml-sender-refused"): "sender-refused",
    ("17.0", "test-xml-no-host"): "no-host",
    ("17.0", "test-call_kw-refused"): "refused",
    ("17.0", "test-call_kw-sender-refused"): "sender-refused",
    ("17.0", "test-call_kw-lang"): "refused",
    ("17.0", "test-call_button-refused"): "refused",
    ("17.0", "test-call_button-sender-refused"): "sender-refused",
    ("17.0", "test-multi"): "refused",
    ("17.0", "test-no-user-email"): "no-user-email",
    ("17.0", "test-nonascii-user-email"): "name-not-found",
    ("17.0", "test-user-email-refused"): "sender-refused",
    ("17.0", "fr-refused"): "refused",
    ("17.0", "fr-starttls-unsupported"): "starttls-not-offered",
    ("17.0", "fr-xml"): "refused",
    ("19.0", "d0-admin-without-email"): "no-user-email",
    ("19.0", "d-refused"): "refused",
    ("19.0", "d-dns"): "name-not-found",
    ("19.0", "d-badname"): "name-not-found",
    ("19.0", "d-emptyhost"): "no-host",
    ("19.0", "d-port0"): "refused",
    ("19.0", "d-port99999"): "refused",
    ("19.0", "d-wrongpw"): "authentication-refused",
    ("19.0", "d-noauth-on-auth-server"): "sender-refused",
    ("19.0", "d-auth-no-tls-2536"): "authentication-not-offered",
    ("19.0", "d-auth-on-noauth-server"): "authentication-not-offered",
    ("19.0", "d-starttls-strict-selfsigned"): "certificate-not-valid",
    ("19.0", "d-starttls-unsupported"): "starttls-not-offered",
    ("19.0", "d-ssl-on-plain"): "tls-mismatch",
    ("19.0", "d-ssl-strict-selfsigned"): "certificate-not-valid",
    ("19.0", "d-cli-auth"): "refused",
    ("19.0", "d2-two-ids"): "refused",
    ("19.0", "d-plain-on-ssl-port-callkw-slow"): "no-answer",
    ("19.0", "d-silent-callkw-slow"): "no-answer",
    ("19.0", "h-owner-test"): "other",
}
WIRES = ("-callkw", "-jsonrpc", "-xmlrpc", "-json2")


def failure_text(exchange: Exchange) -> str:
    """Return the text of a UserError of `test_smtp_connection`; `""` for any other exchange."""
    body: Any = exchange.response.body
    if b"test_smtp_connection" not in exchange.request.content + exchange.request.path.encode():
        return ""
    if exchange.request.path.startswith("/xmlrpc"):
        try:
            xmlrpc.client.loads(body)
        except xmlrpc.client.Fault as fault:
            return fault.faultString if fault.faultCode == 2 else ""
        return ""
    error = body["error"]["data"] if "error" in body else body
    is_user_error = error.get("name") == "odoo.exceptions.UserError"
    return str(error["message"]) if is_user_error else ""


FAILURES = [
    (version, exchange.name, text)
    for version in VERSIONS
    for exchange in load(version)
    if (text := failure_text(exchange))
]


def recorded_key(version: Version, name: str) -> tuple[Version, str]:
    for wire in WIRES:
        name = name.removesuffix(wire)
    return version, name


@pytest.mark.parametrize(
    ("version", "name", "text"),
    [pytest.param(version, name, text, id=f"{version}-{name}") for version, name, text in FAILURES],
)
def test_a_recorded_failure_has_its_cause(version: Version, name: str, text: str) -> None:
    cause, hint = classify(text, smtp_port=587, smtp_encryption="starttls")

    assert cause == RECORDED[recorded_key(version, name)]
    assert hint


def test_every_named_failure_is_in_the_recordings() -> None:
    assert {recorded_key(version, name) for version, name, _ in FAILURES} == RECORDED.keys()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        pytest.param(
            "No response received. Check server address and port number.\n timed out",
            "no-answer",
            id="connecting-timed-out",
        ),
        pytest.param(
            "No response received. Check server address and port number.\n"
            " _ssl.c:989: The handshake operation timed out",
            "no-answer",
            id="handshake-timed-out",
        ),
        pytest.param(
            "Connection Test Failed! Here is what we got instead:\n [Errno 113] No route to host",
            "no-answer",
            id="no-route",
        ),
        pytest.param(
            "Connection Test Failed! Here is what we got instead:\n"
            " [Errno 101] Network is unreachable",
            "no-answer",
            id="network-unreachable",
        ),
        pytest.param(
            "Connection Test Failed! Here is what we got instead:\n"
            " [Errno 110] Connection timed out",
            "no-answer",
            id="kernel-timed-out",
        ),
        pytest.param(
            "Connection Test Failed! Here is what we got instead:\n"
            " [Errno 104] Connection reset by peer",
            "closed-early",
            id="reset",
        ),
        pytest.param(
            "No response received. Check server address and port number.\n"
            " [Errno -3] Temporary failure in name resolution",
            "name-not-found",
            id="resolver-does-not-answer",
        ),
        pytest.param(
            "Invalid server name!\n Empty domain", "name-not-found", id="user-without-domain"
        ),
        pytest.param(
            "The server refused the test recipient (noreply@odoo.com) with error "
            "b'5.7.1 Relay access denied'",
            "recipient-refused",
            id="relay-denied",
        ),
        pytest.param(
            "The server refused the test connection with error b'5.7.1 Rejected by policy'",
            "other",
            id="data-refused",
        ),
        pytest.param(
            "The server refused the sender address (a@example.org) with error "
            "b'5.7.0 Must issue a STARTTLS command first'",
            "tls-mismatch",
            id="starttls-wanted-first",
        ),
        pytest.param(
            "Server replied with following exception:\n (454, b'4.7.0 TLS not available')",
            "starttls-not-offered",
            id="starttls-out-of-order",
        ),
        pytest.param(
            "Server replied with following exception:\n (421, b'4.7.0 Try again later')",
            "refused",
            id="greeting-refuses",
        ),
        pytest.param(
            "Server replied with following exception:\n (421, b'4.7.0 Too many login attempts')",
            "authentication-refused",
            id="too-many-logins",
        ),
        pytest.param(
            "Server replied with following exception:\n (550, b'5.7.1 Bad HELO, timed out')",
            "other",
            id="reply-of-another-kind",
        ),
        pytest.param(
            "An SMTP exception occurred. Check port number and connection security type.\n"
            " No suitable authentication method found.",
            "authentication-not-offered",
            id="no-method-in-common",
        ),
        pytest.param(
            "An SSL exception occurred. Check connection security type.\n"
            " CertificateError: hostname 'mx' doesn't match 'mail.example.org'",
            "certificate-not-valid",
            id="name-not-in-certificate",
        ),
        pytest.param(
            "Could not load your certificate / private key. \n[('PEM routines', '', 'bad end')]",
            "certificate-not-valid",
            id="own-certificate-broken",
        ),
        pytest.param("Something new.", "other", id="unknown"),
    ],
)
def test_a_failure_text_has_its_cause(text: str, cause: Cause) -> None:
    assert classify(text, smtp_port=25, smtp_encryption="none")[0] == cause


@pytest.mark.parametrize(
    ("text", "port", "encryption", "hint"),
    [
        pytest.param(TIMED_OUT, 465, "starttls", "Port 465 expects TLS", id="silent-465"),
        pytest.param(TIMED_OUT, 465, "ssl", "a firewall lets the instance out", id="silent-ssl"),
        pytest.param(TIMED_OUT, 25, "none", "Many networks block port 25", id="silent-25"),
        pytest.param(TIMED_OUT, 587, "starttls", "it needs ssl", id="silent-587"),
        pytest.param(CLOSED, 465, "none", "Port 465 expects TLS", id="closed-465"),
        pytest.param(CLOSED, 25, "none", "smtp_port is a port for mail", id="closed"),
        pytest.param("[SSL: X]", 587, "ssl", "set smtp_encryption to starttls", id="ssl-on-587"),
        pytest.param("[SSL: X]", 465, "ssl_strict", "no common TLS", id="ssl-on-465"),
        pytest.param("[SSL: X]", 587, "starttls", "no common TLS", id="starttls-handshake"),
        pytest.param(
            "SMTP AUTH extension not supported by server.",
            587,
            "none",
            "set smtp_encryption to starttls",
            id="login-without-tls",
        ),
        pytest.param(
            "SMTP AUTH extension not supported by server.",
            25,
            "starttls",
            "use its submission port",
            id="login-not-offered",
        ),
        pytest.param(
            "STARTTLS extension not supported by server.",
            465,
            "starttls",
            "Port 465 expects TLS",
            id="starttls-on-465",
        ),
        pytest.param(
            "STARTTLS extension not supported by server.",
            25,
            "starttls",
            "usually 587",
            id="starttls-not-offered",
        ),
        pytest.param(
            "CERTIFICATE_VERIFY_FAILED",
            465,
            "ssl_strict",
            "ssl encrypts without checking",
            id="certificate-of-the-mail-server",
        ),
        pytest.param(
            "Could not load your certificate / private key.",
            465,
            "ssl",
            "smtp_ssl_private_key",
            id="own-certificate",
        ),
        pytest.param(
            "(535, b'5.7.8 Bad')", 587, "starttls", "app password", id="authentication-refused"
        ),
        pytest.param(
            "The server refused the sender address (a@b.c) with error b'Authentication Required'",
            25,
            "none",
            "set smtp_user and smtp_pass",
            id="sender-needs-login",
        ),
        pytest.param(
            "The server refused the sender address (a@b.c) with error b'not yours'",
            25,
            "none",
            "set from_filter",
            id="sender-refused",
        ),
        pytest.param(
            "The server refused the test recipient (noreply@odoo.com) with error b'denied'",
            25,
            "none",
            "noreply@odoo.com, which a relay for its own domains refuses, so real mail may well "
            "work: try it with `server send`",
            id="recipient-refused",
        ),
        pytest.param(
            "The server refused the test recipient (noreply@odoo.com) with error "
            "b'authentication required'",
            25,
            "none",
            "set smtp_user and smtp_pass",
            id="recipient-needs-login",
        ),
        pytest.param(
            "Invalid server name!\n 'ascii' codec can't encode character",
            25,
            "none",
            "the sender",
            id="outside-ascii",
        ),
        pytest.param(
            "Invalid server name!\n label empty", 25, "none", "spelling of smtp_host", id="spelling"
        ),
        pytest.param("x\n [Errno -8] Servname", 0, "none", "between 1 and 65535", id="port"),
    ],
)
def test_a_hint_fits_port_and_encryption(text: str, port: int, encryption: str, hint: str) -> None:
    assert hint in classify(text, smtp_port=port, smtp_encryption=encryption)[1]


@pytest.mark.parametrize(
    ("from_filter", "user_email", "defaults", "sender"),
    [
        pytest.param("x.org, me@y.org", "", (), "me@y.org", id="first-address-of-the-filter"),
        pytest.param(
            "x.org, y.org",
            "",
            ("", "notify@y.org", "other@x.org"),
            "notify@y.org",
            id="default-from-that-the-filter-lets-pass",
        ),
        pytest.param("x.org", "me@z.org", ("n@z.org",), "odoo@x.org", id="odoo-at-the-domain"),
        pytest.param("", "me@z.org", ("n@z.org",), "me@z.org", id="user-without-filter"),
        pytest.param(" , ", "me@z.org", (), "me@z.org", id="user-with-empty-parts"),
        pytest.param("", "me", (), "", id="no-address"),
        pytest.param("", "", (), "", id="user-without-email"),
    ],
)
def test_the_test_is_made_from_the_sender_odoo_takes(
    from_filter: str, user_email: str, defaults: tuple[str, ...], sender: str
) -> None:
    found = probe_sender(from_filter, user_email=user_email, alias_domain_addresses=defaults)

    assert found == sender
