"""Guards: what of a plan is unusually large or dangerous, in numbers, before it is written."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.desired import DesiredServer, Policy, Relay
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.target import Target
from remote_mailcfg.model.values import is_loopback
from remote_mailcfg.plan.server_plan import Plan, PlannedChange

#: Of fewer instances or servers a share says nothing.
COUNTED_FROM: Final = 5
#: What a share may be off by, as a float.
TINY: Final = 1e-9
FORCE: Final = "--force"
#: Odoo's own default.
DEFAULT_PORT: Final = 25


@dataclass(frozen=True, slots=True)
class Danger:
    """What is refused of a plan, and the option that allows just that."""

    text: str
    allowed_by: str = FORCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of the instances, or mail servers, that exist in a run would change."""

    of: str
    changed: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a plan is judged by beside itself.

    `production_relays` are those of production; `used_by` tells who uses a server that would be
    archived, by its id.
    """

    target: Target
    production_relays: Collection[Relay]
    neutralized: bool
    used_by: Mapping[int, str]


def production_relays(
    policy: Policy,
    desired: Sequence[DesiredServer],
    targets: Sequence[Target],
    plans: Sequence[tuple[Target, Plan]],
) -> frozenset[Relay]:
    """Return the relays of production.

    Those that the policy names, that an instance of the role production should have (of all
    `targets`), or that it has (of those that are planned).
    """
    production = [target for target in targets if target.role == "production"]
    wanted = [
        it.on(target.name).values
        for target in production
        for it in desired
        if it.fits(target) and it.values.get("active", True)
    ]
    have = [
        _relay(server.smtp_host, server.smtp_port)
        for target, plan in plans
        if target.role == "production"
        for server in plan.servers
        if server.active and server.ours is None and server.smtp_host
    ]
    should_have = [
        _relay(str(host), _port(values.get("smtp_port")))
        for values in wanted
        if (host := values.get("smtp_host"))
    ]
    return frozenset((*policy.production_hosts, *should_have, *have))


def _relay(host: str, port: int) -> Relay:
    """Return the relay of a production server; only on the loopback its port tells it apart."""
    return Relay(host, port if is_loopback(host) else None)


def _port(value: object) -> int:
    return value if isinstance(value, int) else DEFAULT_PORT


def find_dangers(plan: Plan, scene: Scene) -> tuple[Danger, ...]:
    """Return what `apply` refuses of the plan for one instance; see `find_large_shares`, too."""
    return (
        *_last_active(plan),
        *_production_relays(plan, scene),
        *_environment_managed(plan),
        *in_use(plan, scene.used_by),
    )


def count_changes(plans: Iterable[tuple[Target, Plan | None]], policy: Policy) -> tuple[Share, ...]:
    """Return which share of the selected instances, and of their servers, would change.

    Only what exists can change: a new server is no danger, nor is a mark on one. An instance that
    could not be planned (None) is one of the selection. What a safe role has archived by policy is
    not counted among the servers.
    """
    instances = changed_instances = servers = changed_servers = 0
    for target, plan in plans:
        instances += 1
        if plan is None:
            continue
        changes = [it for it in plan.to_do if it.server_id is not None and _changes(it)]
        is_safe = target.role in policy.safe_roles
        changed_instances += bool(changes)
        changed_servers += sum(not (is_safe and it.action == "archive") for it in changes)
        servers += sum(it.ours is None and it.owner_user_id is None for it in plan.servers)
    return (
        Share(of="instances", changed=changed_instances, total=instances),
        Share(of="mail servers", changed=changed_servers, total=servers),
    )


def _changes(change: PlannedChange) -> bool:
    return bool(change.fields) or change.action == "delete"


def find_large_shares(
    shares: Iterable[Share], most: float, said_by: str = "max_changed_share"
) -> tuple[Danger, ...]:
    """Return which shares of a run are larger than `most`, from 0 to 1, and what says so."""
    large = [
        it for it in shares if it.total >= COUNTED_FROM and it.changed > most * it.total + TINY
    ]
    needed = max((math.ceil(100 * it.changed / it.total) for it in large), default=0)
    return tuple(
        Danger(
            f"{it.changed} of {it.total} {it.of} would change, more than {most * 100:g}%"
            f" ({said_by})",
            f"--max-changed {needed}%",
        )
        for it in large
    )


def make_refusal(dangers: Sequence[Danger]) -> RemoteMailcfgError:
    """Return the error for what is refused, with the options that allow just that."""
    options = " ".join(dict.fromkeys(it.allowed_by for it in dangers))
    return RemoteMailcfgError(
        "unsafe-plan",
        "\n".join(it.text for it in dangers),
        f"Review what would change; {options} allows just this, for one run.",
    )


def _last_active(plan: Plan) -> Iterator[Danger]:
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
        yield Danger(
            f"none of the {len(active)} active mail server(s) would be left: Odoo would use"
            " smtp_server of odoo.conf, localhost:25 in the stock images"
        )


def _is_used(server: MailServerRecord) -> bool:
    return server.active and server.ours is None and server.owner_user_id is None


def _production_relays(plan: Plan, scene: Scene) -> Iterator[Danger]:
    role = scene.target.role
    if role in {None, "production"} and not scene.neutralized:
        return
    place = "a neutralized database" if scene.neutralized else f"an instance of the role {role}"
    servers = plan.servers_by_id
    for change in plan.to_do:
        if change.action in {"archive", "delete"}:
            continue
        record = servers.get(change.server_id) or MailServerRecord(id=0, name="")
        host, port, is_active = (
            changed.after if (changed := change.fields.get(name)) else getattr(record, name)
            for name in ("smtp_host", "smtp_port", "active")
        )
        if is_active and any(it.is_at(str(host), _port(port)) for it in scene.production_relays):
            yield Danger(f"{change.name}: {host} is a relay of production, and this is {place}")


def _environment_managed(plan: Plan) -> Iterator[Danger]:
    servers = plan.servers_by_id
    for change in plan.to_do:
        record = servers.get(change.server_id)
        ignored = (
            sorted(set(record.environment_managed).intersection(change.fields)) if record else ()
        )
        if ignored:
            yield Danger(
                f"{change.name}: {', '.join(ignored)} managed by the server's environment, which"
                " ignores every write; --force leaves these as they are"
            )


def in_use(plan: Plan, used_by: Mapping[int, str]) -> Iterator[Danger]:
    """Yield which servers that go are used, and by whom."""
    for change in plan.to_do:
        usage = used_by.get(change.server_id or 0)
        if usage and change.action in {"archive", "delete"}:
            yield Danger(
                f"mail server {change.server_id} '{change.name}' is used by {usage}; point these to"
                " another server first"
            )
