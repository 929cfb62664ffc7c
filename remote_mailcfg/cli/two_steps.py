"""Commands in two steps: look at every instance, decide on all together, carry it out."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Generic, Protocol, TypeVar

import typer

from remote_mailcfg.cli.terminal import Terminal, can_ask
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.fleet.waves import parse_share
from remote_mailcfg.fleet.worker import Operation
from remote_mailcfg.model.desired import Policy
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import TagUse, Target
from remote_mailcfg.operations.apply_servers import AppliedServers
from remote_mailcfg.operations.change_server import ChangedServer, Decide, Foreseen, foresee
from remote_mailcfg.operations.plan_servers import PlannedServers, Wanted
from remote_mailcfg.plan.guards import (
    COUNTED_FROM,
    FORCE,
    Scene,
    Share,
    count_changes,
    find_dangers,
    find_large_shares,
    make_refusal,
    production_relays,
)
from remote_mailcfg.plan.server_plan import Plan
from remote_mailcfg.report.fleet import make_results
from remote_mailcfg.report.plan import PLAN
from remote_mailcfg.report.table import make_error
from remote_mailcfg.store.plan_file import SavedPlan, save_plans

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
MAX_CHANGED: Final = "--max-changed"
MaxChangedOption = Annotated[
    str,
    typer.Option(
        MAX_CHANGED,
        metavar="SHARE",
        help="Allow this share of instances and servers to change in this run, e.g. 80%.",
    ),
]

P = TypeVar("P")
T = TypeVar("T")
Planned = list[Outcome[PlannedServers]]
#: Finds the dangers of the plans of a run; gets all targets of the inventory, too.
Judge = Callable[[Planned, Sequence[Target]], Planned]


@dataclass(frozen=True, slots=True)
class Planning:
    """A command that plans, and writes nothing; `out` is where the plans are saved."""

    operation: Operation[PlannedServers]
    wanted: Wanted
    out: Path | None = None

    @property
    def tag_uses(self) -> Sequence[TagUse]:
        """The tags of the file."""
        return self.wanted.state.tag_uses

    def finish(
        self,
        outcomes: Sequence[Outcome[PlannedServers]],
        everybody: Sequence[Target],
        terminal: Terminal,
    ) -> Planned:
        """Judge the plans, and save them."""
        judged = judge_plans(self.wanted)([*outcomes], everybody)
        if self.out is not None:
            self._save(self.out, judged, terminal)
        return judged

    def _save(self, out: Path, planned: Planned, terminal: Terminal) -> None:
        """Save the plans, unless no instance has one: that would only spoil an earlier file."""
        plans = {it.target.name: _saved(it.target, it.result) for it in planned if it.result}
        if not plans:
            terminal.problem(f"{out} is not written: there is no plan to save")
            return
        state, clear_credentials = self.wanted.state, self.wanted.clear_credentials
        try:
            save_plans(out, state, plans, clear_credentials=clear_credentials)
        except RemoteMailcfgError as error:
            terminal.fail(make_error("", error))


def _saved(target: Target, result: PlannedServers) -> SavedPlan:
    return SavedPlan(
        target.url, target.database, result.plan, result.neutralized, dict(result.used_by)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed(Generic[T]):
    """What is carried out: an operation on the instances of `names`.

    `settled` are the outcomes of the other instances.
    """

    operation: Operation[T]
    names: Collection[str]
    settled: Mapping[str, Outcome[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps(Generic[P, T]):
    """What to do on the instances of `names`: `plan` first, unless they are `planned` already.

    `agree` gets the plans of all instances and all targets of the inventory, and decides; it asks
    where it has to, and raises `declined` when the answer is no.
    """

    names: Sequence[str]
    plan: Operation[P] | None
    planned: Sequence[Outcome[P]] = ()
    agree: Callable[[list[Outcome[P]], Sequence[Target], Terminal], Agreed[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSteps(Generic[T]):
    """A command that changes instances: `prepare` says how, once the instances are known.

    `names` returns the instances of an inventory where none is chosen. With `holds_inventory` no
    other such run over the same inventory begins meanwhile. `tag_uses` are the tags of its file.
    """

    prepare: Callable[[Sequence[Target]], Steps[Any, T]]
    names: Callable[[Sequence[Target]], Sequence[str]] | None = None
    holds_inventory: bool = True
    tag_uses: Sequence[TagUse] = ()


def parse_max_changed(text: str) -> float | None:
    """Return the share of `--max-changed`, None where it is not given."""
    return parse_share(text, MAX_CHANGED) if text else None


def refuse_unattended(words: str, *, yes: bool) -> None:
    """Raise where the question that a command asks would reach nobody."""
    if not yes and not can_ask():
        raise ConfigurationError(
            "missing-value",
            f"{words} needs confirmation, and there is no terminal to ask on",
            "Pass --yes to confirm.",
        )


def judge_plans(wanted: Wanted, max_changed: float | None = None) -> Judge:
    """Return what finds the dangers of plans for a file.

    `max_changed` takes the place of the policy's share.
    """
    policy = wanted.state.policy

    def judge(planned: Planned, everybody: Sequence[Target]) -> Planned:
        plans = [(it.target, it.result.plan if it.result else None) for it in planned]
        shares = count_changes(plans, policy)
        if max_changed is None:
            large = find_large_shares(shares, policy.max_changed_share)
        else:
            large = find_large_shares(shares, max_changed, MAX_CHANGED)
        known = [(target, plan) for target, plan in plans if plan is not None]
        relays = production_relays(policy, wanted.state.servers, everybody, known)
        judged = []
        for outcome in planned:
            if (result := outcome.result) is not None and not result.plan.is_empty:
                scene = Scene(
                    target=outcome.target,
                    production_relays=relays,
                    neutralized=result.neutralized,
                    used_by=result.used_by,
                )
                result = replace(result, dangers=(*large, *find_dangers(result.plan, scene)))
            judged.append(replace(outcome, result=result))
        return judged

    return judge


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAgreement:
    """Decides on plans: `judge` finds what is dangerous, which `force` lets through, then it asks.

    `yes` answers the question.
    """

    judge: Judge
    carry_out: Callable[[Mapping[str, Plan]], Operation[AppliedServers]]
    yes: bool
    force: bool

    def __call__(
        self, planned: Planned, everybody: Sequence[Target], terminal: Terminal
    ) -> Agreed[AppliedServers]:
        """Return the plans to carry out, and the outcomes where nothing is done."""
        plans: dict[str, Plan] = {}
        settled: dict[str, Outcome[AppliedServers]] = {}
        judged = self.judge(planned, everybody)
        for outcome in judged:
            name, result = outcome.target.name, outcome.result
            if result is None:
                settled[name] = Outcome(outcome.target, error=outcome.error, crash=outcome.crash)
            elif result.plan.is_empty:
                nothing = AppliedServers(tuple((it, None) for it in result.plan.changes))
                settled[name] = Outcome(outcome.target, result=nothing)
            elif refused := self._refused(result):
                settled[name] = Outcome(outcome.target, error=refused)
            else:
                plans[name] = result.plan
        if plans and not self.yes:
            _ask([it for it in judged if it.target.name in plans], terminal)
        return Agreed(operation=self.carry_out(plans), names=plans, settled=settled)

    def _refused(self, result: PlannedServers) -> RemoteMailcfgError | None:
        dangers = [it for it in result.dangers if not (self.force and it.allowed_by == FORCE)]
        return make_refusal(dangers) if dangers else None


def _ask(planned: Planned, terminal: Terminal) -> None:
    """Show the plans, each different one once, and ask."""
    terminal.done()
    for text in make_results(planned, PLAN):
        terminal.show(text)
    count = sum(len(it.result.plan.to_do) for it in planned if it.result is not None)
    instances = planned[0].target.name if len(planned) == 1 else f"{len(planned)} instances"
    if not terminal.confirm(f"Make {count} change(s) on {instances}?"):
        raise RemoteMailcfgError("declined", "nothing was written")


class ChangeNamed(Protocol):
    """What changes one server of an instance, known by its id or name."""

    def __call__(
        self, target: Target, progress: Progress, *, named: str, yes: bool
    ) -> ChangedServer:
        """Change the server and return it as it is then; `yes` answers what it asks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOnEach:
    """A change of one server on each instance; `words` is the command, such as `server update`.

    On several instances it looks at all first, is held to the share that may change, and asks once.
    """

    words: str
    named: str
    decide: Decide
    change: ChangeNamed
    yes: bool
    max_changed: float | None

    def prepare(self, targets: Sequence[Target]) -> Steps[Foreseen, ChangedServer]:
        """Return the steps: one instance is changed at once, as its operation says."""
        names = [target.name for target in targets]
        if len(targets) > 1:
            refuse_unattended(f"{self.words} on {len(targets)} instances", yes=self.yes)
            return Steps(names=names, plan=partial(foresee, decide=self.decide), agree=self._agree)
        at_once = Agreed(
            operation=partial(self.change, named=self.named, yes=self.yes), names=names, settled={}
        )
        return Steps(names=names, plan=None, agree=lambda *_: at_once)

    def _agree(
        self, foreseen: list[Outcome[Foreseen]], _everybody: Sequence[Target], terminal: Terminal
    ) -> Agreed[ChangedServer]:
        ids: dict[str, int] = {}
        settled: dict[str, Outcome[ChangedServer]] = {}
        for outcome in foreseen:
            name, result = outcome.target.name, outcome.result
            if result is None:
                settled[name] = Outcome(outcome.target, error=outcome.error, crash=outcome.crash)
            elif result.changes is None:
                settled[name] = Outcome(outcome.target, result=result.left)
            else:
                ids[name] = result.changes.id
        if refusal := self._refusal(foreseen, len(ids)):
            refused = [it.target for it in foreseen if it.target.name in ids]
            settled |= {target.name: Outcome(target, error=refusal) for target in refused}
            ids = {}
        if ids and not self.yes:
            self._ask(len(ids), len(foreseen), terminal)

        def change(target: Target, progress: Progress) -> ChangedServer:
            return self.change(target, progress, named=str(ids[target.name]), yes=True)

        return Agreed(operation=change, names=ids, settled=settled)

    def _refusal(
        self, foreseen: Sequence[Outcome[Foreseen]], changed: int
    ) -> RemoteMailcfgError | None:
        """Return what refuses a share that is too large; only five instances or more have one."""
        if len(foreseen) < COUNTED_FROM:
            return None
        servers = sum(it.result.servers for it in foreseen if it.result is not None)
        shares = (
            Share(of="instances", changed=changed, total=len(foreseen)),
            Share(of="mail servers", changed=changed, total=servers),
        )
        if self.max_changed is None:
            large = find_large_shares(shares, Policy().max_changed_share, "the default")
        else:
            large = find_large_shares(shares, self.max_changed, MAX_CHANGED)
        return make_refusal(large) if large else None

    def _ask(self, count: int, total: int, terminal: Terminal) -> None:
        verb = self.words.rpartition(" ")[2].capitalize()
        if not terminal.confirm(
            f"{verb} mail server '{self.named}' on {count} of {total} instances?"
        ):
            raise RemoteMailcfgError("declined", "nothing was written")
