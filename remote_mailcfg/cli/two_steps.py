"""Commands in two steps: plan on every instance, look at the plans together, carry them out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from remote_mailcfg.cli.terminal import Terminal, can_ask
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.fleet.worker import Operation
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.apply_servers import AppliedServers
from remote_mailcfg.operations.plan_servers import PlannedServers, Wanted
from remote_mailcfg.plan.guards import (
    FORCE,
    Scene,
    find_dangers,
    production_hosts,
    refuse_share_of_instances,
)
from remote_mailcfg.plan.server_plan import Plan
from remote_mailcfg.report.fleet import make_results
from remote_mailcfg.report.plan import PLAN
from remote_mailcfg.store.plan_file import SavedPlan, save_plans

Planned = list[Outcome[PlannedServers]]
#: Says of the plans of a run what is dangerous in each; gets all targets of the inventory, too.
Judge = Callable[[Planned, Sequence[Target]], Planned]


@dataclass(frozen=True, slots=True)
class Planning:
    """A command that plans, and writes nothing; `out` is where the plans are saved."""

    operation: Operation[PlannedServers]
    wanted: Wanted
    out: Path | None = None

    def finish(
        self,
        outcomes: Sequence[Outcome[PlannedServers]],
        everybody: Sequence[Target],
        terminal: Terminal,
    ) -> Planned:
        """Judge the plans, and save them."""
        del terminal
        judged = judge_plans(self.wanted)([*outcomes], everybody)
        if self.out is not None:
            save_plans(
                self.out,
                self.wanted.state,
                {it.target.name: _saved(it.target, it.result) for it in judged if it.result},
                clear_credentials=self.wanted.clear_credentials,
            )
        return judged


def _saved(target: Target, result: PlannedServers) -> SavedPlan:
    return SavedPlan(
        target.url, target.database, result.plan, result.neutralized, dict(result.used_by)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What to do on the instances of `names`: `plan` first, where `plans` are not there already.

    `check` raises for plans that shall not be carried out together.
    """

    names: Sequence[str]
    plan: Operation[PlannedServers] | None
    plans: Mapping[str, PlannedServers] = field(default_factory=dict)
    judge: Judge
    check: Callable[[Planned], None]
    carry_out: Callable[[Mapping[str, Plan]], Operation[AppliedServers]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSteps:
    """A command that changes instances: `prepare` says how, once the instances are known.

    `names` are the instances where none is chosen. `yes` answers the question, `force` carries out
    what is dangerous.
    """

    prepare: Callable[[Sequence[Target]], Steps]
    names: Sequence[str] = ()
    yes: bool
    force: bool


def refuse_unattended(words: str, *, yes: bool) -> None:
    """Raise where the question that a command asks would reach nobody."""
    if not yes and not can_ask():
        raise ConfigurationError(
            "missing-value", f"{words} asks, and nobody can be asked here", "Give --yes."
        )


def judge_plans(wanted: Wanted) -> Judge:
    """Return what finds the dangers of plans for a file."""

    def judge(planned: Planned, everybody: Sequence[Target]) -> Planned:
        policy = wanted.state.policy
        plans = [(it.target, it.result.plan) for it in planned if it.result is not None]
        hosts = production_hosts(policy, wanted.state.servers, everybody, plans)
        return [
            replace(it, result=_judged(it.result, it.target, wanted, hosts))
            if it.result is not None
            else it
            for it in planned
        ]

    return judge


def _judged(
    result: PlannedServers, target: Target, wanted: Wanted, hosts: frozenset[str]
) -> PlannedServers:
    scene = Scene(
        target=target,
        policy=wanted.state.policy,
        production_hosts=hosts,
        neutralized=result.neutralized,
        used_by=result.used_by,
    )
    return replace(result, dangers=find_dangers(result.plan, scene))


def check_share(wanted: Wanted, *, force: bool) -> Callable[[Planned], None]:
    """Return what raises where too many of the instances would change."""

    def check(planned: Planned) -> None:
        if not force:
            changed = sum(it.result is not None and not it.result.plan.is_empty for it in planned)
            refuse_share_of_instances(changed, len(planned), wanted.state.policy)

    return check


def settle(
    planned: Planned, steps: Steps, command: TwoSteps, terminal: Terminal
) -> tuple[dict[str, Plan], dict[str, Outcome[AppliedServers]]]:
    """Return the plans to carry out, and the outcomes of instances that nothing is done on.

    Asks unless it is to go on; raises `declined` when the answer is no.
    """
    plans: dict[str, Plan] = {}
    settled: dict[str, Outcome[AppliedServers]] = {}
    for outcome in planned:
        name, result = outcome.target.name, outcome.result
        if result is None:
            settled[name] = Outcome(outcome.target, error=outcome.error, crash=outcome.crash)
        elif result.plan.is_empty:
            nothing = AppliedServers(tuple((it, None) for it in result.plan.changes))
            settled[name] = Outcome(outcome.target, result=nothing)
        elif result.dangers and not command.force:
            error = RemoteMailcfgError("unsafe-plan", "\n".join(result.dangers), FORCE)
            settled[name] = Outcome(outcome.target, error=error)
        else:
            plans[name] = result.plan
    try:
        steps.check(planned)
    except RemoteMailcfgError as error:
        refused = {
            it.target.name: Outcome[AppliedServers](it.target, error=error) for it in planned
        }
        settled |= {name: refused[name] for name in plans}
        plans = {}
    if plans and not command.yes:
        _ask([it for it in planned if it.target.name in plans], terminal)
    return plans, settled


def _ask(planned: Planned, terminal: Terminal) -> None:
    """Show the plans, each different one once, and ask."""
    terminal.done()
    for text in make_results(planned, PLAN):
        terminal.show(text)
    count = sum(len(it.result.plan.to_do) for it in planned if it.result is not None)
    instances = planned[0].target.name if len(planned) == 1 else f"{len(planned)} instances"
    if not terminal.confirm(f"Make {count} change(s) on {instances}?"):
        raise RemoteMailcfgError("declined", "nothing was written")
