import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.serving import make_server

from remote_mailcfg.errors import TransportError
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.faults import parse_json
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.transport import Access
from remote_mailcfg.sandbox.misbehaviour import Kind, Misbehaving, Misbehaviour, parse_misbehaviour
from remote_mailcfg.secret import Secret

HOST = "127.0.0.1"
POLL_SECONDS = 0.005
DEADLINE_SECONDS = 5
ANSWER = json.dumps({"done": "x" * 100}).encode()
REQUEST = b"POST /x HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\nbody"


@dataclass(frozen=True, slots=True)
class Server:
    """An application that notes what it was asked, behind its misbehaviour."""

    port: int
    misbehaving: Misbehaving
    asked: list[tuple[str, bytes]] = field(default_factory=list)

    def ask(self, path: str = "/x") -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=DEADLINE_SECONDS)
        with contextlib.closing(connection):
            connection.request("POST", path, b"body")
            answer = connection.getresponse()
            return answer, answer.read()

    def status(self, path: str = "/x") -> int:
        return self.ask(path)[0].status

    @contextlib.contextmanager
    def sent(self) -> Iterator[socket.socket]:
        """Send a request; the connection holds what comes back."""
        with socket.create_connection((HOST, self.port), timeout=DEADLINE_SECONDS) as connection:
            connection.sendall(REQUEST)
            yield connection


