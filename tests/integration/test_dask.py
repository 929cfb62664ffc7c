"""Calls on a real Dask cluster."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import distributed
import pytest
from typer.testing import CliRunner

from remote_mailcfg import __version__
from remote_mailcfg.cli.main import app
from remote_mailcfg.errors import ConfigurationError, OdooError, TransportError
from remote_mailcfg.fleet import dask_cluster
from remote_mailcfg.fleet.executors import open_executor
from remote_mailcfg.sandbox.database import ADMIN
from remote_mailcfg.sandbox.odoo import make_odoo
from remote_mailcfg.sandbox.server import serve
from remote_mailcfg.secret import Secret
from tests.integration.dask_calls import DEADLINE_SECONDS, fail, marks, meet, meeting, refuse
from tests.integration.dask_cluster import Cluster, running_cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("dask"), workers=2) as running:
        yield running


# The calls


def test_calls_run_on_every_worker_at_once(cluster: Cluster) -> None:
    with open_executor(cluster.address, 1) as executor, meeting() as (port, accept):
        futures = [executor.submit(meet, port) for _ in range(2)]
        calls = [accept() for _ in range(2)]
        for _, line in calls:
            line.close()

        assert {pid for pid, _ in calls} == cluster.workers
        assert {it.result(DEADLINE_SECONDS) for it in futures} == cluster.workers


def test_the_same_call_twice_is_two_calls(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "file"

    with open_executor(cluster.address, 1) as executor:
        first = executor.submit(file.touch, exist_ok=False)
        wait([first], DEADLINE_SECONDS)
        second = executor.submit(file.touch, exist_ok=False)

        assert first.result() is None
        assert isinstance(second.exception(DEADLINE_SECONDS), FileExistsError)


def test_an_argument_with_a_name_that_dask_knows_is_the_calls_own(cluster: Cluster) -> None:
    with open_executor(cluster.address, 1) as executor:
        future = executor.submit(dict, key="a", retries=2, workers=None, pure=True)

        assert future.result(DEADLINE_SECONDS) == {
            "key": "a",
            "retries": 2,
            "workers": None,
            "pure": True,
        }


def test_an_error_of_ours_comes_back_with_its_data(cluster: Cluster) -> None:
    with open_executor(cluster.address, 1) as executor:
        error = executor.submit(refuse, "no").exception(DEADLINE_SECONDS)

    assert isinstance(error, OdooError)
    assert (error.code, error.message, error.hint) == ("refused-by-odoo", "no", "Ask.")
    assert error.exception == "odoo.exceptions.UserError"
    assert error.details["of"] in cluster.workers


def test_any_other_error_comes_back_as_itself(cluster: Cluster) -> None:
    with open_executor(cluster.address, 1) as executor:
        future = executor.submit(fail, "nothing there")

        with pytest.raises(LookupError, match="nothing there"):
            future.result(DEADLINE_SECONDS)


def test_a_secret_does_not_leave_this_machine(cluster: Cluster) -> None:
    with (
        open_executor(cluster.address, 1) as executor,
        pytest.raises(TypeError, match="a secret is not pickled"),
    ):
        executor.submit(repr, Secret("hidden"))


def test_a_secret_does_not_come_back_from_a_worker(cluster: Cluster) -> None:
    with open_executor(cluster.address, 1) as executor:
        error = executor.submit(Secret, "hidden").exception(DEADLINE_SECONDS)

    assert isinstance(error, TypeError)
    assert "hidden" not in str(error)


def test_a_call_that_has_not_begun_can_be_cancelled(cluster: Cluster) -> None:
    with open_executor(cluster.address, 1) as executor, meeting() as (port, accept):
        futures = [executor.submit(meet, port) for _ in range(2)]
        lines = [accept()[1] for _ in range(2)]
        pending = executor.submit(os.getpid)

        assert pending.cancel()
        for line in lines:
            line.close()

    assert all(it.result() in cluster.workers for it in futures)
    with pytest.raises(CancelledError):
        pending.result()


def test_a_call_is_not_run_again_when_its_worker_is_lost(tmp_path: Path) -> None:
    with (
        running_cluster(tmp_path, workers=2) as cluster,
        open_executor(cluster.address, 1) as executor,
        meeting() as (port, accept),
    ):
        future = executor.submit(meet, port)
        pid, line = accept()
        os.kill(pid, signal.SIGKILL)
        error = future.exception(DEADLINE_SECONDS)
        line.close()

    assert isinstance(error, TransportError)
    assert error.code == "unreachable"
    assert "worker was lost" in error.message


def test_the_scheduler_keeps_nothing_of_calls_that_are_done(cluster: Cluster) -> None:
    with distributed.Client(cluster.address.partition("://")[2], set_as_default=False) as client:
        before = client.run_on_scheduler(marks)
        with open_executor(cluster.address, 1) as executor:
            wait([executor.submit(os.getpid) for _ in range(20)], DEADLINE_SECONDS)

        assert client.run_on_scheduler(marks) <= before


# The end


def test_an_interrupt_does_not_wait_for_the_workers(cluster: Cluster) -> None:
    futures: list[Future[int]] = []

    with meeting() as (port, accept):
        with pytest.raises(KeyboardInterrupt), open_executor(cluster.address, 1) as executor:  # noqa: PT012
            futures = [executor.submit(meet, port) for _ in range(4)]
            lines = [accept()[1] for _ in range(2)]
            raise KeyboardInterrupt
        for line in lines:
            line.close()

    assert [it.cancelled() for it in futures] == [True] * 4


INTERRUPTED = """
import sys
from concurrent.futures import wait
from remote_mailcfg.fleet.executors import open_executor
from tests.integration.dask_calls import meet

