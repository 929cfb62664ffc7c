"""A command on a terminal of its own, as a person sits at it."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

DEADLINE_SECONDS = 30
READS_WITHIN_SECONDS = 5
#: What Linux calls the places where a process waits for its terminal.
READING = frozenset({"n_tty_read", "wait_woken"})
COLUMNS = 80


class Place(Protocol):
    """Where a command goes to, as its environment says."""

    def environment(self, **variables: str) -> dict[str, str]: ...


class Terminal:
    """Reads what the command shows and types what a person would."""

    def __init__(self, master: int, process: "subprocess.Popen[bytes]") -> None:
        self._master = master
        self._process = process
        self._raw = b""

    @property
    def screen(self) -> str:
        """Everything shown so far, without colours and movements of the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._raw.decode()).replace("\r\n", "\n")

    def read_until(self, text: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in self.screen:
            assert self._read(deadline), f"the command ended without {text!r}: {self.screen}"

    def type(self, line: str) -> None:
        os.write(self._master, line.encode() + b"\n")

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def read_until_asked(self, question: str) -> None:
        """Read a question, and wait until the command waits for the answer.

        Python loses a Ctrl-C in the instant before it reads. A kernel may hide what it waits for.
        """
        self.read_until(question)
        deadline = time.monotonic() + READS_WITHIN_SECONDS
        waits_in = Path(f"/proc/{self._process.pid}/wchan")
        while waits_in.read_text() not in READING and time.monotonic() < deadline:
            time.sleep(0.01)

    def end_input(self) -> None:
        """Type Ctrl-D."""
        os.write(self._master, b"\x04")

    def finish(self) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._read(deadline):
            pass
        return self._process.wait(DEADLINE_SECONDS)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more came: {self.screen}"
        try:
            part = os.read(self._master, 65536)
        except OSError:  # the command has closed its side
            return False
        self._raw += part
        return bool(part)


@contextlib.contextmanager
def on_terminal(place: Place, *words: str, **variables: str) -> Iterator[Terminal]:
    """Run a command on a terminal of 80 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    environment = {**os.environ, **place.environment(**variables), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "remote_mailcfg", *words],
        env=environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        process.kill()
        process.wait(DEADLINE_SECONDS)
        os.close(master)
