"""The plan for one instance: what differs between its mail servers and the file, as data."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from remote_mailcfg.model.desired import DesiredServer, Policy
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.target import Target
from remote_mailcfg.plan.change import SECRET_FIELDS
from remote_mailcfg.plan.matching import differing, told

PlannedAction = Literal["create", "adopt", "update", "archive", "unchanged"]

#: What a plan tells of a secret. Whether it is `changed` is decided without reading the stored one.
SecretState = Literal["set", "changed", "unchanged", "cannot tell"]
SET: Final = "set"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """What a field is and what it shall be; None where there is nothing yet."""

    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """What shall become of one mail server; without a `key` it is one that no entry is for.

    `cannot_tell` are the secrets whose reference could not be resolved: they may differ or not.
    """

    action: PlannedAction
    key: str | None
    server_id: int | None
    name: str
    fields: Mapping[str, FieldChange] = field(default_factory=dict)
    cannot_tell: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that shall be done on one instance; `unmanaged` are active servers that it leaves alone.

    The fingerprint covers the instance, the changes and the records that they were made from.
    """

    changes: tuple[PlannedChange, ...]
    unmanaged: tuple[MailServerRecord, ...]
    fingerprint: str

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return all(change.action == "unchanged" for change in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actual:
    """What a plan is made from: the records, which are marked by key, and the secrets' states."""

    servers: tuple[MailServerRecord, ...]
    managed: Mapping[str, int]
    matched: Mapping[str, MailServerRecord | None]
    secrets: Mapping[tuple[str, str], SecretState]


def make_plan(
    target: Target, desired: Sequence[DesiredServer], policy: Policy, actual: Actual
) -> Plan:
    """Compare what shall be with what is. Entries come in the file's order, then those to archive.

    On an instance of a safe role only servers of the file may be active, whatever `unmanaged` says.
    """
    changes = [_change_of(entry, actual) for entry in desired]
    claimed = {record.id for record in actual.matched.values() if record}
    others = [
        record
        for record in actual.servers
        if record.active
        and record.id not in claimed
        and record.owner_user_id is None
        and record.ours is None
    ]
    archives = policy.unmanaged == "archive" or target.role in policy.safe_roles
    if archives:
        changes += [_archived(record, actual) for record in others]
    return Plan(
        changes=tuple(changes),
        unmanaged=() if archives else tuple(others),
        fingerprint=_fingerprint(target, changes, actual),
    )


def _change_of(entry: DesiredServer, actual: Actual) -> PlannedChange:
    record = actual.matched[entry.key]
    states = {name: actual.secrets[entry.key, name] for name, _reference in entry.references}
    fields = _values_changed(entry, record) | {
        name: FieldChange(None if state == SET else SET, state)
        for name, state in states.items()
        if state in {"set", "changed"}
    }
    action = _action(entry, record, fields, actual)
    return PlannedChange(
        action=action,
        key=entry.key,
        server_id=record.id if record else None,
        name=str(entry.values["name"]),
        fields=fields if action != "unchanged" else {},
        cannot_tell=tuple(name for name, state in states.items() if state == "cannot tell"),
    )


def _values_changed(
    entry: DesiredServer, record: MailServerRecord | None
) -> dict[str, FieldChange]:
    if record is None:
        given = entry.values.items()
        return {name: FieldChange(None, it) for name, it in given if name not in SECRET_FIELDS}
    wanted = {"active": True, **entry.values}
    return {
        name: FieldChange(told(record, name), wanted[name]) for name in differing(entry, record)
    }


def _action(
    entry: DesiredServer,
    record: MailServerRecord | None,
    fields: Mapping[str, FieldChange],
    actual: Actual,
) -> PlannedAction:
    is_wanted = entry.values.get("active", True)
    if record is None:
        return "create" if is_wanted else "unchanged"
    if not fields:
        return "unchanged"
    if record.active and not is_wanted:
        return "archive"
    return "update" if actual.managed.get(entry.key) == record.id else "adopt"


def _archived(record: MailServerRecord, actual: Actual) -> PlannedChange:
    keys = [key for key, record_id in actual.managed.items() if record_id == record.id]
    return PlannedChange(
        action="archive",
        key=keys[0] if keys else None,
        server_id=record.id,
        name=record.name,
        fields={"active": FieldChange(before=True, after=False)},
    )


def _fingerprint(target: Target, changes: Sequence[PlannedChange], actual: Actual) -> str:
    told = {
        "instance": [target.url, target.database],
        "changes": [asdict(change) for change in changes],
        "servers": [asdict(record) for record in actual.servers],
        "managed": dict(actual.managed),
    }
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
