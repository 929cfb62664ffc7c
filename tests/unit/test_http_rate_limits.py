import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest

from remote_mailcfg.errors import RemoteMailcfgError, TransportError
from remote_mailcfg.model.target import Protocol, Target
from remote_mailcfg.rpc.connection import open_connection
from remote_mailcfg.rpc.http import Answer, CookieJar, HttpClient
from remote_mailcfg.rpc.transport import READS, is_read
from remote_mailcfg.rpc.web import WebSession
from remote_mailcfg.secret import Secret
from tests.replay_server import (
    ReplayServer,
    Reply,
    Step,
    html_reply,
    json_reply,
    replay,
    rpc_reply,
    xml_reply,
)
from tests.stopped_clock import StoppedClock

OK = json_reply("done")
TIMEOUT_SECONDS = 90.0


def limited(retry_after: str = "", status: int = 429) -> Reply:
    return html_reply(status, headers={"Retry-After": retry_after} if retry_after else None)


def resets(connection: socket.socket, _stopping: threading.Event) -> None:
    """End the connection with a RST, without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)
    connection.close()


def closes(connection: socket.socket, _stopping: threading.Event) -> None:
    """End the connection without a word."""


def ask(
    server: ReplayServer, clock: StoppedClock, *, repeatable: bool = True, count: int = 1
) -> list[int]:
    """Return the statuses of so many requests, one after the other."""
    target = server.target(timeout_seconds=TIMEOUT_SECONDS)
    with HttpClient(target, pace=clock.pace()) as http:
        return [http.request("GET", "/x", repeatable=repeatable).status for _ in range(count)]


# A host that asks to wait


@pytest.mark.parametrize("status", [429, 503])
def test_a_read_is_sent_again_after_the_time_that_the_host_asks_for(status: int) -> None:
    clock = StoppedClock()

    with replay(limited("7", status), limited("20", status), OK) as server:
        assert ask(server, clock) == [200]

    assert clock.waits == [7, 20]


def test_the_time_to_wait_may_be_a_date() -> None:
    clock = StoppedClock()
    in_half_a_minute = formatdate(time.time() + 30, usegmt=True)

    with replay(limited(in_half_a_minute), OK) as server:
        ask(server, clock)

    assert clock.waits == pytest.approx([30], abs=3)


@pytest.mark.parametrize(
    "retry_after",
    [
        pytest.param("0", id="no-seconds"),
        pytest.param("Wed, 21 Oct 2015 07:28:00 GMT", id="a-date-in-the-past"),
    ],
)
def test_a_host_that_asks_for_no_wait_still_gets_a_second(retry_after: str) -> None:
    clock = StoppedClock()

    with replay(*[limited(retry_after)] * 6, OK) as server:
        assert ask(server, clock) == [200]

    assert clock.waits == [1] * 6


@pytest.mark.parametrize(
    "retry_after",
    [
        pytest.param("", id="missing"),
        pytest.param("soon", id="text"),
        pytest.param("-5", id="negative"),
        pytest.param("1.5", id="fraction"),
        pytest.param("²", id="no-digit"),
        pytest.param("9" * 10, id="too-many-digits"),
        pytest.param("Wed, 21 Oct 99999 07:28:00 GMT", id="year-out-of-range"),
        pytest.param(f"Wed, 21 Oct 2026 07:28:00 +{'9' * 20}", id="zone-out-of-range"),
    ],
)
def test_where_the_host_says_no_time_the_waits_grow_and_end(retry_after: str) -> None:
    clock = StoppedClock()

    with replay(*[limited(retry_after)] * 5) as server:
        assert ask(server, clock) == [429]

    assert clock.waits == [1, 2, 4, 8]


@pytest.mark.parametrize("reply", [limited("91"), limited("3600", 503)], ids=["429", "503"])
def test_a_wait_beyond_the_time_limit_is_not_begun(reply: Reply) -> None:
    clock = StoppedClock()

    with replay(reply) as server:
        assert ask(server, clock) == [reply.status]

    assert clock.waits == []


def test_the_waits_together_stay_within_the_time_limit() -> None:
    clock = StoppedClock()

    with replay(limited("50"), limited("50")) as server:
        assert ask(server, clock) == [429]

    assert clock.waits == [50]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(html_reply(503), id="503-without-a-time"),
        pytest.param(limited("7", 502), id="502"),
        pytest.param(limited("7", 200), id="200"),
    ],
)
def test_any_other_answer_is_taken_as_it_is(reply: Reply) -> None:
    clock = StoppedClock()

    with replay(reply, OK) as server:
        assert ask(server, clock, count=2) == [reply.status, 200]

    assert clock.waits == []


@pytest.mark.parametrize("status", [429, 503])
def test_what_is_no_read_is_sent_once_and_the_next_request_waits(status: int) -> None:
    clock = StoppedClock()

    with replay(limited("7", status), OK) as server:
        assert ask(server, clock, repeatable=False, count=2) == [status, 200]

    assert clock.waits == [7]


def test_a_host_that_is_held_for_too_long_is_not_asked_for_any_of_its_instances() -> None:
    clock = StoppedClock()
    pace = clock.pace()

    with replay(limited("3600")) as server:
        with HttpClient(server.target(), pace=pace) as http:
            http.request("GET", "/x")
        other = server.target(url=f"{server.url}/other")
        with HttpClient(other, pace=pace) as http, pytest.raises(TransportError) as caught:
            http.request("GET", "/x")

    assert caught.value.code == "rate-limited"
    assert caught.value.message == (
        f"{server.url}/other was not asked: its host wants no request for another 3600 s"
    )
    assert caught.value.hint.startswith("Try again in 3600 s.")


# The time between two requests


def test_the_interval_of_a_target_lies_between_its_requests() -> None:
    clock = StoppedClock()
    pace = clock.pace()

    with (
        replay(OK, OK, OK) as server,
        HttpClient(server.target(min_interval_seconds=1.5), pace=pace) as one,
        HttpClient(server.target(min_interval_seconds=0.5), pace=pace) as other,
    ):
        for http in (one, other, one):
            http.request("GET", "/x")

    assert clock.waits == [1.5, 1.5]


def test_a_target_without_an_interval_waits_for_nothing() -> None:
    clock = StoppedClock()

    with replay(OK, OK, OK) as server:
        ask(server, clock, count=3)

    assert clock.waits == []


def test_two_threads_at_one_host_keep_the_interval() -> None:
    interval_seconds, each = 0.05, 3
    arrivals: list[float] = []

    def arrive(connection: socket.socket, _stopping: threading.Event) -> None:
        arrivals.append(time.monotonic())
        connection.sendall(OK.wire)

    def work(target: Target) -> None:
        with HttpClient(target) as http:
            for _ in range(each):
                http.request("GET", "/x")

    with replay(*[arrive] * 2 * each) as server, ThreadPoolExecutor(2) as executor:
        target = server.target(min_interval_seconds=interval_seconds)
        begin = time.monotonic()
        list(executor.map(work, [target] * 2))

    earliest = [begin + number * interval_seconds for number in range(2 * each)]
    assert [it for it, least in zip(sorted(arrivals), earliest, strict=True) if it < least] == []


def test_sixteen_threads_each_get_their_own_answers() -> None:
    def work(server: ReplayServer, number: int) -> set[str]:
        with HttpClient(server.target()) as http:
            jar = CookieJar()
            answers = [http.request("GET", "/x", jar=jar, repeatable=True) for _ in range(5)]
            return {f"{number}", *(it.body.decode() for it in answers), *jar.cookies}

    with replay(*[OK] * 80) as server, ThreadPoolExecutor(16) as executor:
        found = list(executor.map(lambda number: work(server, number), range(16)))

    assert found == [{f"{number}", '"done"'} for number in range(16)]
    assert len(server.connections) == 16


# A connection that ends under a request


@pytest.mark.parametrize("step", [resets, closes])
def test_a_read_is_sent_once_more_where_the_connection_was_reset(step: Step) -> None:
    with replay(OK, step, OK) as server:
        assert ask(server, StoppedClock(), count=2) == [200, 200]

    assert len(server.requests) == 3


@pytest.mark.parametrize("step", [resets, closes])
def test_a_read_is_not_sent_a_third_time(step: Step) -> None:
    with replay(step, step) as server, pytest.raises(TransportError) as caught:
        ask(server, StoppedClock())

    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("step", [resets, closes])
def test_what_is_no_read_is_sent_once_however_the_connection_ends(step: Step) -> None:
    with replay(step) as server, pytest.raises(TransportError) as caught:
        ask(server, StoppedClock(), repeatable=False)

    assert "may or may not have been done" in caught.value.hint


def test_a_read_that_was_not_answered_in_time_is_not_sent_again() -> None:
    def waits(_connection: socket.socket, stopping: threading.Event) -> None:
        stopping.wait()

    with (
        replay(waits) as server,
        HttpClient(server.target(timeout_seconds=0.1)) as http,
        pytest.raises(TransportError) as caught,
    ):
        http.request("GET", "/x", repeatable=True)

    assert caught.value.code == "timeout"


# Which calls are reads

Call = Callable[[HttpClient, Target], object]
LOGINS: dict[Protocol, list[Step]] = {
    "jsonrpc": [rpc_reply(2)],
    "xmlrpc": [xml_reply(2)],
    "json2": [],
}
RESULTS: dict[Protocol, Step] = {
    "jsonrpc": rpc_reply([3]),
    "xmlrpc": xml_reply([3]),
    "json2": json_reply([3]),
}
every_wire = pytest.mark.parametrize("wire", LOGINS)


def on_wire(wire: Protocol, method: str, *ids: tuple[int, ...], script: list[Step]) -> list[float]:
    """Log in, call a method with an answer of 429 before the script, and return the waits."""
    clock = StoppedClock()
    with replay(*LOGINS[wire], limited("7"), *script) as server:
        target = server.target(protocol=wire, timeout_seconds=TIMEOUT_SECONDS, api_key=Secret("k"))
        with HttpClient(target, pace=clock.pace()) as http:
            open_connection(target, http).transport.call("ir.mail_server", method, *ids)
    return clock.waits


@every_wire
@pytest.mark.parametrize("method", ["fields_get", "search", "search_read"])
def test_a_read_of_a_model_is_repeated(wire: Protocol, method: str) -> None:
    assert on_wire(wire, method, script=[RESULTS[wire]]) == [7]


@every_wire
@pytest.mark.parametrize("method", ["write", "copy", "unlink", "test_smtp_connection"])
def test_every_other_method_is_sent_once_and_said_not_to_be_done(
    wire: Protocol, method: str
) -> None:
    with pytest.raises(TransportError) as caught:
        on_wire(wire, method, (1,), script=[])

    assert caught.value.code == "rate-limited"
    assert "nothing was done" in caught.value.message
    assert caught.value.hint.startswith("Try again in 7 s.")


@pytest.mark.parametrize("wire", ["jsonrpc", "xmlrpc"])
def test_a_login_is_sent_once(wire: Protocol) -> None:
    with (
        replay(limited("7")) as server,
        HttpClient(server.target()) as http,
        pytest.raises(RemoteMailcfgError) as caught,
    ):
        open_connection(server.target(protocol=wire), http)

    assert caught.value.code == "rate-limited"


def web(http: HttpClient, target: Target) -> WebSession:
    return WebSession(http, target, CookieJar())


WEB_READS: dict[str, Call] = {
    "info": lambda http, target: web(http, target).fetch_info(),
    "menus-17": lambda http, target: web(http, target).fetch_menus(17),
    "menus-19": lambda http, target: web(http, target).fetch_menus(19),
    "read": lambda http, target: web(http, target).call("res.users", "read", (2,)),
}
WEB_WRITES: dict[str, Call] = {
    "login": lambda http, target: web(http, target).log_in(Secret("p"), None),
    "debug": lambda http, target: web(http, target).set_debug("1"),
    "write": lambda http, target: web(http, target).call("res.users", "write", (2,), vals={}),
}


@pytest.mark.parametrize("use", WEB_READS.values(), ids=WEB_READS)
def test_a_read_of_a_web_session_is_repeated(use: Call) -> None:
    with replay(limited("7"), rpc_reply({})) as server:
        target = server.target(timeout_seconds=TIMEOUT_SECONDS)
        with HttpClient(target, pace=StoppedClock().pace()) as http:
            use(http, target)


@pytest.mark.parametrize("use", WEB_WRITES.values(), ids=WEB_WRITES)
def test_whatever_changes_a_web_session_is_sent_once(use: Call) -> None:
    bound = [html_reply(200)] if use is WEB_WRITES["login"] else []
    with (
        replay(*bound, limited("7")) as server,
        HttpClient(server.target(), pace=StoppedClock().pace()) as http,
        pytest.raises(TransportError, match="429"),
    ):
        use(http, server.target())


def test_the_version_and_the_databases_are_reads() -> None:
    clock = StoppedClock()
    script = [limited("7"), rpc_reply(["one"]), limited("7"), json_reply({"version": "19.0"})]
    with replay(*script) as server:
        key = Secret("k")
        target = server.target(protocol="auto", database="", api_key=key, timeout_seconds=90.0)
        with HttpClient(target, pace=clock.pace()) as http:
            assert open_connection(target, http).target.database == "one"

    assert clock.waits == [7, 7]


@pytest.mark.parametrize(
    "method", ["create", "write", "unlink", "copy", "authenticate", "test_smtp_connection"]
)
def test_what_changes_something_is_no_read(method: str) -> None:
    assert not is_read(method)


@pytest.mark.parametrize("method", sorted(READS))
def test_what_changes_nothing_is_a_read(method: str) -> None:
    assert is_read(method)


def test_an_answer_tells_how_long_to_wait() -> None:
    assert Answer(429, {"retry-after": "30"}, b"").retry_after_seconds == 30
    assert Answer(429, {}, b"").retry_after_seconds is None
