import json
from collections.abc import Iterator, Mapping

import pytest
from urllib3 import HTTPHeaderDict

from remote_mailcfg.errors import LoginError, OdooError, RemoteMailcfgError, TransportError
from remote_mailcfg.rpc.faults import (
    check_answer,
    is_refusal,
    not_odoo,
    odoo_error,
    parse_json,
    parse_rpc,
    parse_version,
    traceback_error,
)
from remote_mailcfg.rpc.http import Answer
from remote_mailcfg.rpc.transport import Access
from remote_mailcfg.secret import Secret
from tests.recorded import VERSIONS, Exchange, Version, exchange, load

URL = "https://erp.example/prefix/jsonrpc"
ACCESS = Access("https://erp.example/prefix", "registry", "ann", Secret("s3cret"))


def an_answer(
    status: int = 200,
    body: bytes = b"",
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    return Answer(status, HTTPHeaderDict({"Content-Type": content_type, **(headers or {})}), body)


def recorded_answer(version: Version, name: str, index: int = 0) -> Answer:
    response = exchange(version, name, index).response
    return Answer(response.status, HTTPHeaderDict(response.headers), response.content)


def code_of(answer: Answer) -> str:
    with pytest.raises(RemoteMailcfgError) as caught:
        parse_json(answer, URL, ACCESS)
    return caught.value.code


# Odoo's own exceptions


@pytest.mark.parametrize(
    ("version", "name", "code", "kind"),
    [
        pytest.param(*row, id=f"{row[0]}-{row[1]}")
        for row in (
            ("17.0", "auth-wrong-password", "authentication-failed", LoginError),
            ("17.0", "auth-unknown-login", "authentication-failed", LoginError),
            ("17.0", "auth-empty-password", "authentication-failed", LoginError),
            ("17.0", "key-session-authenticate", "authentication-failed", LoginError),
            ("17.0", "cooldown-correct", "authentication-failed", LoginError),
            ("17.0", "jsonrpc-execute-wrongpw", "authentication-failed", LoginError),
            ("17.0", "totp-execute", "authentication-failed", LoginError),
            ("17.0", "auth-wrong-db", "database-not-found", LoginError),
            ("17.0", "auth-db-not-in-filter", "database-not-found", LoginError),
            ("17.0", "auth-empty-db-onedb", "database-not-found", LoginError),
            ("17.0", "jsonrpc-auth-wrongdb", "database-not-found", LoginError),
            ("17.0", "no-session-call", "session-expired", LoginError),
            ("17.0", "after-destroy", "session-expired", LoginError),
            ("17.0", "clerk-read", "access-denied", OdooError),
            ("17.0", "clerk-write", "access-denied", OdooError),
            ("17.0", "method-private", "access-denied", OdooError),
            ("17.0", "fr-access", "access-denied", OdooError),
            ("17.0", "test-missing", "not-found", OdooError),
            ("17.0", "archive-in-use", "refused-by-odoo", OdooError),
            ("17.0", "create-bad-missing-name", "refused-by-odoo", OdooError),
            ("17.0", "create-bad-unknown-field", "refused-by-odoo", OdooError),
            ("17.0", "create-bad-port-2^31", "refused-by-odoo", OdooError),
            ("17.0", "ckw-model-unknown", "refused-by-odoo", OdooError),
            ("17.0", "auth-missing-db-onedb", "refused-by-odoo", OdooError),
            ("17.0", "mail-send-raise", "refused-by-odoo", OdooError),
            ("19.0", "a-authenticate-wrongpw", "authentication-failed", LoginError),
            ("19.0", "s1-cooldown-good-pw", "authentication-failed", LoginError),
            ("19.0", "s1-db-list-disabled", "authentication-failed", LoginError),
            ("19.0", "a-authenticate-wrongdb", "database-not-found", LoginError),
            ("19.0", "f-callkw-bearer", "session-expired", LoginError),
            ("19.0", "c-bob-search_read", "access-denied", OdooError),
            ("19.0", "e-private-method-callkw", "access-denied", OdooError),
            ("19.0", "d2-missing-id", "not-found", OdooError),
            ("19.0", "e-unknown-model-callkw", "refused-by-odoo", OdooError),
            ("19.0", "e-unknown-field-callkw", "refused-by-odoo", OdooError),
            ("19.0", "h-refused-raise-send", "refused-by-odoo", OdooError),
        )
    ],
)
def test_an_exception_of_odoo_has_one_code(
    version: Version, name: str, code: str, kind: type[RemoteMailcfgError]
) -> None:
    data = exchange(version, name).response.body["error"]["data"]

    error = odoo_error(data["name"], data["message"], ACCESS)

    assert error.code == code
    assert type(error) is kind


def recorded_refusals() -> Iterator[tuple[Version, Exchange, Mapping[str, str]]]:
    for version in VERSIONS:
        for it in load(version):
            body = it.response.body
            if isinstance(body, dict) and "error" in body:
                yield version, it, body["error"]["data"]
            elif it.request.path.startswith("/json/2/") and it.response.status >= 400:
                yield from [(version, it, body)] if isinstance(body, dict) else []


def test_many_refusals_are_recorded() -> None:
    assert len(list(recorded_refusals())) > 200


@pytest.mark.parametrize(
    ("name", "text"),
    sorted({(data["name"], data["message"]) for _, _, data in recorded_refusals()}),
    ids=lambda text: text[:40].encode("unicode_escape").decode(),
)
def test_no_refusal_ever_shows_a_traceback(name: str, text: str) -> None:
    error = odoo_error(name, text, ACCESS)

    assert error.message.strip()
    assert "Traceback" not in error.message
    assert "/usr/" not in error.message


def test_a_refusal_keeps_odoos_own_words_and_class() -> None:
    data = exchange("17.0", "archive-in-use").response.body["error"]["data"]

    error = odoo_error(data["name"], data["message"], ACCESS)

    assert isinstance(error, OdooError)
    assert error.message == data["message"].strip()
    assert error.exception == "odoo.exceptions.UserError"


def test_a_refusal_without_words_names_its_class() -> None:
    assert odoo_error("builtins.KeyError", " ", ACCESS).message == "Odoo raised builtins.KeyError"


def test_a_wrong_password_and_a_wrong_key_are_one_message_with_the_login() -> None:
    error = odoo_error("odoo.exceptions.AccessDenied", "Access Denied", ACCESS)

    assert error.message == "the login of 'ann' was refused: wrong login, password or API key"
    assert "OPENSPP_API_KEY" in error.hint
    assert "OPENSPP_TOTP_SECRET" in error.hint


def test_a_login_lock_is_told_in_odoos_words() -> None:
    data = exchange("19.0", "s1-cooldown-good-pw").response.body["error"]["data"]

    error = odoo_error(data["name"], data["message"], ACCESS)

    assert "Too many login failures" in error.message


def test_denied_access_names_the_role() -> None:
    error = odoo_error("odoo.exceptions.AccessError", "You are not allowed …", ACCESS)

    assert "System Admin" in error.hint


# Faults of XML-RPC that carry a traceback


@pytest.mark.parametrize(
    ("fault", "code", "message", "exception"),
    [
        pytest.param(
            "Traceback (most recent call last):\n  <frames>\n"
            "ValueError: Invalid field 'smtp_hots' on model 'ir.mail_server'\n",
            "refused-by-odoo",
            "Invalid field 'smtp_hots' on model 'ir.mail_server'",
            "ValueError",
            id="built-in",
        ),
        pytest.param(
            "Traceback (most recent call last):\n  <frames>\n"
            "psycopg2.errors.NumericValueOutOfRange: integer out of range\n",
            "refused-by-odoo",
            "integer out of range",
            "psycopg2.errors.NumericValueOutOfRange",
            id="dotted",
        ),
        pytest.param(
            "Traceback (most recent call last):\n  <frames>\n"
            "odoo.exceptions.AccessError: You are not allowed\n",
            "access-denied",
            "Odoo denies access: You are not allowed",
            "",
            id="access",
        ),
        pytest.param(
            "Traceback (most recent call last):\n  <frames>\nAssertionError\n",
            "refused-by-odoo",
            "Odoo raised AssertionError",
            "AssertionError",
            id="without-text",
        ),
        pytest.param(
            "Traceback (most recent call last):\n  <frames>\nKeyError: x\nsecond line",
            "refused-by-odoo",
            "second line",
            "",
            id="last-line-is-text",
        ),
        pytest.param("", "refused-by-odoo", "Odoo raised ", "", id="empty"),
    ],
)
def test_of_a_traceback_the_last_line_alone_counts(
    fault: str, code: str, message: str, exception: str
) -> None:
    error = traceback_error(fault, ACCESS)

    assert (error.code, error.message) == (code, message)
    assert getattr(error, "exception", "") == exception


def test_a_traceback_about_the_database_is_found_in_the_middle() -> None:
    fault = (
        'Traceback (most recent call last):\nOperationalError: FATAL:  database "registry" does'
        " not exist\n\nDuring handling of the above exception, another exception occurred:\n"
        "KeyError: 'registry'\n"
    )

    error = traceback_error(fault, ACCESS)

    assert error.code == "database-not-found"
    assert error.message == "the server has no database 'registry'"


# Answers that are not Odoo's


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(
            an_answer(301, headers={"Location": "https://www.erp.example/"}),
            "redirected",
            id="redirect",
        ),
        pytest.param(
            an_answer(
                401, content_type="text/html", headers={"WWW-Authenticate": 'Basic realm=""'}
            ),
            "http-basic-required",
            id="basic",
        ),
        pytest.param(an_answer(429), "rate-limited", id="too-many-requests"),
        pytest.param(an_answer(502), "unreachable", id="bad-gateway"),
        pytest.param(an_answer(503), "unreachable", id="unavailable"),
        pytest.param(an_answer(504), "timeout", id="gateway-timeout"),
        pytest.param(an_answer(200, b"<html>", "text/html"), "not-odoo", id="html"),
        pytest.param(an_answer(200, b"{}", "text/plain"), "not-odoo", id="wrong-content-type"),
        pytest.param(an_answer(200, b"{}", ""), "not-odoo", id="no-content-type"),
        pytest.param(an_answer(200, b'{"jso'), "not-odoo", id="truncated-json"),
        pytest.param(an_answer(200, b""), "not-odoo", id="empty"),
        pytest.param(an_answer(200, b"\xff\xfe\xff"), "not-odoo", id="not-utf-8"),
        pytest.param(an_answer(200, b"[" * 100_000), "not-odoo", id="too-deep"),
        pytest.param(recorded_answer("17.0", "bad-json"), "not-odoo", id="17-bad-json"),
        pytest.param(recorded_answer("17.0", "404-json"), "not-odoo", id="17-unknown-path"),
        pytest.param(recorded_answer("17.0", "2db-get"), "redirected", id="17-no-database"),
        pytest.param(
            recorded_answer("19.0", "f2-json2-nodbheader"),
            "database-not-found",
            id="19-no-database",
        ),
        pytest.param(
            recorded_answer("19.0", "f2-json2-wrongdb"),
            "database-not-found",
            id="19-other-database",
        ),
        pytest.param(recorded_answer("19.0", "f2-json2-textplain"), "not-odoo", id="19-text-plain"),
    ],
)
def test_what_stands_in_odoos_place_is_told_apart(answer: Answer, code: str) -> None:
    assert code_of(answer) == code


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 500])
def test_a_status_that_odoo_itself_sends_passes(status: int) -> None:
    answer = an_answer(status, b'{"name": "x"}', headers={"WWW-Authenticate": "Bearer"})

    check_answer(answer, URL, ACCESS)

    assert parse_json(answer, URL, ACCESS) == {"name": "x"}