try:
    with open_executor(sys.argv[1], 1) as executor:
        wait([executor.submit(meet, int(sys.argv[2])) for _ in range(4)])
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_an_interrupted_process_waits_for_no_worker_and_says_nothing(cluster: Cluster) -> None:
    with meeting() as (port, accept):
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED, cluster.address, str(port)],
            stderr=subprocess.PIPE,
            text=True,
        )
        lines = [accept()[1] for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE_SECONDS)
        for line in lines:
            line.close()

    assert (process.returncode, err) == (130, "")


# What is refused


@contextmanager
def nobody() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def silence() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def another_protocol() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.sendall(b"220 mail.example ESMTP\r\n")
                        client.recv(1)

        thread = threading.Thread(target=greet)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("peer", [nobody, silence, another_protocol], ids=lambda it: it.__name__)
def test_a_scheduler_that_does_not_answer_is_told(
    peer: Callable[[], AbstractContextManager[int]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 0.5)

    with (
        peer() as port,
        pytest.raises(ConfigurationError) as caught,
        open_executor(f"dask://127.0.0.1:{port}", 1),
    ):
        pass

    assert caught.value.code == "configuration"
    assert f"no Dask scheduler answers at dask://127.0.0.1:{port}" in caught.value.message
    assert "dask scheduler" in caught.value.hint
    assert capfd.readouterr().err == ""


def test_a_cluster_without_workers_is_told(tmp_path: Path) -> None:
    with (
        running_cluster(tmp_path, workers=0) as cluster,
        pytest.raises(ConfigurationError) as caught,
        open_executor(cluster.address, 1),
    ):
        pass

    assert "has no workers" in caught.value.message
    assert cluster.address.replace("dask", "tcp") in caught.value.hint


def test_workers_with_another_version_of_ours_are_told(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "__version__", "0.0.1")

    with pytest.raises(ConfigurationError) as caught, open_executor(cluster.address, 1):
        pass

    assert "without remote-mailcfg 0.0.1" in caught.value.message
    assert caught.value.message.count(f": {__version__}") == 2


def test_other_versions_of_dask_are_no_error(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    versions = distributed.versions.get_versions()
    versions["packages"]["distributed"] = "2024.1.0"
    monkeypatch.setattr(distributed.versions, "get_versions", lambda **_: versions)
    caplog.set_level("INFO", logger=dask_cluster.__name__)

    with open_executor(cluster.address, 1) as executor:
        assert executor.submit(os.getpid).result(DEADLINE_SECONDS) in cluster.workers

    assert "2024.1.0" in caplog.text


# The command line


def test_a_command_runs_on_the_cluster_and_its_workers_resolve_the_secrets(
    cluster: Cluster, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text(ADMIN[1])
    with serve({name: make_odoo(19) for name in ("north", "south")}) as served:
        inventory = tmp_path / "instances.toml"
        inventory.write_text(
            '[defaults]\nlogin = "admin"\ndatabase = "openspp"\npassword = "file:password"\n'
            + "".join(f'[instances.{it.name}]\nurl = "{it.url}"\n' for it in served)
        )
        words = ["server", "list", "--all", "-o", "json", "--executor", cluster.address]
        ran = CliRunner().invoke(app, [*words, "--inventory", str(inventory)])

    assert ran.exit_code == 0, ran.stderr
    results = json.loads(ran.stdout)["results"]
    assert [it["instance"] for it in results] == ["north", "south"]
    assert [it["data"] for it in results] == [{"servers": []}] * 2
    assert ADMIN[1] not in ran.stdout + ran.stderr


def test_a_secret_that_is_typed_is_refused_on_the_cluster_with_the_reason(
    cluster: Cluster, tmp_path: Path
) -> None:
    with serve({"north": make_odoo(19)}, remembers=True) as (served,):
        inventory = tmp_path / "instances.toml"
        inventory.write_text(
            f'[instances.north]\nurl = "{served.url}"\nlogin = "admin"\npassword = "prompt:"\n'
        )
        words = ["server", "list", "--all", "-o", "json", "--executor", cluster.address]
        ran = CliRunner().invoke(app, [*words, "--inventory", str(inventory)])

    (result,) = json.loads(ran.stdout)["results"]
    assert (ran.exit_code, result["error"]["code"]) == (2, "configuration")
    assert "prompt:" in result["error"]["message"]
    assert served.requests == []


def test_what_keeps_a_journal_is_not_sent_to_a_worker(cluster: Cluster, tmp_path: Path) -> None:
    inventory = tmp_path / "instances.toml"
    inventory.write_text(
        '[instances.north]\nurl = "http://127.0.0.1:9"\nlogin = "admin"\npassword = "env:NORTH"\n'
    )
    words = ["server", "create", "--name", "Main", "--smtp-host", "smtp.example.org", "--all"]
    words += ["--smtp-user", "mailer", "--executor", cluster.address]
    variables = {"SMTP_PASS": "s3cret-canary"}
    ran = CliRunner().invoke(app, [*words, "--inventory", str(inventory)], env=variables)

    assert ran.exit_code == 2
    assert "keeps something on the machine that it runs on" in ran.stderr
    assert "s3cret-canary" not in ran.stdout + ran.stderr
