"""Where calls run on this machine: at once, or in threads that never hold up the end."""

import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, wait
from typing import Any

import pytest

from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.fleet.executors import open_executor

DEADLINE_SECONDS = 20
HERE = pytest.mark.parametrize("workers", [1, 4], ids=["inline", "threads"])


def double(number: int) -> int:
    return 2 * number


def fail() -> None:
    raise RemoteMailcfgError("timeout", "no answer")


# Both


@HERE
def test_each_call_has_its_result(workers: int) -> None:
    with open_executor("", workers) as executor:
        futures = [executor.submit(double, number) for number in range(50)]

        assert [it.result(DEADLINE_SECONDS) for it in futures] == [2 * n for n in range(50)]


@HERE
def test_the_end_waits_for_the_calls(workers: int) -> None:
    with open_executor("", workers) as executor:
        futures = [executor.submit(double, number) for number in range(50)]

    assert all(it.done() for it in futures)


@HERE
def test_an_error_is_the_futures_own(workers: int) -> None:
    with open_executor("", workers) as executor:
        future = executor.submit(fail)

        with pytest.raises(RemoteMailcfgError, match="no answer"):
            future.result(DEADLINE_SECONDS)


# One after the other


def test_one_worker_runs_a_call_at_once_in_the_same_thread() -> None:
    with open_executor("", 1) as executor:
        future = executor.submit(threading.get_ident)

        assert future.done()
        assert future.result() == threading.get_ident()


def test_an_interrupt_of_a_call_is_not_taken_for_its_error() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_executor("", 1) as executor:
        executor.submit(interrupted)


# Threads


def test_as_many_calls_run_at_once_as_there_are_workers() -> None:
    meeting = threading.Barrier(4)

    with open_executor("", 4) as executor:
        futures = [executor.submit(meeting.wait, DEADLINE_SECONDS) for _ in range(4)]

        assert sorted(it.result() for it in futures) == [0, 1, 2, 3]


def test_whoever_waits_is_told_even_of_an_exit_in_a_thread() -> None:
    with open_executor("", 2) as executor:
        future = executor.submit(sys.exit, 3)

        with pytest.raises(SystemExit):
            future.result(DEADLINE_SECONDS)


def test_nothing_is_taken_after_the_end() -> None:
    with open_executor("", 2) as executor:
        pass

    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(double, 1)


def test_a_call_that_has_not_begun_can_be_cancelled() -> None:
    begun, go_on = threading.Barrier(3), threading.Event()

    def hold() -> None:
        begun.wait(DEADLINE_SECONDS)
        go_on.wait(DEADLINE_SECONDS)

    with open_executor("", 2) as executor:
        held: list[Future[Any]] = [executor.submit(hold) for _ in range(2)]
        begun.wait(DEADLINE_SECONDS)
        pending = executor.submit(double, 1)

        assert pending.cancel()
        assert not held[0].cancel()
        go_on.set()

    assert wait([*held, pending], DEADLINE_SECONDS).not_done == set()
    assert pending.cancelled()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, GeneratorExit, SystemExit])
def test_an_interrupt_drops_what_has_not_begun_and_waits_for_nothing(
    interrupt: type[BaseException],
) -> None:
    begun, go_on = threading.Barrier(3), threading.Event()
    futures: list[Future[None]] = []

    def hold() -> None:
        begun.wait(DEADLINE_SECONDS)
        go_on.wait(DEADLINE_SECONDS)

    with pytest.raises(interrupt), open_executor("", 2) as executor:  # noqa: PT012
        futures = [executor.submit(hold) for _ in range(4)]
        begun.wait(DEADLINE_SECONDS)
        raise interrupt

    assert [it.running() for it in futures] == [True, True, False, False]
    assert [it.cancelled() for it in futures] == [False, False, True, True]
    go_on.set()
    assert wait(futures, DEADLINE_SECONDS).not_done == set()


def test_an_error_in_the_context_drops_what_has_not_begun_and_waits_for_the_rest() -> None:
    begun, go_on = threading.Barrier(3), threading.Event()
    futures: list[Future[None]] = []

    def hold() -> None:
        begun.wait(DEADLINE_SECONDS)
        go_on.wait(DEADLINE_SECONDS)

    with pytest.raises(ValueError, match="ours"), open_executor("", 2) as executor:  # noqa: PT012
        futures = [executor.submit(hold) for _ in range(3)]
        begun.wait(DEADLINE_SECONDS)
        futures[2].add_done_callback(lambda _: go_on.set())
        raise ValueError("ours")

    assert [it.cancelled() for it in futures] == [False, False, True]
    assert all(it.done() for it in futures)


HANGING = """
import socket, sys
from concurrent.futures import wait
from remote_mailcfg.fleet.executors import open_executor

def hang(port):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.recv(1)

try:
    with open_executor("", 4) as executor:
        wait([executor.submit(hang, int(sys.argv[1])) for _ in range(8)])
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_an_interrupted_process_ends_within_a_second_while_its_calls_hang_in_a_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(DEADLINE_SECONDS)
        process = subprocess.Popen(
            [sys.executable, "-c", HANGING, str(silent.getsockname()[1])],
            stderr=subprocess.PIPE,
            text=True,
        )
        clients = [silent.accept()[0] for _ in range(4)]
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE_SECONDS)
        seconds = time.monotonic() - start
        for client in clients:
            client.close()

    assert (process.returncode, err) == (130, "")
    assert seconds < 1


# What is refused


@pytest.mark.parametrize(
    "address",
    [
        "threads",
        "tcp://scheduler.example:8786",
        "dask:",
        "dask://",
        "dask://scheduler.example",
        "dask://scheduler.example:port",
        "dask://scheduler.example:99999",
        "dask://[::1:8786",
    ],
)
def test_an_address_that_means_nothing_is_told_with_those_that_do(address: str) -> None:
    with pytest.raises(ConfigurationError) as caught, open_executor(address, 4):
        pass

    assert caught.value.code == "configuration"
    assert address not in caught.value.message  # it may be a key in the wrong place
    assert "dask://HOST:PORT" in caught.value.hint


def test_a_missing_extra_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "remote_mailcfg.fleet.dask_cluster", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(ConfigurationError) as caught, open_executor("dask://127.0.0.1:1", 4):
        pass

    assert caught.value.code == "configuration"
    assert "distributed" in caught.value.message
    assert caught.value.hint == "pip install 'remote-mailcfg[dask]'"


def test_an_error_of_the_import_that_is_not_the_extras_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "remote_mailcfg.fleet.dask_cluster", None)

    with pytest.raises(ImportError, match="dask_cluster"), open_executor("dask://127.0.0.1:1", 4):
        pass
