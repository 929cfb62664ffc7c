"""The console script: the commands, and the one place where a bug becomes exit 70."""

import errno
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from remote_mailcfg import __version__
from remote_mailcfg.cli import (
    apply,
    audit,
    debug,
    demo,
    instance,
    inventory,
    plan,
    runs,
    sandbox,
    schedule,
    schema,
    server,
)
from remote_mailcfg.cli.exit_code import EXIT_BUG, EXIT_FAILED, EXIT_INTERRUPTED
from remote_mailcfg.cli.terminal import OutputLostError, check_output, open_streams
from remote_mailcfg.errors import describe_bug


class Program(TyperGroup):
    """All commands; a value that none of them can take is not repeated: it may be a key."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is named; raises the library's usage errors without values."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            _value, found, choices = error.message.rpartition(" is not one of ")
            if found:
                error.message = f"must be one of {choices}"
            raise


app = typer.Typer(
    name="remote-mailcfg",
    cls=Program,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
instance.register(app)
app.add_typer(server.app, name="server")
app.add_typer(debug.app, name="debug")
debug.register_login(app)
app.add_typer(instance.apikey_app, name="apikey")
app.add_typer(inventory.app, name="instance")
plan.register(app)
apply.register(app)
app.add_typer(runs.app, name="runs")
app.add_typer(audit.app, name="audit")
app.add_typer(schedule.app, name="schedule")
app.add_typer(schema.app, name="schema")
sandbox.register(app)
demo.register(app)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's callback
    if wanted:
        sys.stdout.write(f"remote-mailcfg {__version__}\n")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Outgoing mail of OpenSPP and Odoo instances, as code.

    See it, prove it, change it, without opening a browser. The instance is described by
    `OPENSPP_*` variables or a `.env` file; start with `remote-mailcfg check`.
    """


def run() -> None:
    """Run the command line; a bug of ours ends with exit 70 and says what to report."""
    open_streams()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to clean up as on Ctrl-C
    try:
        try:
            app()
        finally:
            check_output()  # a result that is lost must not end with 0
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except OutputLostError as lost:
        if lost.errno != errno.EPIPE:
            sys.stderr.write(f"error: the output cannot be written: {lost.strerror}\n")
        sys.exit(EXIT_FAILED)
    except Exception as crash:  # noqa: BLE001 - the last place where a bug can be told as one
        sys.stderr.write(describe_bug(crash) + "\n")
        sys.exit(EXIT_BUG)