@pytest.mark.parametrize(
    ("location", "shown", "hint"),
    [
        pytest.param(
            "https://new.example/odoo/jsonrpc",
            "https://new.example/odoo/jsonrpc",
            "If that is the instance, set OPENSPP_URL=https://new.example/odoo",
            id="other-origin",
        ),
        pytest.param(
            "http://erp.example/prefix/jsonrpc?x=1",
            "http://erp.example/prefix/jsonrpc?x=1",
            "If that is the instance, set OPENSPP_URL=http://erp.example/prefix",
            id="other-scheme",
        ),
        pytest.param(
            "/web/login", "https://erp.example/web/login", "Check OPENSPP_URL", id="another-page"
        ),
    ],
)
def test_a_redirect_names_the_new_address(location: str, shown: str, hint: str) -> None:
    answer = an_answer(302, headers={"Location": location})

    with pytest.raises(TransportError) as caught:
        parse_json(answer, URL, ACCESS)

    assert caught.value.message == (
        f"{URL} redirects to {shown}; credentials are not sent after a redirect"
    )
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        pytest.param({"Retry-After": "30"}, "Try again in 30 s.", id="seconds"),
        pytest.param(
            {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, "Try again in 1 s.", id="a-date"
        ),
        pytest.param({"Retry-After": "soon"}, "Wait a minute", id="text"),
        pytest.param({}, "Wait a minute", id="nothing"),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(headers: dict[str, str], hint: str) -> None:
    with pytest.raises(TransportError) as caught:
        parse_json(an_answer(429, headers=headers), URL, ACCESS)

    assert caught.value.hint.startswith(hint)


def test_a_server_that_is_away_says_for_how_long() -> None:
    with pytest.raises(TransportError) as caught:
        parse_json(an_answer(503, headers={"Retry-After": "3600"}), URL, ACCESS)

    assert caught.value.hint.endswith("It asks to wait 3600 s.")


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_gives_up_tells_its_status(status: int) -> None:
    with pytest.raises(TransportError) as caught:
        parse_json(an_answer(status), URL, ACCESS)

    assert caught.value.status == status


def test_an_answer_of_something_else_is_described() -> None:
    page = an_answer(200, b"<html><TITLE>\n Welcome to nginx! </title>", "text/html; charset=x")

    error = not_odoo(page, URL)

    assert error.message.startswith(
        f'{URL} answered 200 with text/html titled "Welcome to nginx!", which is not'
    )


def test_an_answer_of_nothing_is_described() -> None:
    assert (
        "answered 200 with no content type, which"
        in not_odoo(an_answer(content_type=""), URL).message
    )


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"detail": "Not Found"}, id="another-api"),
        pytest.param([], id="list"),
        pytest.param(None, id="null"),
        pytest.param({"jsonrpc": "2.0", "error": "broken"}, id="error-is-text"),
        pytest.param(
            {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}},
            id="another-json-rpc-server",
        ),
        pytest.param({"jsonrpc": "2.0", "error": {"data": {"name": "x"}}}, id="half-an-error"),
    ],
)
def test_json_of_another_program_is_not_odoos(message: object) -> None:
    with pytest.raises(TransportError) as caught:
        parse_rpc(an_answer(200, json.dumps(message).encode()), URL, ACCESS)

    assert caught.value.code == "not-odoo"


