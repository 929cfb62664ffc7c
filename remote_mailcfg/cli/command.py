"""What every command that talks to an instance shares: its options, and how it is registered."""

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Never, TypeVar

import typer

from remote_mailcfg.cli.run import Start, Where, Work, run_command
from remote_mailcfg.cli.show import Output
from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.files import NewFile
from remote_mailcfg.report.view import View

T = TypeVar("T")

EnvFileOption = Annotated[
    Path | None,
    typer.Option("--env-file", help="Another dotenv file than .env in this folder."),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Format of the result.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log each request, without secrets.")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing where all is well, for cron.")
]
InventoryOption = Annotated[
    Path | None, typer.Option("--inventory", help="Another inventory than instances.toml here.")
]


def _shared_options(
    instances: Annotated[
        list[str] | None,
        typer.Option(
            "--instance",
            "-i",
            metavar="NAME",
            help="This instance of the inventory; may be given again.",
        ),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            "-t",
            metavar="TAG",
            help="Every instance that has this tag; may be given again.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every instance of the inventory.")
    ] = False,
    inventory: InventoryOption = None,
    env_file: EnvFileOption = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Instances at once.")] = 16,
    executor: Annotated[
        str,
        typer.Option(
            "--executor",
            metavar="dask://HOST:PORT",
            help="Run on an existing Dask cluster, not here.",
        ),
    ] = "",
    waves: Annotated[
        str,
        typer.Option(
            "--waves",
            metavar="1,10%,100%",
            help="Go step by step: so many instances are done after each.",
        ),
    ] = "",
    max_failed: Annotated[
        str,
        typer.Option(
            "--max-failed",
            metavar="SHARE",
            help="Stop before the next wave where more than this share failed (default: any).",
        ),
    ] = "",
    output: OutputOption = Output.table,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Declare what every instance command has, after its own options."""


SHARED: Final = tuple(inspect.signature(_shared_options).parameters.values())
WHERE: Final = tuple(it.name for it in SHARED if it.name not in {"output", "verbose", "quiet"})


def instance_command(
    app: typer.Typer,
    words: str,
    view: View[T],
    *,
    example: str,
    options: Sequence[inspect.Parameter] = (),
    keeps_here: bool = False,
    is_group: bool = False,
) -> Callable[[Callable[..., Work[T]]], Callable[..., None]]:
    """Register a command that runs an operation on each chosen instance.

    The decorated function takes the environment and the command's own arguments, asks for what is
    missing, and returns the operation. `words` is the whole command, as in the JSON envelope. The
    values of further `options` come to it as one mapping, `given`, the format as `output`. A
    command that `keeps_here` leaves something on the machine that it runs on, so it is not sent to
    another one. Where it `is_group`, it is what the group of that name does without a further word.
    An argument `save_to` is the file that the results of all instances go to; an option `force`
    replaces one.
    """

    def decorate(function: Callable[..., Work[T]]) -> Callable[..., None]:
        own = list(inspect.signature(function).parameters.values())[1:]
        takes_output = any(parameter.name == "output" for parameter in own)
        own = [it for it in own if it.name != "output" and not (options and it.name == "given")]

        def command(
            *, ctx: typer.Context, output: Output, verbose: bool, quiet: bool, **arguments: Any
        ) -> None:
            if is_group and ctx.invoked_subcommand is not None:
                return
            _refuse_extra(ctx)
            terminal = Terminal(quiet=quiet, verbose=verbose)
            where = Where(**{name: arguments.pop(name) for name in WHERE})
            if takes_output:
                arguments["output"] = output
            if options:
                arguments["given"] = {o.name: arguments.pop(o.name) for o in options}
            save_to = _new_file(**arguments)
            start: Start[T] = partial(function, **arguments)
            if keeps_here and where.executor:
                start = partial(_refuse_executor, words)
            sys.exit(run_command(words, start, view, where, output, terminal, save_to))

        context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        keyword_only = [
            p.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for p in (context, *own, *options, *SHARED)
        ]
        # Typer reads the options off the signature; mypy knows no such attribute of a function
        command.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
        command.__doc__ = function.__doc__
        if is_group:
            app.callback(invoke_without_command=True, epilog=f"Example: {example}")(command)
            return command
        app.command(
            words.rpartition(" ")[2],
            epilog=f"Example: {example}",
            context_settings={"allow_extra_args": True},  # refused by _refuse_extra
        )(command)
        return command

    return decorate


def _new_file(
    *, save_to: Path | None = None, force: bool = False, **_others: object
) -> NewFile | None:
    """Return the file of a command that has an argument `save_to`."""
    return NewFile(path=save_to, force=force) if save_to else None


def _refuse_executor(words: str, _environment: Environment) -> Never:
    raise ConfigurationError(
        "configuration",
        f"--executor: `{words}` keeps something on the machine that it runs on",
        "Leave --executor out.",
    )


def _refuse_extra(ctx: typer.Context) -> None:
    """Refuse arguments that no command takes, without showing them: one may be a password."""
    if ctx.args:
        raise typer.BadParameter(
            f"{len(ctx.args)} argument(s) too many, not shown here. A password is never an"
            " argument: set SMTP_PASS or SMTP_PASS_FILE, or give --smtp-pass alone, which asks.",
            ctx=ctx,
        )
