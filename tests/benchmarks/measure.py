"""What a command takes: time, memory, sockets. Linux alone, since it reads /proc."""

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

POLL_MILLISECONDS = 5
PROC = Path("/proc")


@dataclass(slots=True)
class Measured:
    """What one command took; `memory_mb` and `sockets` are the most at any time."""

    exit_code: int = -1
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    sockets: int = 0

    def sample(self, pid: int) -> None:
        self.cpu_seconds = cpu_seconds(pid)
        self.memory_mb = max(self.memory_mb, peak_memory_mb(pid))
        self.sockets = max(self.sockets, open_sockets(pid))


def measure(command: Sequence[str], variables: Mapping[str, str], errors: Path) -> Measured:
    """Run a command to its end, with these variables as its whole environment.

    Its standard error goes to the file `errors`.
    """
    measured = Measured()
    start = time.monotonic()
    with (
        errors.open("w") as file,
        subprocess.Popen(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
        ) as process,
        os.fdopen(os.pidfd_open(process.pid), "rb") as pidfd,
    ):
        ended = select.poll()
        ended.register(pidfd)
        while not ended.poll(POLL_MILLISECONDS):
            with suppress(OSError, LookupError):  # it ended meanwhile
                measured.sample(process.pid)
        measured.seconds = time.monotonic() - start
    measured.exit_code = process.returncode
    return measured


def open_sockets(pid: int) -> int:
    """Count sockets, not handles: one that is watched by its deadline has two."""
    targets = {_target(it) for it in (PROC / str(pid) / "fd").iterdir()}
    return sum(it.startswith("socket:") for it in targets)


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def peak_memory_mb(pid: int) -> float:
    """Return the most that the process had resident."""
    status = (PROC / str(pid) / "status").read_text()
    facts = dict(line.split(":", 1) for line in status.splitlines())
    return int(facts["VmHWM"].split()[0]) / 1024


def cpu_seconds(pid: int) -> float:
    """Return what the process, all of its threads, has computed so far."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
