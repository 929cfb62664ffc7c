from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import pyotp
import pytest

from remote_mailcfg.errors import ConfigurationError, LoginError, RemoteMailcfgError
from remote_mailcfg.rpc.http import CookieJar, HttpClient
from remote_mailcfg.rpc.web import WebSession
from remote_mailcfg.secret import Secret
from tests.recorded import Version, exchange
from tests.replay_server import (
    ReplayServer,
    Reply,
    Step,
    html_reply,
    json_reply,
    recorded,
    replay,
    rpc_reply,
)

PASSWORD = Secret("admin")
BOUND = html_reply(302, headers={"Location": "/web/login", "Set-Cookie": "session_id=bound"})
AUTHENTICATED = recorded("17.0", "auth-ok")
HALF_LOGGED_IN = recorded("19.0", "t-authenticate-totp-user")
INFO = recorded("19.0", "b-off-get_session_info")
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TOTP_FORM = Reply(
    content_type="text/html",
    body=b'<form><input type="hidden" name="csrf_token" value="51aa01o1795365719"/></form>',
)
TOTP_ACCEPTED = recorded("17.0", "totp-web-totp-post")


@contextmanager
def session(
    *script: Step, cookies: dict[str, str] | None = None, **values: Any
) -> Iterator[tuple[WebSession, ReplayServer]]:
    with replay(*script) as server:
        target = server.target(**values)
        with HttpClient(target) as http:
            yield WebSession(http, target, CookieJar(dict(cookies or {}))), server


# Login


def test_a_login_binds_the_session_to_the_database_first() -> None:
    with session(BOUND, AUTHENTICATED, database="odoo 17") as (web, server):
        web.log_in(PASSWORD, None)

    assert server.paths == ["GET /web/login?db=odoo%2017", "POST /web/session/authenticate"]
    assert server.requests[1].json["params"] == {
        "db": "odoo 17",
        "login": "admin",
        "password": "admin",
    }
    assert server.requests[1].headers["Cookie"] == "session_id=bound"


def test_a_login_never_names_the_database_in_a_header() -> None:
    with session(BOUND, AUTHENTICATED) as (web, server):
        web.log_in(PASSWORD, None)

    assert [it.headers["X-Odoo-Database"] for it in server.requests] == [None, None]


def test_a_login_keeps_the_cookie_that_the_server_gave_last() -> None:
    logged_in = rpc_reply({"uid": 2}, headers={"Set-Cookie": "session_id=rotated; Path=/"})

    with session(BOUND, logged_in) as (web, _server):
        web.log_in(PASSWORD, None)

    assert web.jar.cookies == {"session_id": "rotated"}


def test_a_login_tells_about_the_session() -> None:
    with session(BOUND, AUTHENTICATED) as (web, _server):
        assert web.info == {}
        web.log_in(PASSWORD, None)

    assert web.info["uid"] == 2
    assert web.info["server_version"] == "17.0"


@pytest.mark.parametrize(
    ("version", "name", "code"),
    [
        pytest.param(*row, id=f"{row[0]}-{row[1]}")
        for row in (
            ("17.0", "auth-wrong-password", "authentication-failed"),
            ("17.0", "auth-unknown-login", "authentication-failed"),
            ("17.0", "key-session-authenticate", "authentication-failed"),
            ("17.0", "totp-session-wrongpw", "authentication-failed"),
            ("17.0", "cooldown-correct", "authentication-failed"),
            ("17.0", "auth-wrong-db", "database-not-found"),
            ("17.0", "auth-missing-db-onedb", "refused-by-odoo"),
            ("19.0", "a-authenticate-wrongpw", "authentication-failed"),
            ("19.0", "f-authenticate-with-key", "authentication-failed"),
            ("19.0", "s1-cooldown-good-pw", "authentication-failed"),
            ("19.0", "a-authenticate-wrongdb", "database-not-found"),
        )
    ],
)
def test_a_refused_login_says_what_was_wrong_and_is_not_tried_again(
    version: Version, name: str, code: str
) -> None:
    with (
        session(BOUND, recorded(version, name)) as (web, _server),
        pytest.raises(RemoteMailcfgError) as caught,
    ):
        web.log_in(PASSWORD, None)

    assert caught.value.code == code


