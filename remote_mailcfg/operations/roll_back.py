"""Roll back: undo a run on one instance from its journal, by the same way that it was made."""

from collections.abc import Mapping
from dataclasses import dataclass

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.instance.external_ids import fetch_managed
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.usage import fetch_usages
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.apply_servers import AppliedServers, stale
from remote_mailcfg.operations.change_server import Scene, look_at, make_changes
from remote_mailcfg.operations.entry import enter_to_change
from remote_mailcfg.operations.plan_servers import PlannedServers
from remote_mailcfg.plan.rollback import WayBack, plan_way_back
from remote_mailcfg.plan.server_plan import Plan, fingerprint
from remote_mailcfg.store.runs import find_run


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """Which run is undone; `force` also where somebody changed what it left."""

    undoes: str
    force: bool


def plan_to_roll_back(
    target: Target, progress: Progress, *, way_out: WayOut, yes: bool
) -> PlannedServers:
    """Tell what undoes a run on this instance; nothing is written but what a cut off run needs.

    Raises `not-found` for a run that the journal does not know, `stale-plan` where what it left is
    not there any more.
    """
    with enter_to_change(target, progress) as instance:
        scene = look_at(instance, progress, yes=yes)
        way_back, plan = _plan(instance, scene, way_out)
        go = [
            it.server_id
            for it in plan.to_do
            if it.action in {"archive", "delete"} and it.server_id is not None
        ]
        usages = fetch_usages(instance, scene.capabilities, go)
        used_by = {server_id: usage.describe() for server_id, usage in usages.items()}
        return PlannedServers(plan, way_back.lost, used_by=used_by)


def roll_back(
    target: Target,
    progress: Progress,
    *,
    way_out: WayOut,
    plans: Mapping[str, Plan],
    test: bool,
    run: str,
) -> AppliedServers:
    """Undo a run on this instance as it was planned; raises `stale-plan`."""
    planned = plans[target.name]
    with enter_to_change(target, progress) as instance:
        scene = look_at(instance, progress, yes=True)
        way_back, again = _plan(instance, scene, way_out)
        if again.fingerprint != planned.fingerprint:
            raise stale(instance, planned.servers, again.servers)
        changes = [change for _planned, change in way_back.changes]
        carried_out = make_changes(
            scene, changes, command="rollback", test=test, run=run, undoes=way_out.undoes
        )
    error = carried_out.error
    if error is not None and error.code == "test-failed":
        error.hint = (
            f"The old state does not pass its test any more; --no-test writes it. {error.hint}"
        )
    return AppliedServers(
        tuple(zip(planned.changes, carried_out.changes, strict=True)),
        run=run,
        undoes=way_out.undoes,
        error=error,
    )


def _plan(instance: Instance, scene: Scene, way_out: WayOut) -> tuple[WayBack, Plan]:
    target = instance.target
    run = find_run(target, way_out.undoes)
    if run.state == "taken back":
        raise RemoteMailcfgError("stale-plan", f"run {run.name} is taken back already")
    done = [change for change in run.changes if change.outcome == "done"]
    way_back = plan_way_back(done, scene.servers, force=way_out.force)
    changes = tuple(planned for planned, _change in way_back.changes)
    managed = fetch_managed(instance)
    servers: tuple[MailServerRecord, ...] = scene.servers
    plan = Plan(
        changes=changes,
        servers=servers,
        managed=managed,
        fingerprint=fingerprint(target, changes, servers, managed),
    )
    return way_back, plan
