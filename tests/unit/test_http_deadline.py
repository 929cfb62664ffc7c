import contextlib
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
from pytest_mock import MockerFixture

from remote_mailcfg.errors import TransportError
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.interruption import Call
from tests.replay_server import DEADLINE_SECONDS, HOST, Misbehaviour, json_reply, replay, silence

LIMIT_SECONDS = 0.3
PIECE_EVERY_SECONDS = 0.02
#: How long a server drips where nobody stops it, and what a client may take at most.
DRIPS_SECONDS = 6.0
MOST_SECONDS = 3.0
OK = json_reply("done")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = b"Content-Encoding: gzip\r\n"
EMPTY_BLOCK = gzip.compress(b"")
#: A TLS record of 16 kB that is a handshake, and has only begun.
RECORD = b"\x16\x03\x03\x40\x00"


def drips(first: bytes, piece: bytes, *, before: bytes = b"") -> Misbehaviour:
    """Return a step that sends a piece again and again, each before a socket's own time limit.

    With `before`, it begins once that was sent and something came back.
    """

    def step(connection: socket.socket, stopping: threading.Event) -> None:
        end = time.monotonic() + DRIPS_SECONDS
        if before:
            connection.sendall(before)
            connection.recv(65536)
        connection.sendall(first)
        while not stopping.wait(PIECE_EVERY_SECONDS) and time.monotonic() < end:
            connection.sendall(piece)

    return step


@contextlib.contextmanager
def raw_server(step: Misbehaviour) -> Iterator[str]:
    """Give `host:port` of a server that does a step once it was sent anything, once."""
    stopping = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):  # the client leaves before we are done
            connection.recv(65536)
            step(connection, stopping)

    with socket.create_server((HOST, 0)) as listener, ThreadPoolExecutor(1) as threads:
        served = threads.submit(serve)
        try:
            yield f"{HOST}:{listener.getsockname()[1]}"
        finally:
            stopping.set()
            served.result(DEADLINE_SECONDS)


def target(url: str, **values: Any) -> Target:
    usual: dict[str, Any] = {
        "name": "test",
        "database": "odoo17",
        "login": "admin",
        "timeout_seconds": LIMIT_SECONDS,
    }
    return Target(url=url, **(usual | values))


def check_timeout(
    ask: Callable[[], object], *, limit: float = LIMIT_SECONDS, most: float = MOST_SECONDS
) -> None:
    started = time.monotonic()
    with pytest.raises(TransportError) as caught:
        ask()

    assert time.monotonic() - started < most
    assert caught.value.code == "timeout"
    assert caught.value.message.endswith(f"did not answer within {limit:g} s")


def ask(asked: Target, **values: Any) -> None:
    with HttpClient(asked) as http:
        http.request("GET", "/x", **values)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(silence, id="silence"),
        pytest.param(drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="100-continue"),
        pytest.param(drips(b"HTTP/1.1 200 ", b"x"), id="status-line"),
        pytest.param(drips(HEAD, b"X-A: b\r\n"), id="headers"),
        pytest.param(drips(HEAD + b"X-A: ", b"x"), id="header-value"),
        pytest.param(drips(HEAD + b"\r\n", b"x"), id="body-to-the-end-of-the-connection"),
        pytest.param(drips(HEAD + b"Content-Length: 9999\r\n\r\n", b"x"), id="body-of-a-length"),
        pytest.param(drips(CHUNKED + b"1;", b"x"), id="chunk-size"),
        pytest.param(drips(CHUNKED, b"1\r\nx\r\n"), id="chunks"),
        pytest.param(drips(CHUNKED + b"2\r\nx", b""), id="within-a-chunk"),
        pytest.param(drips(CHUNKED + b"0\r\n", b"X-A: b\r\n"), id="trailers"),
        pytest.param(drips(HEAD + GZIP + b"\r\n", EMPTY_BLOCK), id="empty-gzip-blocks"),
        pytest.param(
            drips(
                HEAD + GZIP + b"Transfer-Encoding: chunked\r\n\r\n",
                b"%x\r\n%b\r\n" % (len(EMPTY_BLOCK), EMPTY_BLOCK),
            ),
            id="empty-gzip-blocks-in-chunks",
        ),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_that_drips_is_a_timeout(
    step: Misbehaviour, scheme: str, tls: ssl.SSLContext
) -> None:
    with replay(step, tls=tls if scheme == "https" else None) as server:
        check_timeout(lambda: ask(target(server.url, insecure_tls=True)))


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert(HOST).configure_cert(context)
    return context


