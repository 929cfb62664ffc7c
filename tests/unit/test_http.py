import base64
import contextlib
import gzip
import socket
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from functools import cache

import pytest

from remote_mailcfg import __version__
from remote_mailcfg.errors import ConfigurationError, TransportError
from remote_mailcfg.rpc.http import Answer, CookieJar, HttpClient
from remote_mailcfg.secret import Secret
from tests.replay_server import (
    DEADLINE_SECONDS,
    HOST,
    Misbehaviour,
    ReplayServer,
    Reply,
    html_reply,
    json_reply,
    replay,
    silence,
)

OK = json_reply("done")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def sends(raw: bytes) -> Misbehaviour:
    """Return a step that writes these bytes and ends the connection."""

    def step(connection: socket.socket, _stopping: threading.Event) -> None:
        connection.sendall(raw)

    return step


def resets(connection: socket.socket, _stopping: threading.Event) -> None:
    """End the connection with a RST."""
    connection.sendall(HEAD + b"Content-Length: 9\r\n\r\n")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def flows_on(connection: socket.socket, stopping: threading.Event) -> None:
    """Send without an end."""
    connection.sendall(HEAD + b"\r\n")
    while not stopping.is_set():
        connection.sendall(b"x" * 65536)


def ask(server: ReplayServer, **values: object) -> Answer:
    with HttpClient(server.target(**values)) as http:
        return http.request("GET", "/x")


def test_requests_go_over_one_connection() -> None:
    with replay(OK, OK, OK) as server, HttpClient(server.target()) as http:
        for _ in range(3):
            http.request("POST", "/jsonrpc", body=b"{}")

    assert len(server.connections) == 1


def test_a_connection_that_the_server_closed_is_opened_anew() -> None:
    closed = threading.Event()

    def answers_and_closes(connection: socket.socket, _stopping: threading.Event) -> None:
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nab")
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with replay(answers_and_closes, OK) as server, HttpClient(server.target()) as http:
        http.request("GET", "/x")
        assert closed.wait(DEADLINE_SECONDS)
        answer = http.request("GET", "/x")

    assert answer.body == b'"done"'
    assert len(server.connections) == 2


def test_the_connection_is_closed_with_the_client() -> None:
    closed = threading.Event()

    def answers_and_waits(connection: socket.socket, _stopping: threading.Event) -> None:
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nab")
        if connection.recv(1) == b"":
            closed.set()

    with replay(answers_and_waits) as server:
        with HttpClient(server.target()) as http:  # and it is not left to its destruction
            http.request("GET", "/x")

        assert closed.wait(DEADLINE_SECONDS)


def test_an_answer_has_its_status_headers_and_body() -> None:
    page = html_reply(404, "no", headers={"X-Said": "so"})

    with replay(page) as server:
        answer = ask(server)

    assert (answer.status, answer.body) == (404, page.body)
    assert answer.headers["x-said"] == "so"
    assert answer.content_type == "text/html"


def test_an_answer_without_a_content_type_says_so() -> None:
    with replay(Reply(204, "")) as server:
        assert ask(server).content_type == ""


def test_a_request_carries_its_headers_its_body_and_who_sends_it() -> None:
    with replay(OK) as server, HttpClient(server.target()) as http:
        http.request("POST", "/x", body=b"{}", headers={"X-Odoo-Database": "odoo19"})

    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/x", b"{}")
    assert request.headers["X-Odoo-Database"] == "odoo19"
    assert request.headers["User-Agent"] == f"remote-mailcfg/{__version__}"


def test_a_path_prefix_comes_before_every_path() -> None:
    with replay(OK) as server:
        ask(server, url=server.url + "/odoo/registry")

    assert server.paths == ["GET /odoo/registry/x"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_given_back_and_not_followed(status: int) -> None:
    elsewhere = html_reply(status, headers={"Location": "https://elsewhere.example/x"})

    with replay(elsewhere) as server:
        answer = ask(server)

    assert answer.status == status
    assert answer.headers["location"] == "https://elsewhere.example/x"
    assert len(server.requests) == 1


@pytest.mark.parametrize("pair", ["gate:keeper", "gate:pässwörd", "gate:пароль", "gate:a:b"])
def test_http_basic_is_sent_in_utf_8(pair: str) -> None:
    with replay(OK) as server:
        ask(server, http_basic=Secret(pair))

    scheme, _, sent = server.requests[0].headers["Authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(sent).decode() == pair


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("bearer s3cret\n", id="line-break"),
        pytest.param("bearer s3cret\r\nX-Injected: 1", id="another-header"),
        pytest.param("bearer s3cret\x00", id="nul"),
        pytest.param("bearer s3cret-ключ", id="not-latin"),
        pytest.param("bearer s3cret-ü", id="not-ascii"),
    ],
)
def test_a_value_that_no_header_carries_is_refused_without_showing_it(value: str) -> None:
    with (
        replay() as server,
        HttpClient(server.target()) as http,
        pytest.raises(ConfigurationError) as caught,
    ):
        http.request("GET", "/x", headers={"Authorization": value})

    assert "Authorization" in caught.value.message
    assert "s3cret" not in f"{caught.value!r} {caught.value.__context__!r}"


