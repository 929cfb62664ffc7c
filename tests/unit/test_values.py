from typing import Any

import pytest

from remote_mailcfg.model.capabilities import Capabilities, parse_capabilities
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.values import (
    MAX_INTEGER,
    Values,
    check_values,
    default_port,
    missing_values,
)
from remote_mailcfg.secret import Secret
from tests.recorded import VERSIONS, Version, load_fields_get

NEW: dict[str, Any] = {
    "name": "Main",
    "smtp_encryption": "starttls",
    "smtp_host": "smtp.example.org",
    "smtp_port": 587,
}
LIVE = MailServerRecord(id=7, name="Live", smtp_encryption="starttls", smtp_host="s.example.org")
OUTLOOK = Capabilities(
    frozenset({"smtp_encryption", "smtp_authentication", "smtp_user", "smtp_pass"}),
    ("none", "starttls", "ssl"),
    ("login", "gmail", "outlook"),
)


def capabilities(version: Version) -> Capabilities:
    return parse_capabilities(load_fields_get(version))


def problems(
    version: Version = "19.0", before: MailServerRecord | None = None, **values: Any
) -> tuple[str, ...]:
    return check_values(values, capabilities(version), before)


@pytest.mark.parametrize(
    ("encryption", "port"),
    [
        pytest.param("none", 25, id="none"),
        pytest.param("starttls", 587, id="starttls"),
        pytest.param("starttls_strict", 587, id="starttls-strict"),
        pytest.param("ssl", 465, id="ssl"),
        pytest.param("ssl_strict", 465, id="ssl-strict"),
    ],
)
def test_the_port_defaults_from_the_encryption(encryption: str, port: int) -> None:
    assert default_port(encryption) == port


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        pytest.param({}, ("name", "smtp_host"), id="nothing-given"),
        pytest.param({"name": "A"}, ("smtp_host",), id="no-host"),
        pytest.param({"smtp_host": "h"}, ("name",), id="no-name"),
        pytest.param({"name": "", "smtp_host": ""}, ("name", "smtp_host"), id="empty-texts"),
        pytest.param(
            {"name": "A", "smtp_host": "h", "smtp_user": "u"},
            ("smtp_pass",),
            id="a-user-without-password",
        ),
        pytest.param(
            {"name": "A", "smtp_host": "h", "smtp_user": "u", "smtp_authentication": "gmail"},
            (),
            id="a-token-needs-no-password",
        ),
        pytest.param({"smtp_authentication": "cli"}, ("name",), id="cli-needs-no-host"),
        pytest.param(
            {"name": "A", "smtp_host": "h", "smtp_user": "u", "smtp_pass": Secret("p")},
            (),
            id="complete",
        ),
    ],
)
def test_a_new_server_needs_a_name_a_host_and_a_password_with_its_user(
    values: Values, missing: tuple[str, ...]
) -> None:
    assert missing_values(values) == missing


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="as-it-is"),
        pytest.param({"smtp_user": "u@example.org", "smtp_pass": Secret("pä:ß")}, id="a-login"),
        pytest.param({"smtp_host": "münchen.example.org"}, id="a-host-outside-ascii"),
        pytest.param({"smtp_host": "192.0.2.1"}, id="an-address-of-ip-4"),
        pytest.param({"smtp_host": "::1"}, id="an-address-of-ip-6"),
        pytest.param({"smtp_port": 1, "sequence": 0}, id="smallest-numbers"),
        pytest.param({"smtp_port": 65535, "sequence": MAX_INTEGER}, id="greatest-numbers"),
        pytest.param({"from_filter": "example.org, a@example.net"}, id="a-filter"),
        pytest.param({"from_filter": "", "smtp_user": ""}, id="texts-to-clear"),
        pytest.param({"smtp_authentication": "cli"}, id="cli"),
        pytest.param({"smtp_authentication": "cli", "smtp_host": ""}, id="cli-without-host"),
        pytest.param(
            {
                "smtp_authentication": "certificate",
                "smtp_ssl_certificate": "Y2VydA==",
                "smtp_ssl_private_key": Secret("a2V5"),
            },
            id="a-certificate-with-its-key",
        ),
    ],
)
def test_values_that_can_be_right_have_no_problem(version: Version, values: dict[str, Any]) -> None:
    assert problems(version, **NEW | values) == ()


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        pytest.param({"name": ""}, "name: is empty", id="name-empty"),
        pytest.param({"name": " "}, "name: is empty", id="name-blank"),
        pytest.param({"smtp_host": ""}, "smtp_host: is empty", id="host-empty"),
        pytest.param(
            {"smtp_host": "https://smtp.example.org"},
            "smtp_host: is an address of a page; give the host's name alone",
            id="host-url",
        ),
        pytest.param({"smtp_host": "smtp.example.org/mail"}, "address of a page", id="host-path"),
        pytest.param(
            {"smtp_host": "smtp.example.org "},
            "smtp_host: holds a blank",
            id="host-blank",
        ),
        pytest.param(
            {"smtp_host": "me@example.org"},
            "smtp_host: is a mail address; give the mail server's name",
            id="host-mail-address",
        ),
        pytest.param(
            {"smtp_host": "smtp.example.org:587"},
            "smtp_host: holds a port; give it as smtp_port",
            id="host-port",
        ),
        pytest.param(
            {"smtp_host": "smtp.example.org."},
            "smtp_host: ends with a dot, which no certificate's name does",
            id="host-final-dot",
        ),
        pytest.param(
            {"smtp_host": "smtp..example.org"},
            "smtp_host: is not a host name",
            id="host-empty-label",
        ),
        pytest.param({"smtp_host": f"{'a' * 64}.org"}, "is not a host name", id="host-long-label"),
        pytest.param(
            {"smtp_port": 0}, "smtp_port: 0 is not between 1 and 65535", id="port-too-small"
        ),
        pytest.param(
            {"smtp_port": 65536}, "smtp_port: 65536 is not between 1 and 65535", id="port-too-large"
        ),
        pytest.param({"smtp_port": -5}, "smtp_port: -5 is not between", id="port-negative"),
        pytest.param({"smtp_port": "587"}, "smtp_port: 587 is not between", id="port-text"),
        pytest.param(
            {"sequence": -1},
            f"sequence: -1 is not between 0 and {MAX_INTEGER}",
            id="sequence-negative",
        ),
        pytest.param(
            {"sequence": MAX_INTEGER + 1}, "sequence: 2147483648 is not", id="sequence-too-large"
        ),
        pytest.param({"sequence": "1"}, "sequence: 1 is not between", id="sequence-text"),
        pytest.param(
            {"max_email_size": -1.0},
            "max_email_size: -1.0 is not a number of MB",
            id="size-negative",
        ),
        pytest.param(
            {"max_email_size": float("nan")}, "max_email_size: nan is not", id="size-not-a-number"
        ),
        pytest.param(
            {"max_email_size": float("inf")}, "max_email_size: inf is not", id="size-infinite"
        ),
        pytest.param({"max_email_size": "9"}, "max_email_size: 9 is not", id="size-text"),
        pytest.param(
            {"from_filter": "a;b"}, "from_filter: 'a;b' contains a semicolon", id="filter-semicolon"
        ),
        pytest.param(
            {"from_filter": "@example.org"}, "from_filter: '@example.org' is not", id="filter-at"
        ),
        pytest.param(
            {"smtp_encryption": "tls"},
            "smtp_encryption: must be one of none, starttls_strict, starttls, ssl_strict, ssl"
            " on this instance",
            id="encryption-unknown",
        ),
        pytest.param(
            {"smtp_authentication": "gmail"},
            "smtp_authentication: must be one of login, certificate, cli on this instance",
            id="authentication-not-installed",
        ),
        pytest.param(
            {"smtp_debug_level": True},
            "smtp_debug_level: this instance's mail servers have no such field",
            id="field-unknown",
        ),
    ],
)
def test_a_value_that_cannot_be_right_is_a_problem(values: dict[str, Any], problem: str) -> None:
    assert problem in "\n".join(problems(**NEW | values))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        pytest.param(
            {"smtp_encryption": "starttls_strict"},
            "smtp_encryption: must be one of none, starttls, ssl on this instance",
            id="strict-encryption",
        ),
        pytest.param(
            {"max_email_size": 10.0},
            "max_email_size: this instance's mail servers have no such field",
            id="size",
        ),
    ],
)
def test_what_17_does_not_have_is_a_problem_there_alone(
    values: dict[str, Any], problem: str
) -> None:
    assert problems("17.0", **NEW | values) == (problem,)
    assert problems("19.0", **NEW | values) == ()


