"""`remote-mailcfg apply` and `rollback`: carry a plan out, and undo a run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from remote_mailcfg.apply.run import new_run_name
from remote_mailcfg.cli.command import instance_command
from remote_mailcfg.cli.plan import ClearOption
from remote_mailcfg.cli.two_steps import (
    MaxChangedOption,
    PlanAgreement,
    Planned,
    Steps,
    TwoSteps,
    YesOption,
    judge_plans,
    parse_max_changed,
    refuse_unattended,
)
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.fleet.worker import WithSecrets
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.apply_servers import AppliedServers, apply_servers, plan_to_apply
from remote_mailcfg.operations.plan_servers import PlannedServers, Wanted
from remote_mailcfg.operations.roll_back import WayOut, plan_to_roll_back, roll_back
from remote_mailcfg.plan.guards import in_use
from remote_mailcfg.report.apply import APPLIED
from remote_mailcfg.store.plan_file import PlanFile, load_plans
from remote_mailcfg.store.runs import find_run_name, last_standing, load_runs

TestOption = Annotated[
    bool,
    typer.Option("--test/--no-test", help="Prove connections on the instance before the switch."),
]


def register(root: typer.Typer) -> None:
    """Add the commands to the root command."""

    @instance_command(
        root,
        "apply",
        APPLIED,
        keeps_here=True,
        example="remote-mailcfg apply mail-servers.toml --all --waves 1,10%,100%",
    )
    def _apply(
        _environment: Environment,
        file: Annotated[
            Path | None, typer.Argument(metavar="FILE", help="The desired mail servers.")
        ] = None,
        plan: Annotated[
            Path | None,
            typer.Option("--plan", metavar="PLAN", help="Carry out a saved plan, exactly that."),
        ] = None,
        yes: YesOption = False,
        force: Annotated[
            bool,
            typer.Option("--force", help="Override the safety checks, but not --max-changed."),
        ] = False,
        max_changed: MaxChangedOption = "",
        test: TestOption = True,
        clear_credentials: ClearOption = False,
    ) -> TwoSteps[AppliedServers]:
        """Make the mail servers of instances what FILE says: prove, switch, verify, journal.

        Plans, shows the plan and asks. On each instance all is done or nothing: where one change
        fails, those before it are undone. A plan that is not what the instance would need any more
        is refused. `rollback` undoes the run.
        """
        saved = load_plans(plan) if plan else None
        refuse_unattended("apply", yes=yes)
        if (file is None) == (plan is None):
            raise ConfigurationError(
                "missing-value", "apply takes a FILE, or a saved plan with --plan PLAN"
            )
        if plan is not None and clear_credentials:
            raise ConfigurationError(
                "configuration", "--clear-credentials belongs to the plan: give it when planning"
            )
        how = How(
            yes=yes,
            force=force,
            test=test,
            max_changed=parse_max_changed(max_changed),
        )
        if saved is not None:
            prepare = partial(_saved_steps, saved=saved, how=how)
            return TwoSteps(prepare=prepare, names=lambda _targets: [*saved.instances])
        assert file is not None  # noqa: S101 - for mypy: one of the two is given
        from remote_mailcfg.config.desired import load_desired  # noqa: PLC0415 - slow to load

        wanted = Wanted(state=load_desired(file), clear_credentials=clear_credentials)
        return TwoSteps(
            prepare=partial(_steps, wanted=wanted, how=how), tag_uses=wanted.state.tag_uses
        )

    @instance_command(
        root,
        "rollback",
        APPLIED,
        keeps_here=True,
        example="remote-mailcfg rollback --all --yes",
    )
    def _rollback(
        _environment: Environment,
        run: Annotated[
            str,
            typer.Argument(
                metavar="RUN", help="Its name or how it begins; default: the last that wrote."
            ),
        ] = "",
        yes: YesOption = False,
        force: Annotated[
            bool,
            typer.Option("--force", help="Also where somebody changed since what the run left."),
        ] = False,
        test: TestOption = True,
    ) -> TwoSteps[AppliedServers]:
        """Undo a run on the chosen instances, passwords included, from its journal.

        With RUN and nothing chosen, on the instances of the inventory that the run changed. Shows
        what it will do and asks. The old state is proved as a new one is; where it does not pass
        any more, --no-test writes it. `runs` lists the runs.
        """
        refuse_unattended("rollback", yes=yes)
        how = How(yes=yes, force=force, test=test)
        names = partial(_instances_of, named=run) if run else None
        return TwoSteps(prepare=partial(_way_back, named=run, how=how), names=names)


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What a change may do: without asking, although it is dangerous, and whether it proves.

    `max_changed` takes the place of the policy's share, None leaves that.
    """

    yes: bool
    force: bool
    test: bool
    max_changed: float | None = None


