"""`remote-mailcfg plan`: the mail servers of a file against those of the instances."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from remote_mailcfg.cli.command import instance_command
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.fleet.worker import Operation, WithSecrets
from remote_mailcfg.operations.plan_servers import PlannedServers, plan_servers
from remote_mailcfg.report.plan import PLAN

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The desired mail servers.")]


def register(root: typer.Typer) -> None:
    """Add the command to the root command."""

    @instance_command(root, "plan", PLAN, example="remote-mailcfg plan mail-servers.toml --all")
    def _plan(_environment: Environment, file: FileArgument) -> Operation[PlannedServers]:
        """Show, field by field, what differs from FILE; nothing is changed.

        Ends with 3 where something differs, so that cron sees drift. A secret is compared on the
        instance without reading the stored one; one whose reference cannot be resolved here is
        reported and counts as the same.
        """
        from remote_mailcfg.config.desired import load_desired  # noqa: PLC0415 - slow to load

        return WithSecrets(partial(plan_servers, state=load_desired(file)))
