"""Plan: what would have to be done so that an instance has the mail servers of a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remote_mailcfg.config.mail_server import resolve_field
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.instance.external_ids import fetch_managed
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import fetch_capabilities, fetch_servers, holds
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.desired import DesiredServer, DesiredState
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.model.values import check_values
from remote_mailcfg.operations.entry import enter_instance
from remote_mailcfg.plan.matching import differing, match_servers, told
from remote_mailcfg.plan.server_plan import Actual, Plan, SecretState, make_plan


@dataclass(frozen=True, slots=True)
class PlannedServers:
    """The plan for one instance, and why some secrets could not be compared."""

    plan: Plan
    notes: tuple[str, ...]


def plan_servers(
    target: Target, progress: Progress, secrets: Secrets, *, state: DesiredState
) -> PlannedServers:
    """Compare the mail servers of `target` with the file; nothing is changed.

    Raises `invalid-value` with all that the instance cannot hold, `ambiguous`, `unsafe-plan` for a
    file without an active server for an instance of a safe role.
    """
    desired = [it.on(target.name) for it in state.servers if it.fits(target)]
    _refuse_emptying(target, desired, state)
    with enter_instance(target, progress) as instance:
        capabilities = fetch_capabilities(instance)
        servers = fetch_servers(instance, capabilities)
        managed = fetch_managed(instance)
        matched = match_servers(desired, servers, managed)
        _refuse_invalid(desired, matched, capabilities)
        states, notes = _compare_secrets(instance, desired, matched, secrets)
    actual = Actual(servers=servers, managed=managed, matched=matched, secrets=states)
    return PlannedServers(make_plan(target, desired, state.policy, actual), notes)


def _refuse_emptying(target: Target, desired: Sequence[DesiredServer], state: DesiredState) -> None:
    """Refuse to leave an instance of a safe role without a server: Odoo would use odoo.conf's."""
    active = [it for it in desired if it.values.get("active", True)]
    if target.role in state.policy.safe_roles and not active:
        raise RemoteMailcfgError(
            "unsafe-plan",
            f"{state.path.name} names no active mail server for an instance of the role"
            f" {target.role}, and all others would be archived: Odoo would use odoo.conf's",
            "Add one that catches all mail of such instances.",
        )


def _refuse_invalid(
    desired: Sequence[DesiredServer],
    matched: Mapping[str, MailServerRecord | None],
    capabilities: Capabilities,
) -> None:
    """Refuse what the instance cannot hold; what a record has already is not looked at."""
    problems: list[str] = []
    for entry in desired:
        record = matched[entry.key]
        written = differing(entry, record) if record else entry.values
        values = {field: it for field, it in entry.values.items() if field in written}
        values = {**values, **dict(entry.references)}
        values.pop("active", None)
        found = check_values(values, capabilities, record)
        problems += [f"{entry.key}: {problem}" for problem in found]
    if problems:
        raise ConfigurationError(
            "invalid-value", "\n".join(problems), "Nothing was written. Correct the file."
        )


def _compare_secrets(
    instance: Instance,
    desired: Sequence[DesiredServer],
    matched: Mapping[str, MailServerRecord | None],
    secrets: Secrets,
) -> tuple[dict[tuple[str, str], SecretState], tuple[str, ...]]:
    """Return the state of each secret by key and field, and why some cannot be told."""
    states: dict[tuple[str, str], SecretState] = {}
    notes: list[str] = []
    for entry in desired:
        for field, reference in entry.references:
            what = f"{entry.key}: {field}"
            try:
                value = resolve_field(
                    field, reference, folder=entry.folder, secrets=secrets, what=what
                )
            except ConfigurationError as error:
                states[entry.key, field] = "cannot tell"
                notes.append(error.message)
                continue
            record = matched[entry.key]
            if record is None or not told(record, field):
                states[entry.key, field] = "set"
            else:
                same = holds(instance, record.id, field, value)
                states[entry.key, field] = "unchanged" if same else "changed"
    return states, tuple(notes)
