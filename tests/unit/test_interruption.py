import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.interruption import begin_interruption, check_interruption, end_interruption
from tests.replay_server import json_reply, replay


def test_a_thread_is_told_once_and_may_then_clean_up() -> None:
    def asks_twice() -> str:
        with pytest.raises(KeyboardInterrupt):
            check_interruption()
        check_interruption()
        return "cleaned up"

    begin_interruption()
    try:
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(asks_twice).result(10) == "cleaned up"
        with ThreadPoolExecutor(1) as threads, pytest.raises(KeyboardInterrupt):
            threads.submit(check_interruption).result(10)
    finally:
        end_interruption()


def test_without_an_interruption_nobody_is_told() -> None:
    check_interruption()


def test_a_request_that_waits_for_its_answer_is_woken_and_the_next_one_is_sent() -> None:
    arrived = threading.Event()

    def hold(_connection: socket.socket, stopping: threading.Event) -> None:
        arrived.set()
        stopping.wait(10)

    with replay(hold, json_reply("removed")) as server, ThreadPoolExecutor(1) as threads:

        def work() -> bytes:
            with HttpClient(server.target()) as http:
                with pytest.raises(KeyboardInterrupt):
                    http.request("POST", "/create")
                return http.request("POST", "/unlink").body

        cleaned_up = threads.submit(work)
        assert arrived.wait(10)
        begin_interruption()
        try:
            assert cleaned_up.result(10) == b'"removed"'
        finally:
            end_interruption()
