"""No secret is found in a log record or in an error, whatever the instance answers.

A way out of the program that is not here yet, for instance a command's output, is added by
collecting its texts and giving them to `leaks`.
"""

import logging
import xmlrpc.client
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import pyotp
import pytest

from remote_mailcfg.model.target import Protocol, Target
from remote_mailcfg.rpc.connection import open_connection
from remote_mailcfg.rpc.http import CookieJar, HttpClient
from remote_mailcfg.rpc.web import WebSession
from remote_mailcfg.secret import Secret
from tests.canaries import (
    API_KEY,
    PASSWORD,
    PROXY_PASSWORD,
    SECRETS,
    SESSION_ID,
    SMTP_PASSWORD,
    TOTP_SECRET,
    all_logs,
    leaks,
    texts_of,
)
from tests.recorded import VERSIONS, load
from tests.replay_server import (
    Reply,
    Step,
    html_reply,
    json_reply,
    raw_xml,
    recorded,
    replay,
    rpc_error,
    rpc_reply,
    silence,
    xml_reply,
)

pytestmark = pytest.mark.usefixtures("clean_environment")

WIRES: list[Protocol] = ["jsonrpc", "xmlrpc", "json2"]
PATHS = {"jsonrpc": "/jsonrpc", "xmlrpc": "/xmlrpc/2/", "json2": "/json/2/", "web": "/web/session/"}
LOGINS: dict[str, list[Step]] = {
    "jsonrpc": [rpc_reply(2)],
    "xmlrpc": [xml_reply(2)],
    "json2": [],
}
SUCCESSES: dict[str, Step] = {
    "jsonrpc": rpc_reply(7),
    "xmlrpc": xml_reply(7),
    "json2": json_reply([7]),
}


def closes(*_: object) -> None:
    """End the connection without a word."""


#: What any web server may answer.
FAILURES: dict[str, Step] = {
    "closed": closes,
    "silent": silence,
    "page": html_reply(200, "Welcome"),
    "no-such-route": html_reply(404, "Not Found"),
    "server-error": html_reply(500, "Internal Server Error"),
    "bad-gateway": html_reply(502),
    "gateway-timeout": html_reply(504),
    "rate-limit": html_reply(429, headers={"Retry-After": "7"}),
    "http-basic": html_reply(401, headers={"WWW-Authenticate": "Basic"}),
    "redirect": html_reply(302, headers={"Location": "https://elsewhere.example/"}),
    "other-json": json_reply({"detail": "no"}),
    "broken-json": Reply(body=b'{"jsonrpc": '),
    "broken-xml": raw_xml("<methodResponse>"),
    "other-xml": raw_xml("<html/>"),
    "document-type": raw_xml("<!DOCTYPE x><methodResponse/>"),
    "strange-fault": xml_reply(xmlrpc.client.Fault(99, "strange")),
    "strange-error": rpc_error("strange.Error", "strange"),
}


def recorded_failures(wire: str) -> Iterator[tuple[str, Step]]:
    """Yield each answer of a real Odoo on this wire that is no result."""
    for version in VERSIONS:
        for it in {it.response.content: it for it in load(version)}.values():
            body = it.response.body
            failed = (
                it.response.status >= 400
                or (isinstance(body, dict) and "error" in body)
                or (isinstance(body, str) and "<fault>" in body)
            )
            if failed and it.request.path.startswith(PATHS[wire]):
                index = [x for x in load(version) if x.name == it.name].index(it)
                yield f"{version}-{it.name}-{index}", recorded(version, it.name, index)


def failures(wire: str) -> Iterable[tuple[str, Step]]:
    return chain(FAILURES.items(), recorded_failures(wire))


def collect(use: Callable[[], object]) -> list[str]:
    """Return every text that comes of this: what is logged, and the error if there is one."""
    with all_logs() as heard:
        try:
            use()
        except Exception as error:  # noqa: BLE001 - whatever comes out is looked at
            heard.extend(texts_of(error))
    return heard


def create_with(target: Target) -> Any:
    """Log in and write a mail server with a password."""
    with HttpClient(target) as http:
        transport = open_connection(target, http).transport
        values = {"name": "n", "smtp_pass": SMTP_PASSWORD}
        return transport.call("ir.mail_server", "create", vals_list=values)


def secrets_for(wire: Protocol, credential: str) -> dict[str, Any]:
    """Return the fields of a target with one credential, and HTTP Basic where it can be had."""
    one = {"password": None} | {credential: SECRETS[credential]}
    return one if wire == "json2" else one | {"http_basic": SECRETS["http_basic"]}


def credentials(wire: Protocol) -> list[str]:
    return ["api_key"] if wire == "json2" else ["password", "api_key"]


# The check itself


def test_a_leak_is_found_in_a_log_record() -> None:
    with all_logs() as heard:
        logging.getLogger("some.library").debug("sent %s", PASSWORD)

    assert len(leaks(heard)) == 1


def test_a_leak_is_found_in_a_hidden_cause() -> None:
    def fail() -> None:
        try:
            int(API_KEY)
        except ValueError:
            raise TypeError from None

    assert leaks(collect(fail))


# The transports


@pytest.mark.parametrize(
    ("wire", "credential"),
    [pytest.param(wire, it, id=f"{wire}-{it}") for wire in WIRES for it in credentials(wire)],
)
def test_success_leaks_nothing(wire: Protocol, credential: str) -> None:
    with replay(*LOGINS[wire], SUCCESSES[wire]) as server:
        target = server.target(protocol=wire, **secrets_for(wire, credential))
        texts = collect(lambda: create_with(target))

    sent = f"{server.requests[-1].headers} {server.requests[-1].body.decode()}"
    assert SECRETS[credential].reveal() in sent
    assert SMTP_PASSWORD in sent
    assert any("ir.mail_server.create" in text for text in texts)  # logging was listened to
    assert leaks(texts) == []


