"""The journal of a run on one instance: what is about to be done, before it is done.

One file for each run and instance, one line of JSON for each entry, on the disk before the request
that it tells of is sent. It holds no secret: of a password only that one is written.

A write that was cut short leaves a torn end. It stays as it is, on a line of its own that an entry
`torn` follows, so that it cannot swallow the next entry.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.target import Target
from remote_mailcfg.plan.change import SECRET_FIELDS, Change
from remote_mailcfg.secret import Secret
from remote_mailcfg.store.locks import numbering_runs
from remote_mailcfg.store.state import (
    digest,
    make_private_folder,
    refusals_told,
    replace_private,
    state_folder,
)

SUFFIX: Final = ".jsonl"


def journal_folder(target: Target) -> Path:
    """Return the folder with the journals of an instance.

    Where no database is given it is the server's only one: that of the last run at the address.
    """
    folder = state_folder() / "runs"
    if not target.database:
        with suppress(OSError, ValueError):
            return folder / _checked(_pointer(target).read_text(encoding="utf-8"))
    return folder / digest(target.url, target.database)


def _pointer(target: Target) -> Path:
    return state_folder() / "runs" / f"{digest(target.url)}.last"


def _checked(name: str) -> str:
    """Return the name of a folder; raises `ValueError` for what is none."""
    if not re.fullmatch(r"[0-9a-f]{32}", name):
        raise ValueError(name)
    return name


def parse_entry(line: bytes) -> dict[str, Any] | None:
    """Return the entry of a line; None for a line that is none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _next_number() -> int:
    """Return the next number in the sequence of runs: each begin on an instance takes one.

    The clock cannot order runs: two begin within one second, and it can go backwards. A counter
    that is missing or damaged is made again from the journals.
    """
    folder = state_folder() / "runs"
    path = folder / "sequence"
    with numbering_runs(), refusals_told(path):
        try:
            last = int(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            heads = (_read_head(it) for it in folder.glob(f"*/*{SUFFIX}"))
            last = max(map(number_of, heads), default=0)
        replace_private(path, f"{last + 1}\n")
    return last + 1


def number_of(head: Mapping[str, Any]) -> int:
    """Return the number of a run in the sequence; those of earlier versions have 0."""
    number = head.get("sequence")
    return number if isinstance(number, int) else 0


def _read_head(path: Path) -> dict[str, Any]:
    """Return the first entry of a journal; an empty one where it was not even begun."""
    with path.open("rb") as file:
        return parse_entry(file.readline()) or {}


class Journal:
    """The journal of a run that is going on.

    Once it could not be written, the run is over and only cleans up, which is not noted any more.
    """

    def __init__(self, target: Target, run: str) -> None:
        folder = journal_folder(target)
        make_private_folder(folder.parent)
        make_private_folder(folder)
        self._path = folder / (run + SUFFIX)
        self._broken = False
        self._end_is_whole = False

    def note(self, **entry: Any) -> None:
        """Add an entry; it is on the disk when this returns. Raises `journal-failed`."""
        if self._broken:
            return
        line = (json.dumps(entry, default=str) + "\n").encode()
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                line = self._close_torn_end() + line
                self._end_is_whole = False
                if os.write(handle, line) != len(line):
                    raise OSError(0, "the disk is full")
                os.fsync(handle)
                self._end_is_whole = True
            finally:
                os.close(handle)
        except OSError as error:
            self._broken = True
            raise RemoteMailcfgError(
                "journal-failed",
                f"the journal {self._path} cannot be written: {error.strerror}",
                "Nothing is done that cannot be noted first. Make room or make it writable, or set"
                " XDG_STATE_HOME to a folder of yours.",
            ) from error

    def _close_torn_end(self) -> bytes:
        """Return what goes between an end that an earlier write left torn, and the next entry."""
        if self._end_is_whole:
            return b""
        *lines, end = self._path.read_bytes().split(b"\n")
        feed = b"\n" if end else b""
        last = end or (lines[-1] if lines else b"{}")
        return feed if parse_entry(last) is not None else feed + b'{"torn": true}\n'

    def begin(
        self,
        target: Target,
        changes: tuple[Change, ...],
        *,
        command: str,
        at: str,
        undoes: str,
        test: bool,
    ) -> None:
        """Note what the run is going to do.

        `undoes` is the run that it takes back, else `""`; `test` says whether it proves.
        """
        if self._path.exists():
            raise RemoteMailcfgError(
                "busy",
                f"this run has changed the instance {target.url} under another name already",
                "Choose one of the names that the inventory has for it.",
            )
        replace_private(_pointer(target), self._path.parent.name)
        self.note(
            sequence=_next_number(),
            at=at,
            command=command,
            undoes=undoes,
            test=test,
            instance=target.name,
            url=target.url,
            database=target.database,
            changes=[_told(change) for change in changes],
        )
        with refusals_told(self._path.parent):
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # the file's own name is on the disk, too
            finally:
                os.close(folder)

    @contextmanager
    def step(self, change: int, step: str, **facts: Any) -> Iterator[dict[str, Any]]:
        """Note a step as intended, then as done (with what is put into the dict) or failed."""
        self.note(change=change, step=step, state="intended", **facts)
        found: dict[str, Any] = {}
        try:
            yield found
        except BaseException as error:
            told = {"because": type(error).__name__}
            if isinstance(error, RemoteMailcfgError):
                told = {"because": error.code, "message": error.message}
            with suppress(RemoteMailcfgError):  # then it stays as intended; `error` counts
                self.note(change=change, step=step, state="failed", **told)
            raise
        self.note(change=change, step=step, state="done", **found)

    def end(self, state: str, outcomes: tuple[str, ...]) -> None:
        """Note how the run ended: `done`, `failed` or `superseded`, and each of its changes."""
        self.note(ended=state, outcomes=list(outcomes))


def _told(change: Change) -> Mapping[str, Any]:
    """Return a change without its secrets: of each, whether it is set or cleared."""
    plain = {
        field: value
        for field, value in change.values.items()
        if field not in SECRET_FIELDS and not isinstance(value, Secret)
    }
    secrets = {
        field: bool(change.values.get(field, True)) for field in sorted(change.fields - set(plain))
    }
    return {
        "action": change.action,
        "key": change.key,
        "unmarks": change.unmarks,
        "backup": change.backup,
        "reversible": change.reversible,
        "before": asdict(change.before) if change.before else None,
        "values": plain,
        "secrets": secrets,
    }
