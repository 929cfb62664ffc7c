"""The plan for one instance: what differs between its mail servers and the file, as data."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from remote_mailcfg.model.desired import DesiredServer, Policy
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.target import Target
from remote_mailcfg.model.values import TOKEN_AUTHENTICATIONS
from remote_mailcfg.plan.change import BINARY_FIELDS, SECRET_FIELDS
from remote_mailcfg.plan.matching import differing, told

PlannedAction = Literal["create", "adopt", "update", "archive", "unarchive", "delete", "unchanged"]

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
    `for_good`: the credentials that it empties shall not be kept anywhere.
    """

    action: PlannedAction
    key: str | None
    server_id: int | None
    name: str
    fields: Mapping[str, FieldChange] = field(default_factory=dict)
    cannot_tell: tuple[str, ...] = ()
    for_good: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that shall be done on one instance; `unmanaged` are active servers that it leaves alone.

    `servers` are the records that it was made from, and `managed` those marked as ours, by key. The
    fingerprint covers the instance, the changes and these.
    """

    changes: tuple[PlannedChange, ...]
    unmanaged: tuple[MailServerRecord, ...] = ()
    servers: tuple[MailServerRecord, ...]
    managed: Mapping[str, int]
    fingerprint: str

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.to_do

    @property
    def to_do(self) -> tuple[PlannedChange, ...]:
        """The changes that are to be made."""
        return tuple(change for change in self.changes if change.action != "unchanged")

    @property
    def servers_by_id(self) -> dict[int | None, MailServerRecord]:
        """The records that it was made from, by id; made anew each time."""
        return {server.id: server for server in self.servers}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actual:
    """What a plan is made from: the records, which are marked by key, and the secrets' states.

    `tokens` are the fields of Gmail's and Outlook's tokens that are set, by record.
    """

    servers: tuple[MailServerRecord, ...]
    managed: Mapping[str, int]
    matched: Mapping[str, MailServerRecord | None]
    secrets: Mapping[tuple[str, str], SecretState]
    tokens: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def make_plan(
    target: Target,
    desired: Sequence[DesiredServer],
    policy: Policy,
    actual: Actual,
    *,
    clear_credentials: bool = False,
) -> Plan:
    """Compare what shall be with what is. Entries come in the file's order, then those to archive.

    On an instance of a safe role only servers of the file may be active, whatever `unmanaged` says;
    with `clear_credentials` the others there hold no credentials either, archived ones included.
    """
    changes = [_change_of(entry, actual) for entry in desired]
    claimed = {record.id for record in actual.matched.values() if record}
    others = [
        record
        for record in actual.servers
        if record.id not in claimed and record.owner_user_id is None and record.ours is None
    ]
    active = [record for record in others if record.active]
    is_safe = target.role in policy.safe_roles
    archives = policy.unmanaged == "archive" or is_safe
    if is_safe and clear_credentials:
        keys = _keys(actual)
        changes += [it for record in others if (it := _emptied(record, actual, keys)) is not None]
    elif archives:
        keys = _keys(actual)
        changes += [_archived(record, keys) for record in active]
    return Plan(
        changes=tuple(changes),
        unmanaged=() if archives else tuple(active),
        servers=actual.servers,
        managed=dict(actual.managed),
        fingerprint=fingerprint(target, changes, actual.servers, actual.managed),
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


def _keys(actual: Actual) -> dict[int, str]:
    """Return the key of each marked record, by id; of several marks the first."""
    return {record_id: key for key, record_id in reversed(list(actual.managed.items()))}


def _archived(record: MailServerRecord, keys: Mapping[int, str]) -> PlannedChange:
    return PlannedChange(
        action="archive",
        key=keys.get(record.id),
        server_id=record.id,
        name=record.name,
        fields={"active": FieldChange(before=True, after=False)},
    )


def _emptied(
    record: MailServerRecord, actual: Actual, keys: Mapping[int, str]
) -> PlannedChange | None:
    """Return the change that archives a record and empties its credentials; None: it is so.

    Of Gmail and Outlook the user name stays, which Odoo demands with them, and the tokens go.
    """
    wanted: dict[str, Any] = {"active": False}
    if record.smtp_authentication == "certificate":
        wanted |= {"smtp_authentication": "login"}
    if record.smtp_authentication in TOKEN_AUTHENTICATIONS:
        wanted |= dict.fromkeys(actual.tokens.get(record.id, ()), "")
    elif record.smtp_authentication != "cli":
        wanted |= dict.fromkeys(("smtp_user", "smtp_pass", *BINARY_FIELDS), "")
    held = dict.fromkeys(actual.tokens.get(record.id, ()), SET)
    fields = {
        name: FieldChange(before, it)
        for name, it in wanted.items()
        if (before := held.get(name) or told(record, name)) != it
    }
    if not fields:
        return None
    return replace(_archived(record, keys), fields=fields, for_good=True)


def fingerprint(
    target: Target,
    changes: Sequence[PlannedChange],
    servers: Sequence[MailServerRecord],
    managed: Mapping[str, int],
) -> str:
    """Return what tells a plan from any other; secrets and our own records have no part in it."""
    told = {
        "instance": [target.url, target.database],
        "changes": [asdict(change) for change in changes],
        "servers": [asdict(record) for record in servers if record.ours is None],
        "managed": dict(managed),
    }
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
