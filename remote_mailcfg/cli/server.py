"""`remote-mailcfg server …`: the outgoing mail servers of an instance."""

import typer

from remote_mailcfg.cli.command import Operation, instance_command
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.operations.list_servers import ServerList, list_servers
from remote_mailcfg.report.servers import SERVER_LIST

app = typer.Typer(
    no_args_is_help=True, help="Outgoing mail servers: list, prove, change, test, send."
)


@instance_command(app, "server list", SERVER_LIST, example="remote-mailcfg server list -o json")
def list_(_environment: Environment) -> Operation[ServerList]:
    """List all mail servers of the instance, archived ones too, in the order Odoo uses them."""
    return list_servers