# What goes wrong on the way


@pytest.mark.parametrize(
    ("step", "words"),
    [
        pytest.param(sends(b""), "closed connection", id="closed-without-a-word"),
        pytest.param(
            sends(HEAD + b"Content-Length: 9\r\n\r\nabc"), "3 bytes read", id="truncated-body"
        ),
        pytest.param(
            sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc"),
            "IncompleteRead",
            id="truncated-chunk",
        ),
        pytest.param(
            sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\nno-number\r\n"),
            "IncompleteRead",
            id="invalid-chunk-length",
        ),
        pytest.param(
            sends(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
            "decompressing",
            id="invalid-compression",
        ),
        pytest.param(resets, "Connection reset by peer", id="reset"),
    ],
)
def test_an_answer_that_breaks_off_is_unreachable(step: Misbehaviour, words: str) -> None:
    with replay(step) as server, pytest.raises(TransportError) as caught:
        ask(server)

    assert caught.value.code == "unreachable"
    assert caught.value.message.startswith(f"the connection to {server.url} broke before")
    assert words in caught.value.message


def test_a_connection_refused_is_unreachable() -> None:
    with replay() as server:
        target = server.target()

    with HttpClient(target) as http, pytest.raises(TransportError) as caught:
        http.request("GET", "/x")

    assert caught.value.code == "unreachable"
    assert caught.value.message == f"no connection to {target.url}: Connection refused"


def test_a_host_that_does_not_exist_is_unreachable() -> None:
    with replay() as server:
        target = server.target(url="http://no-such-host.invalid")

    with HttpClient(target) as http, pytest.raises(TransportError) as caught:
        http.request("GET", "/x")

    assert caught.value.code == "unreachable"
    assert caught.value.message.startswith("no connection to http://no-such-host.invalid: ")


@contextlib.contextmanager
def deaf_address() -> Iterator[str]:
    """Give an address whose queue of connections is full, so that it accepts none."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind((HOST, 0))
        listener.listen(0)
        for _ in range(3):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - the socket's own signature
            waiting.connect_ex(listener.getsockname())
        yield f"http://{HOST}:{listener.getsockname()[1]}"


def test_a_host_that_does_not_accept_is_unreachable_within_the_time_limit() -> None:
    with replay() as server, deaf_address() as url:
        with pytest.raises(TransportError) as caught:
            ask(server, url=url, timeout_seconds=0.1)

        assert caught.value.code == "unreachable"
        assert caught.value.message == f"no connection to {url}: timed out"


def test_a_silent_server_is_a_timeout() -> None:
    with replay(silence) as server, pytest.raises(TransportError) as caught:
        ask(server, timeout_seconds=0.1)

    assert caught.value.code == "timeout"
    assert caught.value.message == f"{server.url} did not answer within 0.1 s"


def test_an_endless_answer_is_stopped_by_the_size_limit() -> None:
    with (
        replay(flows_on) as server,
        HttpClient(server.target(), max_answer_bytes=100_000) as http,
        pytest.raises(TransportError, match="more than 100000 bytes") as caught,
    ):
        http.request("GET", "/x")

    assert caught.value.code == "not-odoo"


def test_an_answer_of_exactly_the_size_limit_is_read() -> None:
    reply = Reply(body=b"x" * 1000)

    with replay(reply) as server, HttpClient(server.target(), max_answer_bytes=1000) as http:
        assert http.request("GET", "/x").body == reply.body


@cache
def bomb(layers: int) -> Reply:
    """Return an answer of 400 MB of zeros, packed."""
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(400)) + packer.flush()
    for _ in range(layers - 1):
        packed = gzip.compress(packed)
    return Reply(body=packed, headers=(("Content-Encoding", ", ".join(["gzip"] * layers)),))


ASK_AND_TELL_MEMORY = """
import pathlib, re, sys
from remote_mailcfg.errors import TransportError
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.http import HttpClient

def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+([0-9]+) kB", status)[1]) // 1024

with HttpClient(Target(name="test", url=sys.argv[1], database="", login="")) as http:
    before = peak()
    try:
        http.request("GET", "/x")
    except TransportError as error:
        print(error.code, peak() - before)
"""


@pytest.mark.parametrize(
    ("layers", "code"),
    [(1, "not-odoo"), (2, "not-odoo"), pytest.param(7, "unreachable", id="long-chain")],
)
def test_a_bomb_of_compression_does_not_take_memory(layers: int, code: str) -> None:
    with replay(bomb(layers)) as server:
        command = [sys.executable, "-c", ASK_AND_TELL_MEMORY, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    told, megabytes = done.stdout.split()
    assert told == code
    assert int(megabytes) < 64  # the limit of an answer is 16


def test_after_an_error_the_next_request_takes_a_new_connection() -> None:
    with replay(flows_on, OK) as server, HttpClient(server.target(), max_answer_bytes=99) as http:
        with pytest.raises(TransportError):
            http.request("GET", "/x")
        answer = http.request("GET", "/x")

    assert answer.body == b'"done"'
    assert len(server.connections) == 2


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://exa mple.org", id="space"),
        pytest.param("http://a..b", id="empty-label"),
        pytest.param(f"http://{'a' * 64}.example", id="long-label"),
    ],
)
def test_an_address_that_cannot_be_is_a_configuration_error(url: str) -> None:
    with replay() as server, pytest.raises(ConfigurationError, match="is not a valid address"):
        ask(server, url=url)


# Cookies


def cookie(text: str) -> Reply:
    return json_reply("ok", headers={"Set-Cookie": text})


def test_cookies_are_kept_sent_again_and_dropped() -> None:
    jar = CookieJar({"kept": "before"})
    script = (
        cookie("session_id=one; Expires=Mon, 22 Nov 2027 16:14:43 GMT; HttpOnly; Path=/"),
        cookie("session_id=two; Max-Age=604800; HttpOnly; Path=/"),
        cookie("session_id=; Max-Age=0; Path=/"),
        cookie("never=had; Max-Age=0; Path=/"),
    )

    with replay(*script) as server, HttpClient(server.target()) as http:
        for _ in script:
            http.request("GET", "/x", jar=jar)

    assert [it.headers["Cookie"] for it in server.requests] == [
        "kept=before",
        "kept=before; session_id=one",
        "kept=before; session_id=two",
        "kept=before",
    ]
    assert jar.cookies == {"kept": "before"}


def test_several_cookies_of_one_answer_are_kept() -> None:
    jar = CookieJar()
    reply = Reply(headers=(("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/")))

    with replay(reply) as server, HttpClient(server.target()) as http:
        http.request("GET", "/x", jar=jar)

    assert jar.cookies == {"a": "1", "b": "2"}


def test_a_cookie_with_an_impossible_name_is_left_out() -> None:
    jar = CookieJar()
    reply = Reply(headers=(("Set-Cookie", "a/b=1; Path=/"), ("Set-Cookie", "c=2; Path=/")))

    with replay(reply) as server, HttpClient(server.target()) as http:
        http.request("GET", "/x", jar=jar)

    assert jar.cookies == {"c": "2"}


@pytest.mark.parametrize("value", ["é", "a\x07b", "a\tb"])
def test_a_cookie_that_no_header_can_carry_is_left_out(value: str) -> None:
    jar = CookieJar()

    jar.keep([f"gate={value}", "session_id=one; HttpOnly"])

    assert jar.cookies == {"session_id": "one"}


def test_a_request_without_a_jar_neither_sends_nor_keeps_cookies() -> None:
    with replay(cookie("session_id=one"), OK) as server, HttpClient(server.target()) as http:
        http.request("GET", "/x")
        http.request("GET", "/x")

    assert server.requests[1].headers["Cookie"] is None


def test_an_empty_jar_sends_no_cookie_header() -> None:
    assert CookieJar().header() == {}


def test_a_banner_of_another_protocol_is_not_odoo() -> None:
    with (
        replay(sends(b"220 mail.example.org ESMTP\r\n")) as server,
        pytest.raises(TransportError) as caught,
    ):
        ask(server)

    assert caught.value.code == "not-odoo"
    assert "220 mail.example.org ESMTP" in caught.value.message
