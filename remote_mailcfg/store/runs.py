"""The runs on an instance, read back from their journals.

The torn end that a write left which was cut short is no harm: what it was to tell of was not begun.
Any other damage hides what a run did, so that nothing may be changed until somebody has looked.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.target import Target
from remote_mailcfg.store.journal import SUFFIX, journal_folder, number_of, parse_entry
from remote_mailcfg.store.locks import is_being_changed
from remote_mailcfg.store.state import refusals_told, state_damaged

#: `superseded`: somebody else wrote what it left before it was put right. `cut off`: it has no end,
#: and nobody is at work on it. `taken back`: by a later run. `damaged`: its journal cannot be read.
RunState = Literal[
    "done", "failed", "interrupted", "superseded", "cut off", "running", "taken back", "damaged"
]

Kinds = Mapping[str, type | tuple[type, ...]]

HEAD: Final[Kinds] = {"at": str, "command": str, "undoes": str, "test": bool, "changes": list}
CHANGE: Final[Kinds] = {
    "action": str,
    "key": (str, NoneType),
    "unmarks": bool,
    "backup": (int, NoneType),
    "reversible": bool,
    "before": (dict, NoneType),
    "values": dict,
    "secrets": dict,
}
STEP: Final[Kinds] = {"change": int, "step": str, "state": str}
END: Final[Kinds] = {"ended": str, "outcomes": list}
ENDS: Final = frozenset({"done", "failed", "interrupted", "superseded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledChange:
    """One change of a run: what it was to do, and how far it came.

    `values` are the plain ones, `secrets` say of each whether it was set or cleared. `steps` are
    those that were begun, each with how it ended (`intended` where that is not known), `reasons`
    why some failed; `ids` are those of the records that steps made. `last_write` is that of the
    record and of the run's own before it was switched, where what is written cannot be read back.
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
    reasons: Mapping[str, str]
    ids: Mapping[str, int]
    outcome: str
    last_write: Mapping[str, Any] | None = None

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

    `instance` is the name that it was called by. `sequence` orders the runs of this machine; those
    of earlier versions have 0. `torn` are lines of its journal that do not parse, `damage` says why
    nothing is known of the run.
    """

    name: str
    instance: str = ""
    sequence: int = 0
    at: str
    command: str
    undoes: str
    test: bool
    state: RunState
    changes: tuple[JournaledChange, ...]
    path: Path = Path()
    torn: tuple[int, ...] = ()
    damage: str = ""

    @property
    def defect(self) -> str:
        """What is wrong with its journal, `""` where nothing is."""
        if self.damage:
            return f"the journal {self.path} is damaged ({self.damage})"
        if self.torn:
            lines = ", ".join(map(str, self.torn))
            return f"the journal {self.path} has a line that was cut short and left out ({lines})"
        return ""

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

    Whoever is `changing` the instance holds its lock, so that a run without an end was cut off;
    raises `journal-failed` for them where a journal is damaged.
    """
    folder = journal_folder(target)
    try:
        paths = [folder / name for name in os.listdir(folder) if name.endswith(SUFFIX)]  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        paths = []
    except OSError as error:
        raise state_damaged(folder, f"cannot be read: {error.strerror}") from error
    read = [run for path in paths if (run := _read(path)) is not None]
    read.sort(key=lambda it: (it.sequence, it.name), reverse=True)
    if changing and (damaged := [run.defect for run in read if run.damage]):
        raise RemoteMailcfgError(
            "journal-failed",
            f"nothing is changed on this instance: {'; '.join(damaged)}",
            "What that run left is not known. Compare the file with the mail servers"
            " (`remote-mailcfg server list`); once they are right, move the file away.",
        )
    undone = {run.undoes for run in read if run.state == "done"}
    is_open = any(run.state == "cut off" for run in read)
    running = is_open and not changing and is_being_changed(target)
    return tuple(replace(run, state=_state(run, undone, running=running)) for run in read)


def _state(run: JournaledRun, undone: set[str], *, running: bool) -> RunState:
    if run.state == "cut off":
        return "running" if running else "cut off"
    return "taken back" if run.name in undone else run.state


def find_run(target: Target, name: str) -> JournaledRun:
    """Return one run on an instance by its name or its beginning; raises as `find_run_name`."""
    name = find_run_name([target], name)
    return next(run for run in load_runs(target) if run.name == name)


