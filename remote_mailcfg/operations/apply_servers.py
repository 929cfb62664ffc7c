"""Apply: carry a plan out on one instance, if the instance still is as it was planned for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from remote_mailcfg.apply.changes import Carried
from remote_mailcfg.config.mail_server import resolve_field
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import fetch_last_writes
from remote_mailcfg.model.desired import DesiredServer
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.model.values import Value
from remote_mailcfg.operations.change_server import look_at, make_changes
from remote_mailcfg.operations.entry import enter_to_change
from remote_mailcfg.operations.plan_servers import (
    LeftAlone,
    PlannedServers,
    Wanted,
    describe_secret,
    plan_records,
    refuse_emptying,
)
from remote_mailcfg.plan.change import SECRET_FIELDS, Change
from remote_mailcfg.plan.server_plan import Plan, PlannedChange

#: What a plan says of a secret that is to be written.
WRITTEN_SECRET = frozenset({"set", "changed"})


@dataclass(frozen=True, slots=True)
class AppliedServers:
    """What was done on one instance: each change of the plan with what became of it.

    `carried` is None for what was not to be changed, or left as it is. `run` is `""` where nothing
    was written. `error` says why the changes could not be made; what was done of them is undone.
    `undoes` is the run that this one takes back.
    """

    changes: tuple[tuple[PlannedChange, Carried | None], ...]
    run: str = ""
    undoes: str = ""
    error: RemoteMailcfgError | None = None


def plan_to_apply(
    target: Target, progress: Progress, secrets: Secrets, *, wanted: Wanted, yes: bool
) -> PlannedServers:
    """Put right what a run that was cut off left, and plan as `plan_servers` does."""
    refuse_emptying(target, wanted)
    with enter_to_change(target, progress) as instance:
        scene = look_at(instance, progress, yes=yes)
        return plan_records(instance, scene.capabilities, scene.servers, secrets, wanted)


def apply_servers(
    target: Target,
    progress: Progress,
    secrets: Secrets,
    *,
    wanted: Wanted,
    plans: Mapping[str, Plan],
    test: bool,
    run: str,
) -> AppliedServers:
    """Carry out the plan for this instance, exactly.

    The instance is read again; raises `stale-plan` where the plan would be another one now, and
    `configuration` for a secret that is to be written and cannot be had.
    """
    planned = plans[target.name]
    with enter_to_change(target, progress) as instance:
        scene = look_at(instance, progress, yes=True)
        again = plan_records(
            instance,
            scene.capabilities,
            scene.servers,
            secrets,
            wanted,
            left_alone=_left_alone(planned),
        ).plan
        if again.fingerprint != planned.fingerprint:
            raise stale(instance, planned.servers, again.servers)
        changes = _changes(planned, wanted.on(target), secrets)
        made = [change for change in changes if change is not None]
        if not made:
            return AppliedServers(tuple((it, None) for it in planned.changes))
        if not test and any(change.needs_proof for change in made):
            progress.note(f"{target.name}: --no-test: no connection is proved before the switch")
        carried_out = make_changes(scene, made, command="apply", test=test, run=run)
    carried = iter(carried_out.changes)
    outcomes = [None if change is None else next(carried) for change in changes]
    return AppliedServers(
        tuple(zip(planned.changes, outcomes, strict=True)), run=run, error=carried_out.error
    )


def stale(
    instance: Instance,
    before: Sequence[MailServerRecord],
    now: Sequence[MailServerRecord],
) -> RemoteMailcfgError:
    """Return the error for a plan that does not hold any more: what differs, by whom and when."""
    was = {it.id: it for it in before if it.ours is None}
    has = {it.id: it for it in now if it.ours is None}
    changed = [it for it in {**was, **has} if was.get(it) != has.get(it)]
    writes = fetch_last_writes(instance, changed) if changed else {}
    told = [
        _difference(was.get(it), has.get(it)) + (f" ({writes[it]})" if it in writes else "")
        for it in sorted(changed)
    ]
    what = "; ".join(told) or "a stored secret, or which servers are marked, is not as it was"
    return RemoteMailcfgError(
        "stale-plan",
        f"this instance is not as it was when it was planned: {what}",
        "Nothing was written. Plan again, and look at what it says now.",
    )


def _difference(was: MailServerRecord | None, has: MailServerRecord | None) -> str:
    if was is None or has is None:
        record = was or has
        assert record is not None  # noqa: S101 - for mypy: one of them is there
        return f"mail server {record.id} '{record.name}' {'is gone' if was else 'is new'}"
    fields = [
        f"{name} was {before!r}, is {getattr(has, name)!r}"
        for name in MailServerRecord.__slots__
        if (before := getattr(was, name)) != getattr(has, name)
    ]
    return f"mail server {was.id} '{was.name}': {', '.join(fields)}"


def _left_alone(plan: Plan) -> LeftAlone:
    return {it.key: it.cannot_tell for it in plan.changes if it.key and it.cannot_tell}


def _changes(
    plan: Plan, desired: Sequence[DesiredServer], secrets: Secrets
) -> tuple[Change | None, ...]:
    """Return what to do for each change of the plan, None where it is nothing.

    Raises one `configuration` error with every secret that cannot be had.
    """
    entries = {entry.key: entry for entry in desired}
    problems: list[str] = []
    found = []
    servers = plan.servers_by_id
    for planned in plan.changes:
        before = servers.get(planned.server_id)
        values = dict(_plain_values(planned, before))
        for name in _secret_fields(planned):
            entry = entries[planned.key or ""]
            what = describe_secret(entry, name)
            reference = dict(entry.references)[name]
            try:
                values[name] = resolve_field(
                    name, reference, folder=entry.folder, secrets=secrets, what=what
                )
            except ConfigurationError as error:
                problems.append(error.message)
        found.append(_change(planned, before, values))
    if problems:
        raise ConfigurationError(
            "configuration", "\n".join(problems), "Nothing was written. It is needed to go on."
        )
    return tuple(found)


def _plain_values(
    planned: PlannedChange, record: MailServerRecord | None
) -> Iterator[tuple[str, Value]]:
    """Yield what is written and no secret; what the environment manages stays as it is."""
    managed = record.environment_managed if record else ()
    for name, change in planned.fields.items():
        is_secret = name in SECRET_FIELDS and change.after in WRITTEN_SECRET
        if not is_secret and name not in managed:
            yield name, change.after


def _secret_fields(planned: PlannedChange) -> Iterator[str]:
    """Yield the secrets that are written; a new server has none yet, so it needs all of them."""
    written = (
        name
        for name, change in planned.fields.items()
        if name in SECRET_FIELDS and change.after in WRITTEN_SECRET
    )
    return chain(written, planned.cannot_tell if planned.action == "create" else ())


def _change(
    planned: PlannedChange, before: MailServerRecord | None, values: Mapping[str, Value]
) -> Change | None:
    if planned.action == "unchanged":
        return None
    marks = planned.action in {"create", "adopt"}
    if not values and not marks:
        return None
    return Change(
        action=planned.action,
        before=before,
        values=values,
        key=planned.key if marks else None,
        reversible=not planned.for_good,
    )
