"""`remote-mailcfg debug …`, `login`, `logout`: the kept web session and its developer mode."""

from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from remote_mailcfg.cli.command import instance_command
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.fleet.worker import Operation
from remote_mailcfg.operations.debug import DeveloperMode, debug_off, debug_on, debug_status
from remote_mailcfg.operations.log_in_out import log_in, log_out
from remote_mailcfg.report.debug import DEVELOPER_MODE, LOGIN, LOGOUT

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Developer mode of the kept web session."
)


class Mode(StrEnum):
    """The developer modes of Odoo."""

    on = "1"
    assets = "assets"
    tests = "tests"


@instance_command(
    app, "debug on", DEVELOPER_MODE, example="remote-mailcfg debug on", keeps_here=True
)
def on(
    _environment: Environment,
    mode: Annotated[Mode, typer.Option(help="1 is what the settings page sets.")] = Mode.on,
) -> Operation[DeveloperMode]:
    """Switch developer mode on, prove it, and print the link to the mail servers.

    It acts on the web session of this tool, and logs in where none is kept. Developer mode is one
    setting of one session: the link carries it into your own browser. No other command needs it.
    """
    return partial(debug_on, mode=mode.value)


@instance_command(
    app, "debug off", DEVELOPER_MODE, example="remote-mailcfg debug off", keeps_here=True
)
def off(_environment: Environment) -> Operation[DeveloperMode]:
    """Switch developer mode off in the kept web session."""
    return debug_off


@instance_command(
    app,
    "debug status",
    DEVELOPER_MODE,
    example="remote-mailcfg debug status -o json",
    keeps_here=True,
)
def status(_environment: Environment) -> Operation[DeveloperMode]:
    """Tell whether developer mode is on in the kept web session."""
    return debug_status


def register_login(root: typer.Typer) -> None:
    """Add `login` and `logout` to the root command."""

    @instance_command(root, "login", LOGIN, example="remote-mailcfg login", keeps_here=True)
    def _login(_environment: Environment) -> Operation[DeveloperMode]:
        """Open a web session and keep it for later commands (mode 0600, in the state folder).

        It needs OPENSPP_PASSWORD: Odoo opens no web session with an API key. The parameter
        web.base.url stays as it is.
        """
        return log_in

    @instance_command(root, "logout", LOGOUT, example="remote-mailcfg logout", keeps_here=True)
    def _logout(_environment: Environment) -> Operation[DeveloperMode]:
        """Switch developer mode off, end the kept session on the server and forget it."""
        return log_out
