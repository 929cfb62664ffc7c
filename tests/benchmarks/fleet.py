"""Measure commands on a fleet: a sandbox of many instances in a process of its own.

    python -m tests.benchmarks.fleet 'server list --all' 'check --all --workers 4'

Exit code 1 where a command took more memory or sockets than it may, or did not run.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.measure import Measured, cpu_seconds, measure

PROGRAM = (sys.executable, "-m", "remote_mailcfg")
READY = "Ctrl-C ends it."
ROW = "{:>8} {:>8} {:>9} {:>8} {:>8} {:>5}  {}\n"
TITLES = ("seconds", "CPU s", "CPU s of", "most MB", "most", "exit", "")
SECOND_TITLES = ("", "", "sandbox", "memory", "sockets", "code", "remote-mailcfg …")


def main(words: Sequence[str]) -> int:
    options = _parse(words)
    with tempfile.TemporaryDirectory(prefix="remote-mailcfg-bench-") as name:
        folder = Path(name)
        variables = {"PATH": os.environ["PATH"], "XDG_STATE_HOME": str(folder / "state")}
        inventory = folder / "instances.toml"
        with _sandbox(options.instances, inventory, variables) as sandbox:
            sys.stdout.write(ROW.format(*TITLES) + ROW.format(*SECOND_TITLES))
            failed = False
            for line in options.commands:
                before = cpu_seconds(sandbox)
                command = (*PROGRAM, *shlex.split(line), "--inventory", str(inventory))
                errors = folder / "stderr"
                measured = measure(command, variables, errors)
                spent = cpu_seconds(sandbox) - before
                _show(measured, spent, line)
                for why in _exceeded(measured, errors, options):
                    failed = True
                    sys.stderr.write(f"{line}: {why}\n")
    return int(failed)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.fleet")
    parser.add_argument("commands", nargs="+", metavar="COMMAND")
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--max-memory-mb", type=float, default=100)
    parser.add_argument("--max-sockets", type=int, default=16 + 20, help="the workers and 20")
    return parser.parse_args(words)


@contextmanager
def _sandbox(instances: int, inventory: Path, variables: dict[str, str]) -> Iterator[int]:
    """Run the sandbox and yield its process id."""
    options = ("--instances", str(instances), "--inventory", str(inventory))
    with subprocess.Popen(
        (*PROGRAM, "sandbox", *options), env=variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            if READY not in map(str.strip, process.stdout):
                sys.exit("the sandbox did not start")
            yield process.pid
        finally:
            process.terminate()


def _show(measured: Measured, sandbox_cpu_seconds: float, line: str) -> None:
    row = (
        f"{measured.seconds:.1f}",
        f"{measured.cpu_seconds:.1f}",
        f"{sandbox_cpu_seconds:.1f}",
        f"{measured.memory_mb:.0f}",
        measured.sockets,
        measured.exit_code,
        line,
    )
    sys.stdout.write(ROW.format(*row))
    sys.stdout.flush()


def _exceeded(measured: Measured, errors: Path, options: argparse.Namespace) -> Iterator[str]:
    if measured.memory_mb > options.max_memory_mb:
        yield f"{measured.memory_mb:.0f} MB of memory are more than {options.max_memory_mb:.0f}"
    if measured.sockets > options.max_sockets:
        yield f"{measured.sockets} sockets are more than {options.max_sockets}"
    if measured.exit_code not in {0, 1}:  # 1: something is wrong with an instance
        yield f"exit code {measured.exit_code}: {errors.read_text()[-1000:]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
