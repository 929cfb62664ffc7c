"""The console script: the commands, and the one place where a bug becomes exit 70."""

import errno
import signal
import sys
from typing import Annotated, Any, Final

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

#: Every usage error of Typer, which has no public name for their kind.
UsageError: Final[Any] = typer.BadParameter.__base__


class Program(TyperGroup):
    """All commands; a word that none of them can take is not repeated: it may be a key."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is named; raises the library's usage errors without values."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            error.message = _without_words(error.message)
            raise


def _without_words(message: str) -> str:
    """Return the message of a usage error without the word that is wrong."""
    if message.startswith("No such command ") and "Did you mean" not in message:
        return "There is no such command; what was given is not shown, it may be a password or key."
    if message.startswith("Got unexpected extra argument"):
        return "Too many arguments, not shown here. A password or key is never an argument."
    _value, found, choices = message.rpartition(" is not one of ")
    return f"must be one of {choices}" if found else message


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
