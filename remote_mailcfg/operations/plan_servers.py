"""Plan: what would have to be done so that an instance has the mail servers of a file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from remote_mailcfg.config.mail_server import resolve_field
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.instance.external_ids import fetch_managed
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import (
    fetch_capabilities,
    fetch_servers,
    fetch_tokens,
    holds,
)
from remote_mailcfg.instance.parameters import fetch_parameters
from remote_mailcfg.instance.usage import fetch_usages
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.desired import DesiredServer, DesiredState
from remote_mailcfg.model.evidence import NEUTRALIZED, is_neutralized
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.model.values import check_values
from remote_mailcfg.operations.entry import enter_instance
from remote_mailcfg.plan.guards import Danger
from remote_mailcfg.plan.matching import differing, match_servers, told
from remote_mailcfg.plan.server_plan import Actual, Plan, SecretState, make_plan

#: Fields of secrets by the key of their entry, that are left as they are.
LeftAlone = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class PlannedServers:
    """The plan for one instance, and why some secrets could not be compared.

    `neutralized` and `used_by` (who uses a server that is to be archived, by its id) are what its
    guards look at; `dangers` is what they found, where anybody looked.
    """

    plan: Plan
    notes: tuple[str, ...]
    neutralized: bool = False
    used_by: Mapping[int, str] = field(default_factory=dict)
    dangers: tuple[Danger, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a plan is made for: the file, and whether others lose their credentials."""

    state: DesiredState
    clear_credentials: bool = False

    def on(self, target: Target) -> list[DesiredServer]:
        """Return the servers that an instance shall have."""
        return [it.on(target.name) for it in self.state.servers if it.fits(target)]

    def references(self, target: Target) -> Iterator[tuple[str, Path, str]]:
        """Yield the references to secrets for an instance, with their folder and what each is."""
        for entry in self.on(target):
            for name, reference in entry.references:
                yield reference, entry.folder, describe_secret(entry, name)


def describe_secret(entry: DesiredServer, field: str) -> str:
    """Return the name of a secret in an error and in a question."""
    return f"{entry.key}: {field}"


def plan_servers(
    target: Target, progress: Progress, secrets: Secrets, *, wanted: Wanted
) -> PlannedServers:
    """Compare the mail servers of `target` with the file; nothing is changed.

    Raises `invalid-value` with all that the instance cannot hold, `ambiguous`, `unsafe-plan` for a
    file without an active server for an instance of a safe role.
    """
    refuse_emptying(target, wanted)
    with enter_instance(target, progress) as instance:
        capabilities = fetch_capabilities(instance)
        servers = fetch_servers(instance, capabilities)
        return plan_records(instance, capabilities, servers, secrets, wanted)


def plan_records(
    instance: Instance,
    capabilities: Capabilities,
    servers: tuple[MailServerRecord, ...],
    secrets: Secrets,
    wanted: Wanted,
    *,
    left_alone: LeftAlone | None = None,
) -> PlannedServers:
    """Compare the records of an instance with what is wanted, as `plan_servers` does.

    Secrets that are `left_alone` are not compared: an earlier plan could not tell.
    """
    target, desired = instance.target, wanted.on(instance.target)
    managed = fetch_managed(instance)
    matched = match_servers(desired, servers, managed)
    _refuse_invalid(desired, matched, capabilities)
    states, notes = _compare_secrets(instance, desired, matched, secrets, left_alone or {})
    actual = Actual(
        servers=servers,
        managed=managed,
        matched=matched,
        secrets=states,
        tokens=fetch_tokens(instance, capabilities) if wanted.clear_credentials else {},
    )
    plan = make_plan(
        target, desired, wanted.state.policy, actual, clear_credentials=wanted.clear_credentials
    )
    neutralized = is_neutralized(fetch_parameters(instance, NEUTRALIZED))
    go = [it.server_id for it in plan.to_do if it.action == "archive" and it.server_id]
    usages = fetch_usages(instance, capabilities, go)
    used_by = {server_id: usage.describe() for server_id, usage in usages.items()}
    return PlannedServers(plan, notes, neutralized=neutralized, used_by=used_by)


def refuse_emptying(target: Target, wanted: Wanted) -> None:
    """Refuse to leave an instance of a safe role without a server: Odoo would use odoo.conf's."""
    state = wanted.state
    active = [it for it in wanted.on(target) if it.values.get("active", True)]
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
        # what the environment manages is a guard's matter: it does not stop a plan
        editable = replace(record, environment_managed=()) if record else None
        found = check_values(values, capabilities, editable)
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
    left_alone: LeftAlone,
) -> tuple[dict[tuple[str, str], SecretState], tuple[str, ...]]:
    """Return the state of each secret by key and field, and why some cannot be told."""
    states: dict[tuple[str, str], SecretState] = {}
    notes: list[str] = []
    for entry in desired:
        for name, reference in entry.references:
            what = describe_secret(entry, name)
            if name in left_alone.get(entry.key, ()):
                states[entry.key, name] = "cannot tell"
                continue
            try:
                value = resolve_field(
                    name, reference, folder=entry.folder, secrets=secrets, what=what
                )
            except ConfigurationError as error:
                states[entry.key, name] = "cannot tell"
                notes.append(error.message)
                continue
            record = matched[entry.key]
            if record is None or not told(record, name):
                states[entry.key, name] = "set"
            else:
                same = holds(instance, record.id, name, value)
                states[entry.key, name] = "unchanged" if same else "changed"
    return states, tuple(notes)
