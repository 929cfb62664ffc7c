"""`remote-mailcfg export` and `plan`: live mail servers as a file, and a file against them."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from remote_mailcfg.cli.command import instance_command
from remote_mailcfg.cli.run import Work
from remote_mailcfg.cli.two_steps import Planning
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.files import NewFile
from remote_mailcfg.fleet.worker import Operation, WithSecrets
from remote_mailcfg.operations.list_servers import ServerList, list_servers
from remote_mailcfg.operations.plan_servers import PlannedServers, Wanted, plan_servers
from remote_mailcfg.report.export import EXPORT
from remote_mailcfg.report.plan import PLAN
from remote_mailcfg.store.plan_file import plan_output

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The desired mail servers.")]
ClearOption = Annotated[
    bool,
    typer.Option(
        "--clear-credentials",
        help="On safe roles: empty the credentials of servers that are not in the file, for good.",
    ),
]


def register(root: typer.Typer) -> None:
    """Add the commands to the root command."""

    @instance_command(
        root, "export", EXPORT, example="remote-mailcfg export mail-servers.toml --all"
    )
    def _export(
        _environment: Environment,
        save_to: Annotated[
            Path | None, typer.Argument(metavar="FILE", help="A new file; without it, to stdout.")
        ] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    ) -> Operation[ServerList]:
        """Write the active mail servers as a desired-state file: what all have once, then the rest.

        Passwords are never read: the file says where each is to be looked up, and you put it there.
        """
        if save_to:
            NewFile(path=save_to, force=force).check()
        return list_servers

    @instance_command(
        root,
        "plan",
        PLAN,
        example="remote-mailcfg plan mail-servers.toml --all",
    )
    def _plan(
        _environment: Environment,
        file: FileArgument,
        out: Annotated[
            Path | None,
            typer.Option("--out", metavar="PLAN", help="Save the plan for `apply --plan`."),
        ] = None,
        clear_credentials: ClearOption = False,
    ) -> Work[PlannedServers]:
        """Show, field by field, what differs from FILE; nothing is changed.

        Ends with 3 where something differs, so that cron sees drift. A secret is compared on the
        instance without reading the stored one; one whose reference cannot be resolved here is
        reported and counts as the same. What `apply` would refuse is told.
        """
        from remote_mailcfg.config.desired import load_desired  # noqa: PLC0415 - slow to load

        if out:
            plan_output(out).check()
        wanted = Wanted(state=load_desired(file), clear_credentials=clear_credentials)
        return Planning(
            WithSecrets(partial(plan_servers, wanted=wanted), wanted.references), wanted, out
        )
