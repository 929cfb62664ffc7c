"""`remote-mailcfg check`, `route` and `apikey create`: an instance as a whole."""

from functools import partial
from typing import Annotated

import typer

from remote_mailcfg.cli.command import instance_command
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.secrets import NAME_PLACE
from remote_mailcfg.fleet.worker import ForOne, Operation
from remote_mailcfg.operations.check import CheckResult, check
from remote_mailcfg.operations.create_api_key import ApiKey, create_api_key
from remote_mailcfg.operations.route_address import ExplainedRoute, route_address
from remote_mailcfg.report.api_key import API_KEY
from remote_mailcfg.report.check import CHECK
from remote_mailcfg.report.mail import ROUTE

apikey_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="API keys for cron jobs."
)


def register(root: typer.Typer) -> None:
    """Add the commands to the root command."""

    @instance_command(root, "check", CHECK, example="remote-mailcfg check")
    def _check(_environment: Environment) -> Operation[CheckResult]:
        """Walk the guide step by step and tell what is wrong and what to do next.

        It reaches the instance, logs in, looks at the role, developer mode, the menu and the mail
        servers, lets the instance test each active one, and looks at the mail queue. Mail servers
        are not changed.
        """
        return check

    @instance_command(root, "route", ROUTE, example="remote-mailcfg route office@example.org")
    def _route(
        _environment: Environment,
        address: Annotated[str, typer.Argument(help="The sender's address.")],
    ) -> Operation[ExplainedRoute]:
        """Explain which mail server and sender Odoo uses for mail from ADDRESS, and why.

        Odoo matches from_filter first and looks at the priority second.
        """
        return partial(route_address, address=address)


@instance_command(
    apikey_app,
    "apikey create",
    API_KEY,
    example="remote-mailcfg apikey create cron --days 90 --save file:openspp.key",
    keeps_here=True,
)
def create(
    _environment: Environment,
    name: Annotated[str, typer.Argument(help="What the key is for, as Odoo lists it.")],
    days: Annotated[
        int | None, typer.Option(min=1, help="Days until it expires; 17 has no expiry.")
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(help="Put it there: file:PATH (new, 0600) or keyring:SERVICE/USER."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file or keyring entry of --save.")
    ] = False,
) -> Operation[ApiKey]:
    """Make an API key for the user, for commands that run without a password.

    It needs the password: Odoo asks for it before it makes a key. The key is shown once, or put
    where --save points; {name} in that is the instance's name in capitals.
    """
    operation = partial(create_api_key, name=name, days=days, save=save, force=force)
    if save is None or NAME_PLACE in save:
        return operation
    return ForOne(
        operation,
        f"--save {save}: there are several instances, and each would put its key there",
        f"Put {NAME_PLACE} into it, for instance --save file:{NAME_PLACE}.key",
    )
