"""No secret is found in a log record or in an error, whatever the instance answers.

A way out of the program that is not here yet, for instance a command's output, is added by
collecting its texts and giving them to `leaks`.
"""

import base64
import html
import json
import logging
import pickle
import re
import socket
import threading
import xmlrpc.client
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax import saxutils

import pyotp
import pytest

from remote_mailcfg.config.entry import Entry
from remote_mailcfg.errors import OdooError, RemoteMailcfgError
from remote_mailcfg.fleet.runner import attempt
from remote_mailcfg.instance.instance import open_instance
from remote_mailcfg.instance.mail_servers import create_server, holds, run_smtp_test
from remote_mailcfg.model.mail_server import MailServerRecord
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


# Answers that repeat what was sent

#: Found again in whatever way the secret around it is written.
MARK = "c4n4ry7f39"
#: A secret with all that the ways to write a text change.
SENT = f"pä \"s&<>/{MARK}\\+%'1"
PRIVATE_KEY = f"-----BEGIN PRIVATE KEY-----\n{MARK}AAAA/+bbbb\n-----END PRIVATE KEY-----\n"
SENT_KEY = base64.b64encode(PRIVATE_KEY.encode()).decode()


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


#: How a server may write what it was sent.
REPEATED: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json-in-utf-8": lambda it: json.dumps(it, ensure_ascii=False),
    "json-of-php": lambda it: json.dumps(it).replace("/", "\\/"),
    "json-in-json": lambda it: json.dumps(json.dumps({"args": ["db", 2, it]})),
    "python": repr,
    "python-in-json": lambda it: json.dumps(repr({"password": it})),
    "xml": saxutils.escape,
    "attribute": saxutils.quoteattr,
    "html": html.escape,
    "json-in-html": lambda it: html.escape(json.dumps(it)),
    "url": lambda it: quote(it, safe=""),
    "path": quote,
    "url-in-lower-case": lambda it: re.sub("%..", lambda hit: hit[0].lower(), quote(it, safe="")),
    "form": lambda it: urlencode({"password": it, "token": "x"}),
    "url-in-html": lambda it: html.escape(urlencode({"password": it})),
    "bytes-of-a-header": lambda it: it.encode().decode("latin-1"),
    "base64": in_base64,
    "base64-without-padding": lambda it: in_base64(it).rstrip("="),
    "base64-in-a-url": lambda it: base64.urlsafe_b64encode(it.encode()).decode(),
    "basic": lambda it: f"Basic {in_base64(f'admin:{it}')}",
    "request-in-base64": lambda it: in_base64(json.dumps({"db": "x", "password": it})),
    "form-in-base64": lambda it: in_base64(urlencode({"login": "x", "password": it})),
}