@pytest.mark.parametrize(
    ("wire", "name", "reply"),
    [
        pytest.param(wire, name, reply, id=f"{wire}-{name}")
        for wire in WIRES
        for name, reply in failures(wire)
    ],
)
def test_a_call_that_fails_leaks_nothing(wire: Protocol, name: str, reply: Step) -> None:
    credential = credentials(wire)[0]
    patience = 0.2 if name == "silent" else 5
    with replay(*LOGINS[wire], reply) as server:
        fields = secrets_for(wire, credential) | {"timeout_seconds": patience}
        texts = collect(lambda: create_with(server.target(protocol=wire, **fields)))

    assert leaks(texts) == []


@pytest.mark.parametrize(
    ("wire", "reply"),
    [
        pytest.param(wire, reply, id=f"{wire}-{name}")
        for wire in WIRES
        if LOGINS[wire]
        for name, reply in failures(wire)
        if name != "silent"
    ],
)
def test_a_login_that_fails_leaks_nothing(wire: Protocol, reply: Step) -> None:
    with replay(reply) as server:
        target = server.target(protocol=wire, **secrets_for(wire, "password"))
        texts = collect(lambda: create_with(target))

    assert PASSWORD.encode() in server.requests[0].body
    assert leaks(texts) == []


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("ending", ["\n", "\r\nX: y", "\x00", "-ключ"], ids=ascii)
def test_a_credential_that_no_header_carries_leaks_nothing(wire: Protocol, ending: str) -> None:
    with replay(*([] if wire == "json2" else [closes])) as server:
        target = server.target(protocol=wire, api_key=Secret(API_KEY + ending), database="db")
        texts = collect(lambda: create_with(target))

    assert texts
    assert leaks(texts) == []


def test_a_database_that_no_header_carries_leaks_nothing() -> None:
    with replay() as server:
        target = server.target(database="数据", **SECRETS)
        texts = collect(lambda: create_with(target))

    assert texts
    assert leaks(texts) == []


def test_nobody_listening_is_a_failure_that_leaks_nothing() -> None:
    with replay() as server:
        target = server.target(**SECRETS)

    assert leaks(collect(lambda: create_with(target))) == []


@pytest.mark.parametrize(
    "scheme", ["http", "socks5"], ids=["that-answers-nothing", "that-cannot-be-used"]
)
def test_a_proxy_with_a_password_leaks_nothing(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replay() as gone:
        address = gone.url.removeprefix("http://")
    monkeypatch.setenv("HTTP_PROXY", f"{scheme}://ann:{PROXY_PASSWORD}@{address}")
    with replay() as server:
        texts = collect(lambda: create_with(server.target(**SECRETS)))

    assert texts
    assert leaks(texts) == []


# The web session

BOUND = html_reply(302, headers={"Set-Cookie": f"session_id={SESSION_ID}", "Location": "/x"})
HALF_LOGGED_IN = rpc_reply({"uid": None})
FORM = Reply(content_type="text/html", body=b'<input name="csrf_token" value="t0"/>')


def log_in_to_the_web(target: Target) -> CookieJar:
    jar = CookieJar()
    with HttpClient(target) as http:
        session = WebSession(http, target, jar)
        session.log_in(SECRETS["password"], target.totp_secret)
        session.call("ir.mail_server", "write", (1,), vals={"smtp_pass": SMTP_PASSWORD})
    return jar


def test_a_web_login_leaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyotp.TOTP, "timecode", lambda _self, _time: 57_000_000)
    code = pyotp.TOTP(TOTP_SECRET).generate_otp(57_000_000)
    accepted = html_reply(303, headers={"Location": "/web"})
    script = (BOUND, HALF_LOGGED_IN, FORM, accepted, rpc_reply({"uid": 2}), rpc_reply(1))
    with replay(*script) as server:
        texts = collect(lambda: log_in_to_the_web(server.target(**SECRETS)))

    sent = "".join(f"{it.headers} {it.body.decode()}" for it in server.requests)
    assert all(it in sent for it in (PASSWORD, SMTP_PASSWORD, SESSION_ID, f"totp_token={code}"))
    assert leaks(texts) == []
    assert not [text for text in texts if code in text]


@pytest.mark.parametrize(
    "reply",
    [pytest.param(reply, id=name) for name, reply in failures("web") if name != "silent"],
)
def test_a_web_login_that_fails_leaks_nothing(reply: Step) -> None:
    with replay(BOUND, reply) as server:
        texts = collect(lambda: log_in_to_the_web(server.target(**SECRETS)))

    assert leaks(texts) == []


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(html_reply(200, "Two-factor Authentication"), id="refused"),
        pytest.param(html_reply(502), id="bad-gateway"),
        pytest.param(closes, id="closed"),
    ],
)
def test_a_second_factor_that_fails_leaks_nothing(reply: Step) -> None:
    with replay(BOUND, HALF_LOGGED_IN, FORM, reply) as server:
        texts = collect(lambda: log_in_to_the_web(server.target(**SECRETS)))

    assert leaks(texts) == []


@pytest.mark.parametrize("secret", ["CANARY", "canary-key-7f32", "canary-key-7f32-ä"])
def test_a_totp_secret_that_is_none_leaks_nothing(secret: str) -> None:
    with replay(BOUND, HALF_LOGGED_IN, FORM) as server:
        target = server.target(totp_secret=Secret(secret))
        texts = collect(lambda: log_in_to_the_web(target))

    assert not [text for text in texts if secret in text]