@pytest.mark.parametrize("mark", ["\n", "\r", "\t", "\0", "\x1b", "\x7f"], ids=ascii)
@pytest.mark.parametrize("field", ["name", "smtp_user", "smtp_host", "from_filter"])
def test_a_control_character_in_a_text_is_a_problem(field: str, mark: str) -> None:
    assert f"{field}: holds a control character" in problems(**NEW | {field: f"a{mark}b"})


def test_a_control_character_in_a_secret_is_told_without_the_secret() -> None:
    found = problems(**NEW, smtp_user="u", smtp_pass=Secret("hunter2\n"))

    assert found == ("smtp_pass: holds a control character",)


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        "17.0",
        name="",
        sequence=-1,
        smtp_encryption="tls",
        smtp_host="a b",
        smtp_port=0,
        from_filter="a;b,@c",
        max_email_size=-1,
    )

    assert [problem.partition(":")[0] for problem in found] == [
        "max_email_size",
        "name",
        "smtp_host",
        "from_filter",
        "from_filter",
        "smtp_encryption",
        "smtp_port",
        "sequence",
        "max_email_size",
    ]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param(
            {"smtp_encryption": "none"},
            (
                "smtp_authentication: certificate needs an encryption",
                "smtp_ssl_certificate: certificate authentication needs it",
                "smtp_ssl_private_key: certificate authentication needs it",
            ),
            id="nothing-given",
        ),
        pytest.param(
            {"smtp_encryption": "ssl", "smtp_ssl_certificate": "Y2VydA=="},
            ("smtp_ssl_private_key: certificate authentication needs it",),
            id="no-key",
        ),
        pytest.param(
            {"smtp_encryption": "ssl", "smtp_ssl_private_key": Secret("a2V5")},
            ("smtp_ssl_certificate: certificate authentication needs it",),
            id="no-certificate",
        ),
    ],
)
def test_a_certificate_needs_an_encryption_and_its_key(
    values: dict[str, Any], found: tuple[str, ...]
) -> None:
    assert problems(**NEW | {"smtp_authentication": "certificate"} | values) == found


