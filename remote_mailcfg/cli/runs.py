"""`remote-mailcfg runs …`: what was changed from this machine, by the journal."""

from functools import partial
from typing import Annotated

import typer

from remote_mailcfg.cli.command import instance_command
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.fleet.worker import Operation
from remote_mailcfg.operations.forget_run import ForgottenRun, forget
from remote_mailcfg.operations.list_runs import RunList, list_runs, show_run
from remote_mailcfg.report.runs import FORGOTTEN, RUN, RUNS

app = typer.Typer(rich_markup_mode=None)

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Its name, as `runs` lists it.")]


@instance_command(
    app, "runs", RUNS, keeps_here=True, is_group=True, example="remote-mailcfg runs --all"
)
def list_(_environment: Environment) -> Operation[RunList]:
    """List the runs that changed mail servers from this machine, the latest first.

    Instances are not asked: it is this machine's journal.
    """
    return list_runs


@instance_command(
    app,
    "runs show",
    RUN,
    keeps_here=True,
    example="remote-mailcfg runs show 20260102T030405Z-0a1b2c",
)
def show(_environment: Environment, run: RunArgument) -> Operation[RunList]:
    """Show one run: each change, from what to what, the steps it took and how it ended."""
    return partial(show_run, name=run)


@instance_command(
    app,
    "runs forget",
    FORGOTTEN,
    keeps_here=True,
    example="remote-mailcfg runs forget 20260102T030405Z-0a1b2c",
)
def forget_(_environment: Environment, run: RunArgument) -> Operation[ForgottenRun]:
    """Remove the backups that a run left on instances, and its journal.

    It cannot be rolled back after that. Backups hold old passwords, archived.
    """
    return partial(forget, name=run)
