"""The measuring of processes, on processes that are known."""

import subprocess
import sys

import pytest

from tests.benchmarks import fleet, history
from tests.benchmarks.measure import cpu_seconds, open_sockets, peak_memory_mb

STAND_IN = """
import socket, sys, time
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(30)]
memory = b"x" * 80_000_000
del memory
while time.process_time() < 0.2:
    pass
print("ready", flush=True)
sys.stdin.read()
"""


def test_sockets_memory_and_cpu_of_a_process_are_those_it_has() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STAND_IN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.readline()

        assert open_sockets(process.pid) == 30
        assert 80 < peak_memory_mb(process.pid) < 200
        assert cpu_seconds(process.pid) > 0.1
        process.communicate()


def test_a_command_that_keeps_to_its_limits_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = fleet.main(["--instances", "2", "server list --all"])

    out, err = capsys.readouterr()
    seconds, cpu, _, memory, sockets, exit_code, *words = out.splitlines()[-1].split()
    assert (code, err, exit_code) == (0, "", "0")
    assert words == ["server", "list", "--all"]
    assert float(seconds) > 0
    assert float(cpu) > 0
    assert 20 < float(memory) < 100
    assert int(sockets) <= 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(["--max-memory-mb", "1", "instance list"], "MB of memory", id="memory"),
        pytest.param(["--max-sockets", "-1", "instance list"], "sockets are more", id="sockets"),
        pytest.param(["server list --no-such"], "exit code 2: ", id="exit-code"),
    ],
)
def test_what_exceeds_a_limit_or_does_not_run_fails(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet.main(["--instances", "2", *options]) == 1

    assert told in capsys.readouterr().err


def test_the_history_of_audits_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "")  # which is put back in the end

    assert history.main(["--instances", "3", "--audits", "2"]) == 0
    assert "audit diff -o json: exit 0" in capsys.readouterr().out