def is_found(text: str) -> bool:
    """Tell whether the mark is in a text, or in what a word of it is the base64 of."""
    words = re.findall(r"[\w+/-]{8,}", text)
    for word in (*words, *(word[skipped:] for word in words for skipped in (1, 2, 3))):
        standard = word.replace("-", "+").replace("_", "/")
        plain = base64.b64decode(standard[: len(standard) // 4 * 4])
        if any(MARK[at : at + 6].encode() in plain for at in range(len(MARK) - 5)):
            return True
    return MARK in text


def status_line(text: str) -> Step:
    def answer(connection: socket.socket, _stopping: threading.Event) -> None:
        connection.sendall(f"{text}\r\n\r\n".encode("latin-1", "replace"))

    return answer


def headers(text: str) -> dict[str, str]:
    return {"Location": f"https://elsewhere.example/{text}"}


def in_a_header(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")


#: Where it may stand in an answer, on each wire.
ANYWHERE: dict[str, Callable[[str], Step]] = {
    "title": lambda it: html_reply(500, it),
    "location": lambda it: html_reply(302, headers=headers(in_a_header(it))),
    "content-type": lambda it: Reply(content_type=in_a_header(f"text/x-{it}"), body=b"x"),
    "parameter": lambda it: Reply(500, in_a_header(f"text/html; x={it}"), b"<title>x</title>"),
    "status-line": status_line,
}
PLACES: dict[Protocol, dict[str, Callable[[str], Step]]] = {
    "jsonrpc": ANYWHERE
    | {
        "message": lambda it: rpc_error("odoo.exceptions.UserError", f"called with {it}"),
        "class": lambda it: rpc_error(it, ""),
        "access-error": lambda it: rpc_error("odoo.exceptions.AccessError", it),
        "access-denied": lambda it: rpc_error("odoo.exceptions.AccessDenied", it),
    },
    "xmlrpc": ANYWHERE
    | {
        "message": lambda it: xml_reply(xmlrpc.client.Fault(2, it)),
        "traceback": lambda it: xml_reply(
            xmlrpc.client.Fault(1, f"Traceback\n  args\nodoo.exceptions.UserError: {it}")
        ),
        "strange": lambda it: xml_reply(xmlrpc.client.Fault(99, it)),
        "number": lambda it: raw_xml(
            "<methodResponse><params><param><value>"
            f"<int>{saxutils.escape(it)}</int></value></param></params></methodResponse>"
        ),
    },
    "json2": ANYWHERE
    | {
        "message": lambda it: json_reply({"name": "x.UserError", "message": it}, status=422),
        "class": lambda it: json_reply({"name": it, "message": ""}, status=500),
        "denied": lambda it: json_reply({"name": "x.AccessDenied", "message": it}, status=403),
    },
}


def shown(error: RemoteMailcfgError) -> list[str]:
    """Return all that may be shown of an error, and what another machine gets of it."""

    def fail(_entry: Entry) -> None:
        raise error

    entry = Entry(target=Target(name="x", url="http://x"), folder=Path())
    pickled = pickle.dumps(attempt(fail, entry).error)
    travelled = pickle.loads(pickled)
    return [
        *(f"{it.message} {it.hint} {it} {it!r} {vars(it)!r}" for it in (error, travelled)),
        pickled.decode("latin-1"),
    ]


def failure_of(use: Callable[[], object]) -> list[str]:
    """Return what is shown of the error that this ends with, and what is logged."""
    with all_logs() as heard, pytest.raises(RemoteMailcfgError) as caught:
        use()
    return [*heard, *shown(caught.value)]


def create_through_an_instance(target: Target, secret: str, field: str = "smtp_pass") -> None:
    with open_instance(target) as instance:
        create_server(instance, {"name": "n", field: Secret(secret)})


def test_a_mark_is_found_in_each_form() -> None:
    assert [name for name, write in REPEATED.items() if not is_found(write(SENT))] == []


@pytest.mark.parametrize(
    ("wire", "place", "form"),
    [
        pytest.param(wire, place, form, id=f"{wire}-{place}-{form}")
        for wire in WIRES
        for place in PLACES[wire]
        for form in (REPEATED if place == "message" else ("plain", "json", "url", "basic"))
    ],
)
def test_a_credential_that_an_answer_repeats_is_not_shown(
    wire: Protocol, place: str, form: str
) -> None:
    # json2 puts the key into a header, which holds no such letters
    sent = f"k%/{MARK}+=1" if wire == "json2" else SENT
    credential = "api_key" if wire == "json2" else "password"
    with replay(*LOGINS[wire], PLACES[wire][place](REPEATED[form](sent))) as server:
        target = server.target(protocol=wire, **{"password": None, credential: Secret(sent)})
        texts = failure_of(lambda: create_with(target))

    assert [text for text in texts if is_found(text)] == []


@pytest.mark.parametrize("form", ["plain", "json", "html", "base64"])
@pytest.mark.parametrize("field", ["smtp_pass", "smtp_ssl_private_key"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_value_that_is_written_and_repeated_is_not_shown(
    wire: Protocol, field: str, form: str
) -> None:
    sent = SENT if field == "smtp_pass" else SENT_KEY
    with replay(*LOGINS[wire], PLACES[wire]["message"](REPEATED[form](sent))) as server:
        target = server.target(protocol=wire, api_key=Secret("a-key"))
        texts = failure_of(lambda: create_through_an_instance(target, sent, field))

    assert [text for text in texts if is_found(text)] == []


def test_a_key_that_an_answer_decodes_is_not_shown() -> None:
    reply = rpc_error("odoo.exceptions.UserError", f"no such key: {PRIVATE_KEY}")
    with replay(*LOGINS["jsonrpc"], reply) as server:
        texts = failure_of(
            lambda: create_through_an_instance(server.target(), SENT_KEY, "smtp_ssl_private_key")
        )

    assert [text for text in texts if is_found(text)] == []


@pytest.mark.parametrize("text", [f"gate:{MARK}", MARK, in_base64(f"gate:{MARK}")])
def test_the_password_of_a_gate_is_not_shown(text: str) -> None:
    with replay(html_reply(500, text)) as server:
        target = server.target(http_basic=Secret(f"gate:{MARK}"))
        texts = failure_of(lambda: create_with(target))

    assert [text for text in texts if is_found(text)] == []


@pytest.mark.parametrize("text", [f"ann:{MARK}%25", f"{MARK}%", in_base64(f"ann:{MARK}%")])
def test_the_password_of_a_proxy_is_not_shown(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with replay(status_line(f"HTTP/1.1 407 no {text}")) as proxy:
        address = proxy.url.removeprefix("http://")
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:{MARK}%25@{address}")
        target = proxy.target(url="https://registry.example")
        texts = failure_of(lambda: create_with(target))

    assert any("407" in text for text in texts)
    assert [text for text in texts if is_found(text)] == []


@pytest.mark.parametrize("cookie", [f"session_id={MARK}", f"gate={MARK}-of-a-proxy"])
def test_a_cookie_that_an_answer_repeats_is_not_shown(cookie: str) -> None:
    bound = html_reply(302, headers={"Set-Cookie": cookie, "Location": "/x"})
    repeated = rpc_error("odoo.exceptions.UserError", f"Cookie: {cookie}")
    with replay(bound, repeated) as server:
        texts = failure_of(lambda: log_in_to_the_web(server.target()))

    assert [text for text in texts if is_found(text)] == []


@pytest.mark.parametrize("secret", ["totp_secret", "code"])
def test_a_second_factor_that_an_answer_repeats_is_not_shown(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyotp.TOTP, "timecode", lambda _self, _time: 57_000_000)
    repeated = {
        "code": pyotp.TOTP(TOTP_SECRET).generate_otp(57_000_000),
        "totp_secret": TOTP_SECRET,
    }
    reply = html_reply(302, headers={"Location": "/web"})
    failed = html_reply(500, f"totp_token={repeated[secret]}")
    with replay(BOUND, HALF_LOGGED_IN, FORM, reply, failed) as server:
        target = server.target(totp_secret=Secret(TOTP_SECRET))
        texts = failure_of(lambda: log_in_to_the_web(target))

    assert [text for text in texts if repeated[secret] in text] == []


def test_what_a_test_answers_is_not_shown_with_a_secret_in_it() -> None:
    with replay(*LOGINS["jsonrpc"], rpc_reply({"args": [SENT]})) as server:
        target = server.target(password=Secret(SENT))
        with open_instance(target) as instance:
            test = run_smtp_test(instance, MailServerRecord(id=1, name="n"), "")

    assert not test.ok
    assert not is_found(repr(test))


# What is no text of an error stays as it is


def with_password(server: Any, password: str) -> Target:
    target: Target = server.target(login="admin", password=Secret(password))
    return target


def test_a_value_that_is_also_a_password_is_listed_and_compared_as_it_is() -> None:
    rows = [{"id": 1, "name": "admin", "smtp_user": "admin@example.org"}]
    with (
        replay(*LOGINS["jsonrpc"], rpc_reply(rows), rpc_reply(1)) as server,
        open_instance(with_password(server, "admin")) as instance,
    ):
        listed = instance.call("ir.mail_server", "search_read", domain=[])
        same = holds(instance, 1, "smtp_user", "admin@example.org")

    assert listed == rows
    assert same
    assert "admin@example.org" in server.requests[-1].body.decode()


def test_our_own_words_do_not_tell_which_of_them_is_the_password() -> None:
    with replay(rpc_reply(False)) as server, pytest.raises(RemoteMailcfgError) as caught:  # noqa: FBT003
        create_with(with_password(server, "admin"))

    assert caught.value.message.startswith("the login of 'admin' was refused")


def test_the_cause_of_a_failed_test_does_not_hang_on_a_password() -> None:
    text = "Connection Test Failed! Here is what we got instead:\n [Errno 111] Connection refused"
    with (
        replay(*LOGINS["jsonrpc"], rpc_error("odoo.exceptions.UserError", text)) as server,
        open_instance(with_password(server, "refused")) as instance,
    ):
        test = run_smtp_test(instance, MailServerRecord(id=1, name="n"), "")

    assert test.cause == "refused"
    assert test.message.endswith("Connection ***")


@pytest.mark.parametrize(
    ("password", "said", "message"),
    [
        pytest.param("admin", "no admin here", "no *** here", id="a-word"),
        pytest.param("a", "a bad pass: a", "*** bad pass: ***", id="a-letter-is-a-word"),
        pytest.param("*", "5 * 3", "5 *** 3", id="what-stands-for-it"),
    ],
)
def test_a_short_password_leaves_the_rest_readable(password: str, said: str, message: str) -> None:
    with (
        replay(*LOGINS["jsonrpc"], rpc_error("odoo.exceptions.UserError", said)) as server,
        open_instance(with_password(server, password)) as instance,
        pytest.raises(OdooError) as caught,
    ):
        instance.call("res.users", "context_get")

    assert caught.value.message == message