@pytest.mark.parametrize(
    ("version", "name"), [("17.0", "auth-wrong-password"), ("19.0", "a-authenticate-ok")]
)
def test_a_json_rpc_message_of_odoo_is_given_back(version: Version, name: str) -> None:
    answer = recorded_answer(version, name)

    assert parse_rpc(answer, URL, ACCESS) == json.loads(answer.body)


def test_every_recorded_refusal_has_odoos_shape() -> None:
    assert [it.name for _, it, data in recorded_refusals() if not is_refusal(data)] == []


# The version


@pytest.mark.parametrize(
    "version", ["17.0", "19.0", "17.0+e", "saas~17.2", "saas~18.4a1", "17.0-20250101", "14.0"]
)
def test_a_version_of_odoo_is_taken_as_it_is(version: str) -> None:
    assert parse_version(version, "https://erp.example") == version


@pytest.mark.parametrize(
    "version",
    ["", "OpenSPP", "17.0\nerror: x", "17.0 ::error::", "::error::17.0", "s3cret", 17.0, None, []],
    ids=repr,
)
def test_a_version_that_is_none_is_not_shown(version: object) -> None:
    with pytest.raises(TransportError) as caught:
        parse_version(version, "https://erp.example")

    assert caught.value.code == "not-odoo"
    assert caught.value.message == "https://erp.example sent a version that is not one of Odoo's"
