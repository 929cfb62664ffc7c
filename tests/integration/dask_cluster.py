"""A real Dask cluster: the scheduler and each worker are processes of their own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DEADLINE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the scheduler listens, and the process ids of the workers."""

    address: str
    workers: frozenset[int]


@contextmanager
def running_cluster(folder: Path, workers: int) -> Iterator[Cluster]:
    """Run a scheduler and workers of one thread each; their files are in the folder."""
    with ExitStack() as stack:
        options = ["--port", "0", "--dashboard-address", "127.0.0.1:0"]
        scheduler = stack.enter_context(_running("dask_scheduler", *options))
        place = _read_until(scheduler, r"Scheduler at: +tcp://(\S+)")
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory"]
        started = [
            stack.enter_context(_running("dask_worker", place, *options, str(folder / str(number))))
            for number in range(workers)
        ]
        for worker in started:
            _read_until(worker, r"(Registered to)")
        yield Cluster(f"dask://{place}", frozenset(worker.pid for worker in started))


@contextmanager
def _running(program: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{program}", "--host", "127.0.0.1", *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # what tests send is found there
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=DEADLINE_SECONDS)


def _read_until(process: "subprocess.Popen[str]", pattern: str) -> str:
    assert process.stderr
    told = ""
    for line in process.stderr:
        told += line
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"it ended: {told}")