@pytest.mark.parametrize("authentication", ["gmail", "outlook"])
@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param({"smtp_user": "u@example.org"}, (), id="right"),
        pytest.param(
            {"smtp_user": "u@example.org", "smtp_encryption": "ssl"},
            ("smtp_encryption: {} wants starttls",),
            id="another-encryption",
        ),
        pytest.param({}, ("smtp_user: {} wants the account's address",), id="no-user"),
        pytest.param(
            {"smtp_user": "u@example.org", "smtp_pass": Secret("p")},
            ("smtp_pass: {} uses a token, not a password",),
            id="a-password",
        ),
    ],
)
def test_a_token_wants_starttls_and_a_user_and_no_password(
    authentication: str, values: dict[str, Any], found: tuple[str, ...]
) -> None:
    given = {"smtp_encryption": "starttls", "smtp_authentication": authentication} | values

    assert check_values(given, OUTLOOK, None) == tuple(it.format(authentication) for it in found)


def test_a_cli_server_can_change_its_name_its_priority_and_its_filter() -> None:
    before = MailServerRecord(id=7, name="Live", smtp_authentication="cli")

    assert problems(before=before, name="New", sequence=1, from_filter="example.org") == ()


def test_a_cli_server_can_change_nothing_else() -> None:
    before = MailServerRecord(id=7, name="Live", smtp_authentication="cli")

    assert problems(before=before, smtp_host="s.example.org", smtp_port=25) == (
        "smtp_host: comes from odoo.conf, since the server's authentication is cli",
        "smtp_port: comes from odoo.conf, since the server's authentication is cli",
    )


def test_a_field_of_the_servers_environment_cannot_be_written() -> None:
    before = MailServerRecord(id=7, name="Live", environment_managed=("smtp_host",))

    assert problems(before=before, smtp_host="s.example.org", smtp_port=25) == (
        "smtp_host: managed by the server's environment, which ignores every write",
    )


@pytest.mark.parametrize(
    ("before", "values", "found"),
    [
        pytest.param(
            MailServerRecord(
                id=7,
                name="Live",
                smtp_encryption="ssl",
                smtp_ssl_certificate=True,
                smtp_ssl_private_key=True,
            ),
            {"smtp_authentication": "certificate"},
            (),
            id="a-certificate-that-is-there",
        ),
        pytest.param(
            MailServerRecord(
                id=7,
                name="Live",
                smtp_encryption="ssl",
                smtp_authentication="certificate",
                smtp_ssl_certificate=True,
                smtp_ssl_private_key=True,
            ),
            {"smtp_encryption": "none", "smtp_ssl_certificate": ""},
            (
                "smtp_authentication: certificate needs an encryption",
                "smtp_ssl_certificate: certificate authentication needs it",
            ),
            id="a-certificate-that-is-taken-away",
        ),
        pytest.param(LIVE, {"name": "New"}, (), id="a-name-alone"),
    ],
)
def test_values_are_checked_together_with_those_of_the_record(
    before: MailServerRecord, values: dict[str, Any], found: tuple[str, ...]
) -> None:
    assert problems(before=before, **values) == found


def test_the_encryption_of_a_gmail_record_is_checked_with_its_authentication() -> None:
    before = MailServerRecord(
        id=7,
        name="Live",
        smtp_encryption="starttls",
        smtp_authentication="gmail",
        smtp_user="u@example.org",
    )

    assert check_values({"smtp_encryption": "ssl"}, OUTLOOK, before) == (
        "smtp_encryption: gmail wants starttls",
    )


@pytest.mark.parametrize("host", ["a,b", "a;b", "<h>", "[::1]", "-", "mail-.example.org"])
def test_what_no_name_and_no_address_looks_like_is_no_host(host: str) -> None:
    capabilities = parse_capabilities(load_fields_get("19.0"))

    assert check_values({"smtp_host": host}, capabilities, None) == (
        "smtp_host: is not a host name or an IP address",
    )


@pytest.mark.parametrize("host", ["localhost", "mail_relay", "10.0.0.1", "::1", "bücher.example"])
def test_names_and_addresses_are_hosts(host: str) -> None:
    capabilities = parse_capabilities(load_fields_get("19.0"))

    assert check_values({"smtp_host": host}, capabilities, None) == ()


@pytest.mark.parametrize("character", ["\x07", "\x85", "\u2028"], ids=["bell", "nel", "line"])
def test_a_name_holds_no_control_character_and_no_line_break(character: str) -> None:
    capabilities = parse_capabilities(load_fields_get("19.0"))

    assert check_values({"name": f"a{character}b"}, capabilities, None) == (
        "name: holds a control character",
    )