def find_run_name(targets: Sequence[Target], text: str) -> str:
    """Return the name of the run that is named so, or begins so, on any of the instances.

    Raises `not-found`, or `ambiguous` where several begin so.
    """
    names = sorted({run.name for target in targets for run in load_runs(target)})
    found = [name for name in names if name.startswith(text)]
    if text in names or len(found) == 1:
        return text if text in names else found[0]
    if found:
        raise RemoteMailcfgError(
            "ambiguous",
            f"{len(found)} runs begin with {text}: {', '.join(found)}",
            "Give more of the name.",
        )
    where = "this instance" if len(targets) == 1 else "these instances"
    raise RemoteMailcfgError(
        "not-found",
        f"there is no run {text} on {where}",
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
    """Delete the journal of a run; raises `not-saved`."""
    folder = journal_folder(target)
    with refusals_told(folder):
        (folder / (name + SUFFIX)).unlink(missing_ok=True)


def _read(path: Path) -> JournaledRun | None:
    """Return a run; None for a file that was not even begun."""
    try:
        *lines, end = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None  # forgotten meanwhile
    except OSError as error:
        return _damaged(path, f"it cannot be read: {error.strerror}")
    if not lines and parse_entry(end) is None:
        return None
    entries = [parse_entry(line) for line in (*lines, *([end] if end else []))]
    try:
        return _run(path, entries)
    except ValueError as error:
        return _damaged(path, str(error), entries[0] or {})


def _damaged(path: Path, damage: str, head: Mapping[str, Any] | None = None) -> JournaledRun:
    told = head or {}
    return JournaledRun(
        name=path.name.removesuffix(SUFFIX),
        sequence=number_of(told),
        at=str(told.get("at", "")),
        command=str(told.get("command", "")),
        undoes="",
        test=True,
        state="damaged",
        changes=(),
        path=path,
        damage=damage,
    )


def _run(path: Path, entries: Sequence[dict[str, Any] | None]) -> JournaledRun:
    """Return the run that these lines tell of; raises `ValueError` for what is not torn only."""
    torn = [number for number, entry in enumerate(entries, 1) if entry is None]
    for number in torn:
        after = next((it for it in entries[number:] if it is not None), {"torn": True})
        if "torn" not in after or number == 1:
            raise ValueError(f"line {number} does not parse")
    head, *rest = [entry for entry in entries if entry is not None]
    _check(head, HEAD, 1)
    for number, entry in enumerate(entries[1:], 2):
        if entry is not None and "torn" not in entry:
            _check(entry, END if "ended" in entry else STEP, number)
    ends = [entry for entry in rest if "ended" in entry]
    outcomes = ends[-1]["outcomes"] if ends else [""] * len(head["changes"])
    if len(outcomes) != len(head["changes"]) or (ends and ends[-1]["ended"] not in ENDS):
        raise ValueError("its end is not that of its beginning")
    changes = [
        _change(told, [it for it in rest if it.get("change") == number], outcome)
        for number, (told, outcome) in enumerate(zip(head["changes"], outcomes, strict=True))
    ]
    return JournaledRun(
        name=path.name.removesuffix(SUFFIX),
        instance=str(head.get("instance", "")),
        sequence=number_of(head),
        at=head["at"],
        command=head["command"],
        undoes=head["undoes"],
        test=head["test"],
        state=ends[-1]["ended"] if ends else "cut off",
        changes=tuple(changes),
        path=path,
        torn=tuple(torn),
    )


def _check(entry: object, kinds: Kinds, line: int) -> None:
    """Raise `ValueError` for an entry that has not what it must have."""
    if not isinstance(entry, dict):
        raise ValueError(f"line {line} is of another kind")  # noqa: TRY004 - as for other damage
    for name, kind in kinds.items():
        if not isinstance(entry.get(name), kind):
            raise ValueError(f"{name} in line {line} is of another kind")  # noqa: TRY004


def _change(told: dict[str, Any], entries: list[dict[str, Any]], outcome: str) -> JournaledChange:
    _check(told, CHANGE, 1)
    before = told["before"]
    return JournaledChange(
        **{name: told[name] for name in ("action", "key", "unmarks", "backup", "reversible")},
        before=_record(before) if before else None,
        values=told["values"],
        secrets=told["secrets"],
        steps={entry["step"]: entry["state"] for entry in entries},
        reasons={entry["step"]: str(entry["message"]) for entry in entries if entry.get("message")},
        ids={entry["step"]: entry["id"] for entry in entries if "id" in entry},
        outcome=outcome,
        last_write=next((it["last_write"] for it in entries if "last_write" in it), None),
    )


def _record(told: Mapping[str, Any]) -> MailServerRecord:
    known = {field.name for field in fields(MailServerRecord)}
    values = {name: value for name, value in told.items() if name in known}
    if not (isinstance(values.get("id"), int) and isinstance(values.get("name"), str)):
        raise ValueError("a mail server in line 1 has no id or no name")  # noqa: TRY004
    values["environment_managed"] = tuple(values.get("environment_managed", ()))
    return MailServerRecord(**values)
