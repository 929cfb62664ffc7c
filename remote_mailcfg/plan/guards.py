"""Guards: what of a plan is unusually large or dangerous, in numbers, before it is written."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.desired import DesiredServer, Policy
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.target import Target
from remote_mailcfg.plan.server_plan import Plan

#: Of fewer instances or servers a share says nothing.
COUNTED_FROM: Final = 5
FORCE: Final = "Look at it with `remote-mailcfg plan`; --force carries it out all the same."


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a plan is judged by beside itself.

    `production_hosts` are the relays of production, in lower case; `used_by` tells who uses a
    server that would be archived, by its id.
    """

    target: Target
    policy: Policy
    production_hosts: Collection[str]
    neutralized: bool
    used_by: Mapping[int, str]


def production_hosts(
    policy: Policy,
    desired: Sequence[DesiredServer],
    targets: Sequence[Target],
    plans: Sequence[tuple[Target, Plan]],
) -> frozenset[str]:
    """Return the relays of production, in lower case.

    Those that the policy names, that an instance of the role production shall have (of all
    `targets`), or that it has (of those that are planned).
    """
    production = [target for target in targets if target.role == "production"]
    shall_have = [
        str(it.on(target.name).values.get("smtp_host", ""))
        for target in production
        for it in desired
        if it.fits(target) and it.values.get("active", True)
    ]
    have = [
        server.smtp_host
        for target, plan in plans
        if target.role == "production"
        for server in plan.servers
        if server.active and server.ours is None
    ]
    hosts = (*policy.production_hosts, *shall_have, *have)
    return frozenset(host.lower() for host in hosts if host)


def find_dangers(plan: Plan, scene: Scene) -> tuple[str, ...]:
    """Return what `apply` refuses of the plan for one instance unless it is forced."""
    return (
        *_large_share(plan, scene),
        *_last_active(plan),
        *_production_relays(plan, scene),
        *_environment_managed(plan),
        *in_use(plan, scene.used_by),
    )


def refuse_share_of_instances(changed: int, total: int, policy: Policy) -> None:
    """Raise `unsafe-plan` where too large a share of the instances of a run would change."""
    if total >= COUNTED_FROM and changed > policy.max_changed_share * total:
        raise RemoteMailcfgError(
            "unsafe-plan",
            f"{changed} of {total} instances would change, more than"
            f" {policy.max_changed_share:.0%} (max_changed_share)",
            FORCE,
        )


def _large_share(plan: Plan, scene: Scene) -> Iterator[str]:
    """Count the servers that would change; not those that a safe role has archived by policy."""
    policy = scene.policy
    servers = [it for it in plan.servers if it.ours is None and it.owner_user_id is None]
    is_safe = scene.target.role in policy.safe_roles
    changed = [
        change
        for change in plan.to_do
        if change.server_id is not None and not (is_safe and change.action == "archive")
    ]
    total = len(servers)
    if total >= COUNTED_FROM and len(changed) > policy.max_changed_share * total:
        yield (
            f"{len(changed)} of {total} mail servers would change, more than"
            f" {policy.max_changed_share:.0%} (max_changed_share)"
        )


def _last_active(plan: Plan) -> Iterator[str]:
    active = {it.id for it in plan.servers if _is_used(it)}
    after = set(active)
    for change in plan.to_do:
        if change.action == "create":
            return
        becomes = change.fields.get("active")
        if change.action == "delete" or (becomes and not becomes.after):
            after.discard(change.server_id or 0)
        elif becomes:
            after.add(change.server_id or 0)
    if active and not after:
        yield (
            f"none of the {len(active)} active mail server(s) would be left: Odoo would use"
            " smtp_server of odoo.conf, localhost:25 in the stock images"
        )


def _is_used(server: MailServerRecord) -> bool:
    return server.active and server.ours is None and server.owner_user_id is None


def _production_relays(plan: Plan, scene: Scene) -> Iterator[str]:
    role = scene.target.role
    if role in {None, "production"} and not scene.neutralized:
        return
    place = "a neutralized database" if scene.neutralized else f"an instance of the role {role}"
    for change in plan.to_do:
        if change.action in {"archive", "delete"}:
            continue
        record = plan.server(change.server_id)
        host = change.fields.get("smtp_host")
        name = str(host.after if host else record.smtp_host if record else "")
        active = change.fields.get("active")
        is_active = active.after if active else record.active if record else True
        if is_active and name.lower() in scene.production_hosts:
            yield f"{change.name}: {name} is a relay of production, and this is {place}"


def _environment_managed(plan: Plan) -> Iterator[str]:
    for change in plan.to_do:
        record = plan.server(change.server_id)
        ignored = (
            sorted(set(record.environment_managed).intersection(change.fields)) if record else ()
        )
        if ignored:
            yield (
                f"{change.name}: {', '.join(ignored)} managed by the server's environment, which"
                " ignores every write; --force leaves these as they are"
            )


def in_use(plan: Plan, used_by: Mapping[int, str]) -> Iterator[str]:
    """Yield which servers that go are used, and by whom."""
    for change in plan.to_do:
        usage = used_by.get(change.server_id or 0)
        if usage and change.action in {"archive", "delete"}:
            yield (
                f"mail server {change.server_id} '{change.name}' is used by {usage}; point these to"
                " another server first"
            )
