"""Plan: what would have to be done so that an instance has the mail servers of a file."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from remote_mailcfg.plan.change import BINARY_FIELDS
from remote_mailcfg.plan.matching import match_servers
from remote_mailcfg.plan.server_plan import Actual, Plan, SecretState, make_plan
from remote_mailcfg.secret import Secret


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
    problems = [
        f"{entry.key}: {problem}"
        for entry in desired
        for problem in check_values(
            {field: value for field, value in entry.values.items() if field != "active"},
            capabilities,
            matched[entry.key],
        )
    ]
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
                secret = secrets.resolve(reference, folder=entry.folder, what=what)
            except ConfigurationError as error:
                states[entry.key, field] = "cannot tell"
                notes.append(error.message)
                continue
            record = matched[entry.key]
            states[entry.key, field] = _state_of(instance, record, field, secret)
    return states, tuple(notes)


def _state_of(
    instance: Instance, record: MailServerRecord | None, field: str, secret: Secret
) -> SecretState:
    is_set = record is not None and getattr(
        record, field if field in BINARY_FIELDS else "has_password"
    )
    if record is None or not is_set:
        return "set"
    stored = secret
    if field in BINARY_FIELDS:
        stored = Secret(base64.b64encode(secret.reveal().encode()).decode())
    return "unchanged" if holds(instance, record.id, field, stored) else "changed"
