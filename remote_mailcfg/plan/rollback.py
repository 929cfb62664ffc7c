"""The way back: what a run did on one instance, against what is there now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.plan.change import BINARY_FIELDS, SECRET_FIELDS, Action, Change
from remote_mailcfg.plan.server_plan import FieldChange, PlannedChange

#: What a backup does not hold of the record that it is of, and of Odoo's own.
OWN_FIELDS = frozenset({"name", "active"})
#: What of a record no copy of it takes: it is told, or belongs to somebody.
NOT_WRITTEN = frozenset({"id", "has_password", "owner_user_id", "environment_managed"})


class Done(Protocol):
    """A change that a run made, as its journal tells it; see `JournaledChange`."""

    @property
    def action(self) -> str:
        """What it was."""
        ...

    @property
    def key(self) -> str | None:
        """The entry that the record was marked for."""
        ...

    @property
    def reversible(self) -> bool:
        """Whether its secrets were kept."""
        ...

    @property
    def before(self) -> MailServerRecord | None:
        """The record before, None where there was none."""
        ...

    @property
    def values(self) -> Mapping[str, Any]:
        """The plain values that it wrote."""
        ...

    @property
    def secrets(self) -> Mapping[str, bool]:
        """The secrets that it wrote: set or cleared."""
        ...

    @property
    def ids(self) -> Mapping[str, int]:
        """The records that it made, by step."""
        ...

    @property
    def server_id(self) -> int | None:
        """The record that it is about."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """The changes that undo a run, each with what it is told as; `lost` is what nobody has."""

    changes: tuple[tuple[PlannedChange, Change], ...]
    lost: tuple[str, ...]


def plan_way_back(
    done: Sequence[Done], servers: Sequence[MailServerRecord], *, force: bool
) -> WayBack:
    """Return what undoes these changes, the last of them first.

    Raises `stale-plan` where a record is not as the run left it, unless `force`; a record that is
    gone cannot be put back.
    """
    now = {server.id: server for server in servers}
    problems: list[str] = []
    changes: list[tuple[PlannedChange, Change]] = []
    lost: list[str] = []
    for change in reversed(done):
        record = now.get(change.server_id or 0)
        if change.action == "delete":
            changes.append(_made_again(change, now))
            continue
        if record is None:
            if change.before is not None:
                problems.append(f"mail server {change.server_id} is gone")
            continue
        problems += [] if force else list(_changed_since(change, record))
        changes += _undone(change, record, now, lost)
    if problems:
        raise RemoteMailcfgError(
            "stale-plan",
            f"what the run left is not there any more: {'; '.join(problems)}",
            "Somebody changed it since. --force writes back what the run found all the same.",
        )
    return WayBack(changes=tuple(changes), lost=tuple(lost))


def _changed_since(change: Done, record: MailServerRecord) -> list[str]:
    """Tell what of a record is not what the run wrote."""
    written = {name: it for name, it in change.values.items() if hasattr(record, name)}
    return [
        f"mail server {record.id}: {name} was written as {it!r} and is {getattr(record, name)!r}"
        for name, it in written.items()
        if getattr(record, name) != it
    ]


def _undone(
    change: Done,
    record: MailServerRecord,
    now: Mapping[int, MailServerRecord],
    lost: list[str],
) -> list[tuple[PlannedChange, Change]]:
    before = change.before
    if before is None:
        return [_told(Change(action="delete", before=record, values={}), change.key)]
    fields = {*change.values, *change.secrets}
    old = {name: getattr(before, name, "") for name in fields if name not in SECRET_FIELDS}
    secret = fields & SECRET_FIELDS
    backup = change.ids.get("backup")
    if secret and (backup not in now or not change.reversible):
        why = "was emptied for good" if not change.reversible else "has no backup any more"
        lost += [f"mail server {record.id}: {name} {why}" for name in sorted(secret)]
        backup, secret = None, set()
    restored = frozenset(fields - OWN_FIELDS) if secret else frozenset[str]()
    values = {
        name: it
        for name, it in old.items()
        if name in MailServerRecord.__slots__ and getattr(record, name) != it
    }
    if not values and not restored and change.action != "adopt":
        return []
    undo = Change(
        action=_action(values),
        before=record,
        values=values,
        key=change.key if change.action == "adopt" else None,
        unmarks=change.action == "adopt",
        backup=backup if restored else None,
        restored=restored,
    )
    return [_told(undo, change.key, secret)]


def _action(values: Mapping[str, Any]) -> Action:
    if "active" not in values:
        return "update"
    return "unarchive" if values["active"] else "archive"


def _made_again(change: Done, now: Mapping[int, MailServerRecord]) -> tuple[PlannedChange, Change]:
    """Return what makes a removed record again from its backup; it gets a new id."""
    before, backup = change.before, change.ids.get("backup")
    if before is None or backup not in now:
        raise RemoteMailcfgError(
            "stale-plan",
            f"the backup of mail server {change.server_id}, which the run removed, is not there",
            "It cannot be made again without its password: use `remote-mailcfg server create`.",
        )
    values = {
        name: getattr(before, name)
        for name in MailServerRecord.__slots__
        if name not in NOT_WRITTEN | BINARY_FIELDS and getattr(before, name) is not None
    }
    again = Change(action="create", before=None, values=values, key=change.key, backup=backup)
    return _told(again, change.key)


def _told(
    change: Change, key: str | None, secrets: set[str] | frozenset[str] = frozenset()
) -> tuple[PlannedChange, Change]:
    record = change.before
    fields = {
        name: FieldChange(getattr(record, name) if record else None, it)
        for name, it in change.values.items()
    } | {name: FieldChange("set", "as before") for name in sorted(secrets)}
    planned = PlannedChange(
        action=change.action,
        key=key,
        server_id=record.id if record else None,
        name=record.name if record else str(change.values["name"]),
        fields=fields,
    )
    return planned, change
