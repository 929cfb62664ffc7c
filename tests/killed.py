"""Runs a command that is killed at one of its requests, and what must hold after that.

The command is a process forked from one that has it loaded, and asks through a server that holds
the request; SIGKILL comes while it waits, before or after the instance did what it was asked.
"""

import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.integration.instance import Instance
from tests.pass_through import Where, pass_through

DEADLINE_SECONDS = 60
CONNECTION = ("smtp_host", "smtp_port", "smtp_user", "smtp_pass", "smtp_encryption", "from_filter")
FIELDS = ("name", "active", "sequence", *CONNECTION)

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["remote_mailcfg.cli.main", "remote_mailcfg.config.desired_file"])


def _run(words: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
    """Run a command in this process, which is of its own, and silent."""
    from remote_mailcfg.cli.main import run  # noqa: PLC0415 - it is loaded already

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(silence, stream)
    import sys  # noqa: PLC0415 - beside what uses it

    sys.argv = ["remote-mailcfg", *words]
    run()


@contextmanager
def killed(
    instance: Instance, words: Sequence[str], number: int, where: Where
) -> Iterator[Instance | None]:
    """Run a command and kill it at its request `number` (from 1).

    Gives the instance by the address that the command knew it by; None: it makes fewer requests.
    """
    with pass_through(instance.url, hold=number, where=where) as between:
        behind = replace(instance, url=between.url)
        arguments = (words, {**os.environ, **behind.environment()}, str(Path.cwd()))
        process = _processes.Process(target=_run, args=arguments)
        process.start()
        while process.is_alive() and not between.held.wait(0.01):
            pass
        held = between.held.is_set()
        if held:
            process.kill()
        process.join(DEADLINE_SECONDS)
        assert process.exitcode is not None
        assert held or process.exitcode == 0
        between.drop()
        yield behind if held else None


def requests_of(instance: Instance, words: Sequence[str]) -> int:
    """Run a command to its end and return how many requests it made."""
    with pass_through(instance.url) as between:
        ran = replace(instance, url=between.url).run(*words)
        assert ran.code == 0, ran.err
        return len(between.requests)


def records(instance: Instance) -> dict[int, dict[str, Any]]:
    """Return the mail servers by id, with their passwords."""
    rows = instance.records.call(
        "ir.mail_server",
        "search_read",
        domain=[["active", "in", [True, False]]],
        fields=[*FIELDS],
    )
    return {row["id"]: {name: row[name] for name in FIELDS} for row in rows}


@dataclass(frozen=True, slots=True)
class Promise:
    """What held before, and the connections that are right: an active server has one of them."""

    before: Mapping[int, Mapping[str, Any]]
    right: tuple[Mapping[str, Any], ...]
    archives: frozenset[int] = frozenset()

    def check(self, instance: Instance, *, clean: bool) -> None:
        """Check that no active server is unproved, none missing and no candidate left."""
        now = records(instance)
        known = [_connection(row) for row in (*self.before.values(), *self.right)]
        for server_id, row in now.items():
            assert not row["active"] or _connection(row) in known, (server_id, row)
        for server_id, was in self.before.items():
            assert server_id in now
            assert now[server_id]["active"] or not was["active"] or server_id in self.archives
        if any(row["active"] for row in self.before.values()):
            assert any(row["active"] for row in now.values())
        if clean:
            left = [row["name"] for row in now.values() if "candidate" in row["name"]]
            assert left == []


def _connection(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in CONNECTION}