# Two-factor login


@pytest.mark.parametrize(
    ("version", "name"), [("17.0", "totp-session-auth"), ("19.0", "t-authenticate-totp-user")]
)
def test_a_login_without_a_user_needs_a_second_factor(version: Version, name: str) -> None:
    assert exchange(version, name).response.body["result"] == {"uid": None}

    with session(BOUND, recorded(version, name)) as (web, _), pytest.raises(LoginError) as caught:
        web.log_in(PASSWORD, None)

    assert caught.value.code == "two-factor-required"
    assert "OPENSPP_TOTP_SECRET" in caught.value.hint
    assert web.info == {}


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(TOTP_SECRET, id="plain"),
        pytest.param("jbsw y3dp ehpk 3pxp jbsw y3dp ehpk 3pxp", id="as-odoo-shows-it"),
    ],
)
def test_the_code_of_the_moment_completes_the_login(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyotp.TOTP, "timecode", lambda _self, _time: 57_000_000)
    script = (BOUND, HALF_LOGGED_IN, TOTP_FORM, TOTP_ACCEPTED, INFO)

    with session(*script) as (web, server):
        web.log_in(PASSWORD, Secret(written))

    assert server.paths[2:] == [
        "GET /web/login/totp",
        "POST /web/login/totp",
        "POST /web/session/get_session_info",
    ]
    assert parse_qs(server.requests[3].body.decode()) == {
        "csrf_token": ["51aa01o1795365719"],
        "totp_token": [pyotp.TOTP(TOTP_SECRET).generate_otp(57_000_000)],
    }
    assert server.requests[3].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert web.info["uid"] == 2


def test_a_refused_code_is_not_tried_again() -> None:
    refused = html_reply(200, "Two-factor Authentication")
    with (
        session(BOUND, HALF_LOGGED_IN, TOTP_FORM, refused) as (web, _server),
        pytest.raises(LoginError, match="the two-factor code of 'admin' was refused") as caught,
    ):
        web.log_in(PASSWORD, Secret(TOTP_SECRET))

    assert caught.value.code == "authentication-failed"


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("no-base32-0189", id="no-base32"),
        pytest.param("JBSWY3DP", id="too-short"),
        pytest.param("JBSWY3DPEHPK3PXPä", id="not-ascii"),
    ],
)
def test_what_is_no_totp_secret_is_a_configuration_error_that_does_not_show_it(secret: str) -> None:
    with (
        session(BOUND, HALF_LOGGED_IN, TOTP_FORM) as (web, _server),
        pytest.raises(ConfigurationError, match="is not base32 text, or too short") as caught,
    ):
        web.log_in(PASSWORD, Secret(secret))

    assert secret not in f"{caught.value.message} {caught.value.hint}"


def test_a_page_without_the_form_of_the_code_is_not_odoo() -> None:
    with (
        session(BOUND, HALF_LOGGED_IN, html_reply(200, "Something else")) as (web, _server),
        pytest.raises(RemoteMailcfgError) as caught,
    ):
        web.log_in(PASSWORD, Secret(TOTP_SECRET))

    assert caught.value.code == "not-odoo"


# Calls within the session


def test_a_call_goes_to_the_route_of_the_web_client_with_the_cookies() -> None:
    reply = rpc_reply(7, headers={"Set-Cookie": "session_id=new; Path=/"})
    with session(reply, cookies={"session_id": "kept"}) as (web, server):
        created = web.call("ir.config_parameter", "create", vals_list={"key": "k"}, context={})

    assert created == 7
    assert server.paths == ["POST /web/dataset/call_kw/ir.config_parameter/create"]
    assert server.requests[0].headers["Cookie"] == "session_id=kept"
    assert server.requests[0].json["params"] == {
        "model": "ir.config_parameter",
        "method": "create",
        "args": [{"key": "k"}],
        "kwargs": {"context": {}},
    }
    assert web.jar.cookies == {"session_id": "new"}