@contextlib.contextmanager
def serving(*misbehaviours: Misbehaviour) -> Iterator[Server]:
    asked: list[tuple[str, bytes]] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        asked.append((environ["PATH_INFO"], body))
        length = str(len(ANSWER))
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", length)])
        return [ANSWER]

    misbehaving = Misbehaving(app, *misbehaviours)
    server = make_server(HOST, 0, misbehaving, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
    thread.start()
    try:
        yield Server(server.port, misbehaving, asked)
    finally:
        misbehaving.stopping.set()
        server.shutdown()
        thread.join()


def received(connection: socket.socket) -> bytes:
    """Return all that comes until the server closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


# What each kind does


def test_without_a_misbehaviour_the_application_answers() -> None:
    with serving() as server:
        answer, body = server.ask()

    assert (answer.status, body) == (200, ANSWER)
    assert server.asked == [("/x", b"body")]


def test_latency_delays_the_answer() -> None:
    with serving(Misbehaviour(Kind.LATENCY, seconds=0.1)) as server:
        started = time.monotonic()
        answer, body = server.ask()

    assert time.monotonic() - started >= 0.1
    assert (answer.status, body) == (200, ANSWER)
    assert server.asked == [("/x", b"body")]


def test_a_reset_ends_the_connection_with_a_rst() -> None:
    with (
        serving(Misbehaviour(Kind.RESET)) as server,
        server.sent() as connection,
        pytest.raises(ConnectionResetError),
    ):
        connection.recv(1)

    assert server.asked == []


def test_a_truncated_answer_is_half_of_what_its_length_says() -> None:
    with serving(Misbehaviour(Kind.TRUNCATED)) as server, server.sent() as connection:
        head, _, body = received(connection).partition(b"\r\n\r\n")

    assert f"Content-Length: {len(ANSWER)}".encode() in head
    assert body == ANSWER[: len(ANSWER) // 2]


@pytest.mark.parametrize("kind", [Kind.TOO_MANY_REQUESTS, Kind.BAD_GATEWAY, Kind.UNAVAILABLE])
def test_a_status_comes_with_a_page_and_without_retry_after(kind: Kind) -> None:
    with serving(Misbehaviour(kind)) as server:
        answer, body = server.ask()

    assert answer.status == int(kind)
    assert answer.headers["Retry-After"] is None
    assert HTTPStatus(int(kind)).phrase in body.decode()
    assert server.asked == []


def test_a_status_comes_with_retry_after_where_that_is_asked_for() -> None:
    with serving(Misbehaviour(Kind.TOO_MANY_REQUESTS, retry_after="2")) as server:
        answer, _ = server.ask()

    assert (answer.status, answer.headers["Retry-After"]) == (429, "2")


def test_a_page_comes_where_json_belongs() -> None:
    with serving(Misbehaviour(Kind.HTML)) as server:
        answer, body = server.ask()

    assert (answer.status, answer.headers.get_content_type()) == (200, "text/html")
    assert body.startswith(b"<html>")


def test_a_wrong_content_type_comes_with_the_right_answer() -> None:
    with serving(Misbehaviour(Kind.CONTENT_TYPE)) as server:
        answer, body = server.ask()

    assert (answer.status, answer.headers.get_content_type()) == (200, "text/plain")
    assert body == ANSWER


def test_an_endless_answer_flows_on() -> None:
    with serving(Misbehaviour(Kind.ENDLESS)) as server, server.sent() as connection:
        got = 0
        while got < 10_000_000:
            chunk = connection.recv(65536)
            assert chunk
            got += len(chunk)


def test_an_endless_answer_ends_with_the_server() -> None:
    with serving(Misbehaviour(Kind.ENDLESS)) as server, server.sent() as connection:
        assert connection.recv(1)
        server.misbehaving.stopping.set()
        assert received(connection).endswith(b"0\r\n\r\n")


def test_a_redirect_points_where_it_is_told() -> None:
    with serving(Misbehaviour(Kind.REDIRECT, to="https://other.example/web")) as server:
        answer, _ = server.ask()

    assert (answer.status, answer.headers["Location"]) == (302, "https://other.example/web")


def test_a_drip_sends_the_answer_a_byte_at_a_time() -> None:
    with serving(Misbehaviour(Kind.DRIP, seconds=0.001)) as server:
        started = time.monotonic()
        _, body = server.ask()

    assert time.monotonic() - started >= 0.001 * len(ANSWER)
    assert body == ANSWER


def test_a_drip_ends_with_the_server() -> None:
    with serving(Misbehaviour(Kind.DRIP, seconds=60)) as server, server.sent() as connection:
        head = b""
        while not head.endswith(b"\r\n\r\n{"):
            head += connection.recv(1)
        server.misbehaving.stopping.set()
        assert received(connection) == b""


def test_a_silent_server_holds_the_request_until_it_stops() -> None:
    with serving(Misbehaviour(Kind.SILENCE)) as server, server.sent() as connection:
        assert server.misbehaving.held.wait(DEADLINE_SECONDS)
        server.misbehaving.stopping.set()
        assert received(connection) == b""

    assert server.asked == []


def test_a_client_may_leave_while_it_is_held(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(Misbehaviour(Kind.SILENCE)) as server:
        with server.sent():
            assert server.misbehaving.held.wait(DEADLINE_SECONDS)
        server.misbehaving.stopping.set()
        server.misbehaving.switch_to()
        assert server.status() == 200

    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("kind", [Kind.RESET, Kind.BAD_GATEWAY])
def test_a_request_may_be_carried_out_and_its_answer_lost(kind: Kind) -> None:
    with (
        serving(Misbehaviour(kind, done=True)) as server,
        server.sent() as connection,
        contextlib.suppress(ConnectionResetError),
    ):
        received(connection)

    assert server.asked == [("/x", b"body")]


# For which requests


def test_it_misbehaves_until_it_is_told_otherwise() -> None:
    with serving(Misbehaviour(Kind.BAD_GATEWAY)) as server:
        assert [server.status() for _ in range(3)] == [502, 502, 502]
        server.misbehaving.switch_to(Misbehaviour(Kind.UNAVAILABLE))
        assert server.status() == 503
        server.misbehaving.switch_to()
        assert server.status() == 200


def test_it_misbehaves_for_as_many_requests_as_it_is_told() -> None:
    with serving(
        Misbehaviour(Kind.BAD_GATEWAY, times=2), Misbehaviour(Kind.UNAVAILABLE, times=1)
    ) as server:
        assert [server.status() for _ in range(4)] == [502, 502, 503, 200]


def test_it_misbehaves_for_the_paths_that_it_is_told() -> None:
    with serving(Misbehaviour(Kind.BAD_GATEWAY, path="/json", times=1)) as server:
        assert [server.status(path) for path in ("/web", "/jsonrpc", "/jsonrpc")] == [200, 502, 200]


# Its text form


@pytest.mark.parametrize(
    ("text", "misbehaviour"),
    [
        ("reset", Misbehaviour(Kind.RESET)),
        ("429:retry-after=2", Misbehaviour(Kind.TOO_MANY_REQUESTS, retry_after="2")),
        ("drip:seconds=0.5", Misbehaviour(Kind.DRIP, seconds=0.5)),
        ("silence:times=1,path=/web", Misbehaviour(Kind.SILENCE, times=1, path="/web")),
        (
            "redirect:to=https://other.example:8069/web?a=b",
            Misbehaviour(Kind.REDIRECT, to="https://other.example:8069/web?a=b"),
        ),
        ("502:done", Misbehaviour(Kind.BAD_GATEWAY, done=True)),
    ],
)
def test_a_misbehaviour_is_written_as_text(text: str, misbehaviour: Misbehaviour) -> None:
    assert parse_misbehaviour(text) == misbehaviour


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is not one of latency, reset, truncated, 429, 502, 503, html, content-type,"),
        ("500", "'500' is not one of latency"),
        ("reset:after=2", "'after' is not one of seconds, retry-after, to, times, path, done"),
        ("reset:times=1,", "'' is not one of seconds"),
        ("latency:seconds=long", "'long' is no value for seconds"),
        ("latency:seconds", "'' is no value for seconds"),
        ("latency:seconds=-1", "seconds is a number from 0 to 3600"),
        ("latency:seconds=nan", "seconds is a number from 0 to 3600"),
        ("reset:times=0", "times is a number from 1 on"),
        ("reset:times=some", "'some' is no value for times"),
        ("reset:done=no", "'no' is no value for done"),
    ],
)
def test_a_text_that_is_none_says_what_there_is(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        parse_misbehaviour(text)


# What our own client makes of it


def ask_as_we_do(server: Server, **values: Any) -> Any:
    url = f"http://{HOST}:{server.port}"
    access = Access(url, "odoo17", "admin", Secret("admin"))
    target = Target(
        name="test",
        url=url,
        database=access.database,
        login=access.login,
        password=access.credential,
        protocol="jsonrpc",
        **({"timeout_seconds": 5.0} | values),
    )
    with HttpClient(target, max_answer_bytes=100_000) as client:
        return parse_json(client.request("POST", "/x", body=b"{}"), f"{url}/x", access)


@pytest.mark.parametrize(
    ("misbehaviour", "code"),
    [
        (Misbehaviour(Kind.LATENCY, seconds=0.2), "timeout"),
        (Misbehaviour(Kind.RESET), "unreachable"),
        (Misbehaviour(Kind.TRUNCATED), "unreachable"),
        (Misbehaviour(Kind.TOO_MANY_REQUESTS), "rate-limited"),
        (Misbehaviour(Kind.BAD_GATEWAY), "unreachable"),
        (Misbehaviour(Kind.UNAVAILABLE), "unreachable"),
        (Misbehaviour(Kind.HTML), "not-odoo"),
        (Misbehaviour(Kind.CONTENT_TYPE), "not-odoo"),
        (Misbehaviour(Kind.ENDLESS), "not-odoo"),
        (Misbehaviour(Kind.REDIRECT), "redirected"),
        (Misbehaviour(Kind.DRIP, seconds=0.01), "timeout"),
        (Misbehaviour(Kind.SILENCE), "timeout"),
    ],
    ids=lambda it: it.kind.value if isinstance(it, Misbehaviour) else it,
)
def test_our_client_ends_with_the_code_for_what_went_wrong(
    misbehaviour: Misbehaviour, code: str
) -> None:
    limit = {"timeout_seconds": 0.1} if code == "timeout" else {}

    with serving(misbehaviour) as server, pytest.raises(TransportError) as caught:
        ask_as_we_do(server, **limit)

    assert caught.value.code == code


def test_our_client_is_well_once_the_server_is() -> None:
    with serving(Misbehaviour(Kind.RESET, times=1)) as server:
        with pytest.raises(TransportError):
            ask_as_we_do(server)

        assert ask_as_we_do(server) == json.loads(ANSWER)
