"""Measure the history of audits: what each audit adds to it, and what a comparison takes.

    python -m tests.benchmarks.history --instances 10000 --audits 3

Exit code 1 where a comparison took more memory than it may.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import Examination, Finding
from remote_mailcfg.store.audit_database import audit_file
from remote_mailcfg.store.audits import save_audit
from tests.benchmarks.measure import measure

BEGINNING = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
RULES = [f"rule-number-{number}" for number in range(40)]
COMMANDS = (
    ("audit", "history"),
    *(("audit", "diff", "-o", output) for output in ("json", "csv", "table")),
)


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.history")
    parser.add_argument("--instances", type=int, default=10_000)
    parser.add_argument("--audits", type=int, default=3)
    parser.add_argument("--findings", type=int, default=12, help="of each instance")
    parser.add_argument("--max-memory-mb", type=float, default=120)
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="remote-mailcfg-bench-") as folder:
        os.environ["XDG_STATE_HOME"] = folder
        size = 0
        for audit in range(options.audits):
            run = list(_examined(audit, options.instances, options.findings))
            began = time.monotonic()
            save_audit(run, at=BEGINNING + timedelta(days=audit))
            seconds, grown = time.monotonic() - began, audit_file().stat().st_size - size
            size += grown
            sys.stdout.write(f"audit {audit + 1}: {seconds:.1f} s, {grown / 1e6:.2f} MB more\n")
        return int(_compare(Path(folder), options.max_memory_mb))


def _compare(folder: Path, most_memory_mb: float) -> bool:
    failed = False
    for words in COMMANDS:
        command = (sys.executable, "-m", "remote_mailcfg", *words)
        measured = measure(command, {**os.environ}, folder / "stderr")
        sys.stdout.write(
            f"{' '.join(words)}: exit {measured.exit_code}, {measured.seconds:.1f} s,"
            f" {measured.memory_mb:.0f} MB of memory\n"
        )
        failed |= measured.memory_mb > most_memory_mb or measured.exit_code != 0
    return failed


def _examined(audit: int, instances: int, findings: int) -> Iterator[Examined]:
    """Yield a fleet: one finding in 20 has a number that changes, one in 500 goes and comes."""
    for number in range(instances):
        found = tuple(
            _finding(audit, number, of_it)
            for of_it in range(findings)
            if (number * findings + of_it) % 500 != audit % 500
        )
        yield Examined(
            instance=f"country-{number:05}",
            url=f"https://country-{number:05}.example.org",
            database="openspp",
            examination=Examination(findings=found, skipped=()),
            looked=frozenset(RULES),
        )


def _finding(audit: int, number: int, of_it: int) -> Finding:
    count = audit if (number + of_it) % 20 == 0 else 0
    return Finding(
        rule=RULES[of_it % len(RULES)],
        severity="warning",
        server_id=number % 7 + 1 if of_it % 2 else None,
        server_name="My Organization's Email Server" if of_it % 2 else None,
        subject=f"subject {of_it} of country-{number:05}.example.org",
        message=f"country-{number:05}.example.org: what was found, {count} times, seen from here",
        remedy=f"What to do about rule {of_it}: publish the record that the provider shows, or"
        " take the selector out of the file.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