def test_a_method_of_records_gets_the_ids_first() -> None:
    with session(rpc_reply(True)) as (web, server):  # noqa: FBT003 - what Odoo answers
        web.call("ir.config_parameter", "unlink", (3, 4))

    assert server.requests[0].json["params"]["args"] == [[3, 4]]


@pytest.mark.parametrize(
    ("version", "name"), [("17.0", "session-check-ok"), ("19.0", "h-refused-send")]
)
def test_a_method_that_returns_nothing_is_none(version: Version, name: str) -> None:
    with session(recorded(version, name)) as (web, _server):
        assert web.call("mail.mail", "send", (1,)) is None


@pytest.mark.parametrize(
    ("version", "name"),
    [
        pytest.param("17.0", "stale-session-call", id="17-one-database"),
        pytest.param("17.0", "2db-stale", id="17-several-databases"),
        pytest.param("17.0", "spp-after-error", id="17-openspp"),
        pytest.param("19.0", "s1-callkw-bad-session", id="19-one-database"),
        pytest.param("19.0", "a-callkw-expired-session", id="19-several-databases"),
    ],
)
def test_a_session_that_the_server_does_not_know_has_expired(version: Version, name: str) -> None:
    with session(recorded(version, name)) as (web, _server), pytest.raises(LoginError) as caught:
        web.fetch_info()

    assert caught.value.code == "session-expired"
    assert "remote-mailcfg login" in caught.value.hint


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(recorded("17.0", "spp-globalsupport-read"), "access-denied", id="role"),
        pytest.param(recorded("19.0", "d2-missing-id"), "not-found", id="missing-record"),
        pytest.param(recorded("19.0", "f-admin-run_check-badpw"), "refused-by-odoo", id="refusal"),
        pytest.param(html_reply(200, "Welcome"), "not-odoo", id="page"),
        pytest.param(json_reply({"detail": "no"}), "not-odoo", id="other-api"),
        pytest.param(html_reply(502), "unreachable", id="bad-gateway"),
    ],
)
def test_a_refused_call_has_its_own_code(reply: Step, code: str) -> None:
    with session(reply) as (web, _server), pytest.raises(RemoteMailcfgError) as caught:
        web.call("ir.mail_server", "read", (1,), fields=["name"])

    assert caught.value.code == code


def test_a_record_method_without_ids_is_refused_before_anything_is_sent() -> None:
    with session() as (web, server), pytest.raises(ValueError, match="ids are for record"):
        web.call("ir.mail_server", "test_smtp_connection")

    assert server.requests == []


# Menus and the end


@pytest.mark.parametrize(
    ("version", "name", "major", "path"),
    [
        pytest.param(
            "17.0", "load_menus-debug-off", 17, "/web/webclient/load_menus/remote-mailcfg", id="17"
        ),
        pytest.param("19.0", "b-off-http-load_menus", 19, "/web/webclient/load_menus", id="19"),
    ],
)
def test_the_menus_are_asked_for_with_get(
    version: Version, name: str, major: int, path: str
) -> None:
    with session(recorded(version, name)) as (web, server):
        menus = web.fetch_menus(major)

    assert server.paths == [f"GET {path}"]
    assert menus == exchange(version, name).response.body


def test_the_menus_of_a_session_that_has_expired_are_an_error() -> None:
    with (
        session(recorded("17.0", "404-web-get")) as (web, _server),
        pytest.raises(LoginError) as caught,
    ):
        web.fetch_menus(17)

    assert caught.value.code == "session-expired"


def test_the_end_of_a_session_switches_developer_mode_off_first() -> None:
    script = (recorded("17.0", "check-qs-debug0"), recorded("17.0", "destroy"))

    with session(*script) as (web, server):
        web.end()

    assert server.paths == ["POST /web/session/check?debug=0", "POST /web/session/destroy"]


def test_all_of_it_goes_over_one_connection() -> None:
    with session(BOUND, AUTHENTICATED, INFO, rpc_reply(1)) as (web, server):
        web.log_in(PASSWORD, None)
        web.fetch_info()
        web.call("ir.mail_server", "search_count", domain=[])

    assert len(server.connections) == 1