def test_a_tls_handshake_that_drips_is_a_timeout() -> None:
    with raw_server(drips(RECORD, b"\x00")) as address:
        check_timeout(lambda: ask(target(f"https://{address}")))


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(drips(b"HTTP/1.1 200 ", b"x"), id="status-line"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), id="headers"),
        pytest.param(drips(RECORD, b"\x00", before=b"HTTP/1.1 200 OK\r\n\r\n"), id="handshake"),
    ],
)
@pytest.mark.parametrize("proxy_scheme", ["http", "https"])
def test_a_tunnel_that_drips_is_a_timeout(step: Misbehaviour, proxy_scheme: str) -> None:
    """A proxy that is spoken to in TLS drips in its handshake, whatever it has to say."""
    if proxy_scheme == "https":
        step = drips(RECORD, b"\x00")
    with raw_server(step) as address:
        behind = target("https://odoo.example", proxy=f"{proxy_scheme}://{address}")
        check_timeout(lambda: ask(behind))


def test_a_server_that_does_not_read_is_a_timeout() -> None:
    with raw_server(silence) as address:
        check_timeout(lambda: ask(target(f"http://{address}"), body=b"x" * 50_000_000))


def test_the_time_limit_is_for_all_tries_together() -> None:
    def resets_late(connection: socket.socket, stopping: threading.Event) -> None:
        stopping.wait(1.4)
        connection.close()

    with replay(resets_late, drips(HEAD + b"\r\n", b"x")) as server:
        slow = target(server.url, timeout_seconds=2.0)
        check_timeout(lambda: ask(slow, repeatable=True), limit=2.0, most=3.0)


def _resolve_to(mocker: MockerFixture, name: str, port: int, *addresses: str) -> None:
    resolve = socket.getaddrinfo
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (it, port)) for it in addresses]
    mocker.patch(
        "socket.getaddrinfo",
        lambda host, *args: found if host == name else resolve(host, *args),
    )


def test_a_host_with_many_addresses_has_one_time_limit(mocker: MockerFixture) -> None:
    with socket.socket() as listener, contextlib.ExitStack() as sockets:
        listener.bind(("0.0.0.0", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(3):  # its queue of connections is full, so that it accepts none
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - the socket's own signature
            waiting.connect_ex((HOST, port))
        _resolve_to(mocker, "many.example", port, *(f"127.0.0.{last}" for last in range(1, 21)))
        started = time.monotonic()
        with pytest.raises(TransportError) as caught:
            ask(target(f"http://many.example:{port}"))

    assert time.monotonic() - started < MOST_SECONDS
    assert caught.value.code == "unreachable"


def test_the_second_address_of_a_host_is_tried(mocker: MockerFixture) -> None:
    with replay(OK) as server:
        port = int(server.url.rpartition(":")[2])
        resolve = socket.getaddrinfo
        both = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host in ("127.0.0.9", HOST)
        ]
        mocker.patch(
            "socket.getaddrinfo",
            lambda host, *args: both if host == "two.example" else resolve(host, *args),
        )
        ask(target(f"http://two.example:{port}", timeout_seconds=5.0))

    assert server.requests[0].headers["Host"] == f"two.example:{port}"


def test_a_connection_that_is_back_in_the_pool_outlives_the_time_of_its_call() -> None:
    with replay(OK, OK) as server, replay(silence) as slow, HttpClient(target(server.url)) as http:
        http.request("GET", "/x")
        check_timeout(lambda: ask(target(slow.url)))  # it began later, and is over
        http.request("GET", "/x")

    assert len(server.connections) == 1


def test_a_connection_of_the_pool_is_ended_as_well() -> None:
    steps = (OK, drips(HEAD + b"\r\n", b"x"), OK)
    with replay(*steps) as server, HttpClient(target(server.url)) as http:
        http.request("GET", "/x")
        check_timeout(lambda: http.request("GET", "/x"))
        assert http.request("GET", "/x").body == OK.body

    assert len(server.connections) == 2


def test_calls_leave_no_handles_behind() -> None:
    with replay(*[OK] * 5, silence) as server, HttpClient(target(server.url)) as http:
        http.request("GET", "/x")
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(4):
            http.request("GET", "/x")
        after = len(list(Path("/proc/self/fd").iterdir()))
        check_timeout(lambda: http.request("GET", "/x"))

    assert after == before


def test_one_thread_watches_thousands_of_calls() -> None:
    def call_often(_: int) -> None:
        for _ in range(300):
            with Call(60):
                pass

    started = time.monotonic()
    with ThreadPoolExecutor(64) as threads:
        list(threads.map(call_often, range(64)))

    assert time.monotonic() - started < DEADLINE_SECONDS  # 19,200 calls; a thread each takes longer
    assert [it.name for it in threading.enumerate()].count("deadlines") == 1
