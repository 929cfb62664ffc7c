"""`remote-mailcfg schema`: the forms of the files, for editors."""

import json
import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The JSON Schema of a file, for editors."
)


@app.command("instances", epilog="Example: remote-mailcfg schema instances > instances.schema.json")
def show_instances() -> None:
    """Print the JSON Schema of an inventory, `instances.toml`."""
    from remote_mailcfg.config.inventory_file import InventoryFile  # noqa: PLC0415 - slow to load

    _print(InventoryFile)


@app.command(
    "mail-servers",
    epilog="Example: remote-mailcfg schema mail-servers > mail-servers.schema.json",
)
def show_mail_servers() -> None:
    """Print the JSON Schema of a desired state, `mail-servers.toml`."""
    from remote_mailcfg.config.desired_file import DesiredFile  # noqa: PLC0415 - slow to load

    _print(DesiredFile)


@app.command("audit", epilog="Example: remote-mailcfg schema audit > audit.schema.json")
def show_audit() -> None:
    """Print the JSON Schema of the settings of an audit, `audit.toml`."""
    from remote_mailcfg.config.audit_file import AuditFile  # noqa: PLC0415 - slow to load

    _print(AuditFile)


def _print(form: "type[BaseModel]") -> None:
    from remote_mailcfg.config.file_form import make_schema  # noqa: PLC0415 - slow to load

    sys.stdout.write(json.dumps(make_schema(form), indent=2) + "\n")