def _steps(
    targets: Sequence[Target], *, wanted: Wanted, how: How
) -> Steps[PlannedServers, AppliedServers]:
    run = new_run_name()
    return Steps(
        names=[target.name for target in targets],
        plan=WithSecrets(partial(plan_to_apply, wanted=wanted, yes=how.yes), wanted.references),
        agree=PlanAgreement(
            judge=judge_plans(wanted, how.max_changed),
            carry_out=lambda plans: WithSecrets(
                partial(apply_servers, wanted=wanted, plans=plans, test=how.test, run=run),
                wanted.references,
            ),
            yes=how.yes,
            force=how.force,
        ),
    )


def _saved_steps(
    targets: Sequence[Target], *, saved: PlanFile, how: How
) -> Steps[PlannedServers, AppliedServers]:
    """Return the steps for the instances of a saved plan; a selection narrows it."""
    chosen = [target for target in targets if target.name in saved.instances]
    wrong = [it.name for it in chosen if not saved.instances[it.name].is_for(it)]
    if wrong or not chosen:
        raise ConfigurationError(
            "configuration",
            f"the plan is for another address or database of {', '.join(wrong)}"
            if wrong
            else f"the plan is for {', '.join(saved.instances)}, none of which is chosen",
            "Plan again.",
        )
    wanted = Wanted(state=saved.state, clear_credentials=saved.clear_credentials)
    planned = [
        Outcome(
            target,
            result=PlannedServers(it.plan, (), neutralized=it.neutralized, used_by=it.used_by),
        )
        for target in chosen
        if (it := saved.instances[target.name])
    ]
    return replace(_steps(chosen, wanted=wanted, how=how), plan=None, planned=planned)


def _way_back(
    targets: Sequence[Target], *, named: str, how: How
) -> Steps[PlannedServers, AppliedServers]:
    """Return what undoes a run on those of the instances that it was on."""
    undoes = find_run_name(targets, named) if named else _last_run(targets)
    names = _instances_of(targets, named=undoes)
    way_out = WayOut(undoes=undoes, force=how.force)
    run = new_run_name()
    return Steps(
        names=names,
        plan=partial(plan_to_roll_back, way_out=way_out, yes=how.yes),
        agree=PlanAgreement(
            judge=_judge_way_back,
            carry_out=lambda plans: partial(
                roll_back, way_out=way_out, plans=plans, test=how.test, run=run
            ),
            yes=how.yes,
            force=how.force,
        ),
    )


def _instances_of(targets: Sequence[Target], *, named: str) -> list[str]:
    """Return the names of the instances that a run was on; raises `not-found`.

    One instance may have two names in an inventory: the one that the run was on counts.
    """
    name = find_run_name(targets, named)
    found = [(it, run) for it in targets for run in load_runs(it) if run.name == name]
    same = [target.name for target, run in found if run.instance == target.name]
    return same or [target.name for target, _run in found]


def _last_run(targets: Sequence[Target]) -> str:
    """Return the last run that wrote anything on any of the instances, and still stands."""
    runs = [load_runs(target) for target in targets]
    last = [run for of_one in runs if (run := last_standing(of_one))]
    damaged = [run.defect for of_one in runs for run in of_one if run.damage]
    if damaged:
        raise RemoteMailcfgError(
            "journal-failed",
            f"which run was the last is not known: {'; '.join(damaged)}",
            "Name the RUN to undo: `remote-mailcfg runs` lists those that can be read.",
        )
    if not last:
        raise RemoteMailcfgError(
            "not-found",
            "there is no run to undo: the journal of this machine knows none that wrote anything"
            " here",
        )
    return max(last, key=lambda it: (it.sequence, it.name)).name


def _judge_way_back(planned: Planned, _everybody: Sequence[Target]) -> Planned:
    return [
        replace(
            it, result=replace(it.result, dangers=tuple(in_use(it.result.plan, it.result.used_by)))
        )
        if it.result
        else it
        for it in planned
    ]
