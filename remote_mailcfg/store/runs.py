"""The runs on an instance, read back from their journals."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.target import Target
from remote_mailcfg.store.journal import SUFFIX, journal_folder
from remote_mailcfg.store.locks import is_being_changed

#: `cut off`: it has no end, and nobody is at work on it. `taken back`: by a later run.
RunState = Literal["done", "failed", "cut off", "running", "taken back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledChange:
    """One change of a run: what it was to do, and how far it came.

    `values` are the plain ones, `secrets` say of each whether it was set or cleared. `steps` are
    those that were begun, each with how it ended (`intended` where that is not known); `ids` are
    those of the records that steps made.
    """

    action: str
    key: str | None
    unmarks: bool
    backup: int | None
    reversible: bool
    before: MailServerRecord | None
    values: Mapping[str, Any]
    secrets: Mapping[str, bool]
    steps: Mapping[str, str]
    ids: Mapping[str, int]
    outcome: str

    @property
    def server_id(self) -> int | None:
        """The record that it is about; None where none was made yet."""
        return self.before.id if self.before else self.ids.get("create")

    @property
    def name(self) -> str:
        """The name of the server, as it was before."""
        return self.before.name if self.before else str(self.values["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledRun:
    """One run on one instance. `at` is when it began (ISO 8601, UTC); `test`: whether it proved.

    `sequence` orders the runs of this machine; those of earlier versions have 0.
    """

    name: str
    sequence: int = 0
    at: str
    command: str
    undoes: str
    test: bool
    state: RunState
    changes: tuple[JournaledChange, ...]

    @property
    def wrote(self) -> bool:
        """Whether it changed something that still may stand."""
        return any(change.outcome == "done" for change in self.changes)

    @property
    def backups(self) -> dict[int, int]:
        """The backups that it made, each with the server that it is of."""
        return {
            change.ids["backup"]: change.server_id
            for change in self.changes
            if "backup" in change.ids and change.server_id is not None
        }


def load_runs(target: Target, *, changing: bool = False) -> tuple[JournaledRun, ...]:
    """Return the runs on an instance, the latest first: by their sequence, not by the clock.

    Whoever is `changing` the instance holds its lock, so that a run without an end was cut off.
    """
    folder = journal_folder(target)
    paths = folder.glob("*" + SUFFIX) if folder.is_dir() else []
    read = [run for path in paths if (run := _read(path)) is not None]
    read.sort(key=lambda it: (it.sequence, it.name), reverse=True)
    undone = {run.undoes for run in read if run.state == "done"}
    is_open = any(run.state == "cut off" for run in read)
    running = is_open and not changing and is_being_changed(target)
    return tuple(replace(run, state=_state(run, undone, running=running)) for run in read)


def _state(run: JournaledRun, undone: set[str], *, running: bool) -> RunState:
    if run.state == "cut off":
        return "running" if running else "cut off"
    return "taken back" if run.name in undone else run.state


def find_run(target: Target, name: str) -> JournaledRun:
    """Return one run on an instance; raises `not-found`."""
    for run in load_runs(target):
        if run.name == name:
            return run
    raise RemoteMailcfgError(
        "not-found",
        f"there is no run {name} on this instance",
        "`remote-mailcfg runs` lists those that this machine's journal knows.",
    )


def last_standing(runs: tuple[JournaledRun, ...]) -> JournaledRun | None:
    """Return the last run that wrote anything and was not taken back."""
    standing = (it for it in runs if it.wrote and not it.undoes and it.state != "taken back")
    return next(standing, None)


def find_cut_off(target: Target, *, changing: bool = False) -> tuple[JournaledRun, ...]:
    """Return the runs on an instance that were killed on the way, the latest first."""
    return tuple(it for it in load_runs(target, changing=changing) if it.state == "cut off")


def forget_run(target: Target, name: str) -> None:
    """Delete the journal of a run."""
    (journal_folder(target) / (name + SUFFIX)).unlink(missing_ok=True)


def _read(path: Path) -> JournaledRun | None:
    """Return a run; None for a file that was not even begun. A torn last line is left out."""
    head, *rest = list(_entries(path)) or [{}]
    if "changes" not in head:
        return None
    ends = [entry for entry in rest if "ended" in entry]
    state: RunState = ends[-1]["ended"] if ends else "cut off"
    outcomes = ends[-1]["outcomes"] if ends else [""] * len(head["changes"])
    changes = [
        _change(told, [it for it in rest if it.get("change") == number], outcome)
        for number, (told, outcome) in enumerate(zip(head["changes"], outcomes, strict=True))
    ]
    return JournaledRun(
        name=path.name.removesuffix(SUFFIX),
        sequence=head.get("sequence", 0),
        at=head["at"],
        command=head["command"],
        undoes=head["undoes"],
        test=head["test"],
        state=state,
        changes=tuple(changes),
    )


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def _change(
    told: Mapping[str, Any], entries: list[dict[str, Any]], outcome: str
) -> JournaledChange:
    before = told["before"]
    return JournaledChange(
        **{name: told[name] for name in ("action", "key", "unmarks", "backup", "reversible")},
        before=_record(before) if before else None,
        values=told["values"],
        secrets=told["secrets"],
        steps={entry["step"]: entry["state"] for entry in entries},
        ids={entry["step"]: entry["id"] for entry in entries if "id" in entry},
        outcome=outcome,
    )


def _record(told: Mapping[str, Any]) -> MailServerRecord:
    known = {field.name for field in fields(MailServerRecord)}
    values = {name: value for name, value in told.items() if name in known}
    values["environment_managed"] = tuple(values.get("environment_managed", ()))
    return MailServerRecord(**values)
