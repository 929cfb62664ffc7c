"""Who is not let in is told why, and a refused credential is sent once and never again."""

from collections.abc import Iterator

import pytest

from tests.live.command import Command
from tests.live.conftest import on_protocol
from tests.live.nginx import Nginx
from tests.live.odoo import Odoo, User

WRONG_KEY = "0123456789abcdef0123456789abcdef01234567"


def requests_of(front: Nginx, seen: int) -> list[str]:
    """Return the requests since `seen` lines of the log, without their HTTP version."""
    return [entry.request.rpartition(" ")[0] for entry in front.access_log()[seen:]]


@pytest.fixture(scope="module")
def without_role(odoo: Odoo) -> Iterator[User]:
    with odoo.user(role=False) as user:
        yield user


@pytest.mark.parametrize("protocol", ["auto", "jsonrpc", "xmlrpc"])
def test_a_wrong_password_is_an_authentication_failure(protocol: str, command: Command) -> None:
    wrong = command.with_settings(OPENSPP_PASSWORD="wrong", OPENSPP_PROTOCOL=protocol)

    ran = wrong.run("server", "list")

    assert ran.exit_code == 1
    assert ran.error["code"] == "authentication-failed"
    assert "wrong login, password or API key" in ran.error["message"]
    assert "two-factor" in ran.error["hint"]
    assert "OPENSPP_API_KEY" in ran.error["hint"]


@pytest.mark.parametrize("protocol", ["auto", "jsonrpc", "xmlrpc", "json2"])
def test_a_wrong_key_is_an_authentication_failure(
    protocol: str, command: Command, odoo: Odoo
) -> None:
    wrong = on_protocol(protocol, command, odoo).with_settings(
        OPENSPP_API_KEY=WRONG_KEY, OPENSPP_PASSWORD=""
    )

    ran = wrong.run("server", "list")

    assert ran.exit_code == 1
    assert ran.error["code"] == "authentication-failed"
    assert "may have expired" in ran.error["hint"]
    assert WRONG_KEY not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("protocol", "request_line"),
    [
        pytest.param("jsonrpc", "POST /jsonrpc", id="jsonrpc"),
        pytest.param("xmlrpc", "POST /xmlrpc/2/common", id="xmlrpc"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("server", "list"), id="server list"),
        pytest.param(("debug", "on"), id="debug on"),
        pytest.param(("login",), id="login"),
        pytest.param(("apikey", "create", "never made"), id="apikey create"),
    ],
)
def test_a_wrong_password_is_sent_once_and_never_over_another_route(
    protocol: str, request_line: str, words: tuple[str, ...], command: Command, front: Nginx
) -> None:
    seen = len(front.access_log())
    wrong = command.with_settings(
        OPENSPP_URL=front.http_url, OPENSPP_PASSWORD="wrong", OPENSPP_PROTOCOL=protocol
    )

    ran = wrong.run(*words)

    assert ran.error["code"] == "authentication-failed"
    assert requests_of(front, seen) == [request_line]


def test_a_check_sends_a_wrong_password_once(command: Command, front: Nginx) -> None:
    seen = len(front.access_log())
    wrong = command.with_settings(OPENSPP_URL=front.http_url, OPENSPP_PASSWORD="wrong")

    steps = {step["step"]: step for step in wrong.run("check").result["data"]["steps"]}

    assert steps["login"]["ok"] is False
    assert requests_of(front, seen) == ["POST /jsonrpc", "POST /jsonrpc"]  # the version, the login


def test_a_wrong_key_is_sent_once_with_json2(command: Command, front: Nginx, odoo: Odoo) -> None:
    seen = len(front.access_log())
    wrong = on_protocol("json2", command, odoo).with_settings(
        OPENSPP_URL=front.http_url, OPENSPP_API_KEY=WRONG_KEY
    )

    wrong.run("server", "list")

    assert requests_of(front, seen) == ["POST /json/2/ir.mail_server/fields_get"]


def test_a_wrong_key_that_auto_sent_with_json2_is_sent_over_no_other_wire(
    command: Command, front: Nginx, odoo: Odoo
) -> None:
    on_protocol("json2", command, odoo)
    seen = len(front.access_log())
    wrong = command.with_settings(OPENSPP_URL=front.http_url, OPENSPP_API_KEY=WRONG_KEY)

    wrong.run("server", "list")

    assert requests_of(front, seen) == [
        "GET /json/version",
        "POST /json/2/ir.mail_server/fields_get",
    ]


def test_a_password_is_not_tried_where_the_key_was_refused(command: Command, front: Nginx) -> None:
    seen = len(front.access_log())
    wrong = command.with_settings(
        OPENSPP_URL=front.http_url, OPENSPP_API_KEY=WRONG_KEY, OPENSPP_PROTOCOL="jsonrpc"
    )

    assert wrong.run("debug", "on").error["code"] == "authentication-failed"
    assert requests_of(front, seen) == ["POST /jsonrpc"]


def test_an_unknown_database_is_named(on_wire: Command) -> None:
    ran = on_wire.with_settings(OPENSPP_DB="no-such-database").run("server", "list")

    assert ran.exit_code == 1
    assert ran.error["code"] == "database-not-found"
    assert "'no-such-database'" in ran.error["message"]
    assert "OPENSPP_DB" in ran.error["hint"]


@pytest.mark.parametrize(
    "words",
    [pytest.param(("debug", "on"), id="debug on"), pytest.param(("login",), id="login")],
)
def test_a_key_alone_opens_no_web_session(
    words: tuple[str, ...], command: Command, odoo: Odoo
) -> None:
    key_only = command.with_settings(OPENSPP_PASSWORD="", OPENSPP_API_KEY=odoo.api_key)

    ran = key_only.run(*words)

    assert ran.exit_code == 1
    assert ran.error["code"] == "api-key-not-accepted"
    assert "OPENSPP_PASSWORD" in ran.error["hint"]


@pytest.mark.parametrize("protocol", ["jsonrpc", "xmlrpc", "json2"])
def test_a_user_without_the_role_is_told_which_one_is_missing(
    protocol: str, command: Command, odoo: Odoo, without_role: User
) -> None:
    theirs = on_protocol(protocol, command, odoo).with_settings(
        OPENSPP_LOGIN=without_role.login,
        OPENSPP_PASSWORD="",
        OPENSPP_API_KEY=without_role.api_key,
    )

    ran = theirs.run("server", "list")

    assert ran.exit_code == 1
    assert ran.error["code"] == "access-denied"
    assert "System Admin" in ran.error["hint"]


def test_a_user_without_the_role_gets_no_web_session(
    command: Command, front: Nginx, without_role: User
) -> None:
    seen = len(front.access_log())
    ran = command.with_settings(
        OPENSPP_URL=front.http_url,
        OPENSPP_LOGIN=without_role.login,
        OPENSPP_PASSWORD=without_role.password,
    ).run("debug", "on")

    assert ran.error["code"] == "access-denied"
    assert "System Admin" in ran.error["hint"]
    assert not [line for line in requests_of(front, seen) if "/web/session" in line]


def test_a_key_of_somebody_else_is_found_by_the_check(
    command: Command, odoo: Odoo, without_role: User
) -> None:
    theirs = on_protocol("json2", command, odoo).with_settings(
        OPENSPP_PASSWORD="", OPENSPP_API_KEY=without_role.api_key
    )
    steps = {step["step"]: step for step in theirs.run("check").result["data"]["steps"]}

    assert steps["login"]["ok"] is False
    assert without_role.login in steps["login"]["detail"]
