"""What every command that talks to an instance shares: its options, its output, its exit code."""

import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.config.environment import Environment, load_environment, parse_target
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.fleet.runner import Outcome, run_on
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.report.envelope import (
    failure_of,
    render_envelope,
    render_error,
    render_outcome,
)
from remote_mailcfg.report.table import make_error
from remote_mailcfg.report.view import View

T = TypeVar("T")

Operation = Callable[[Target, Progress], T]

EXIT_FAILED: Final = 1  # something failed on at least one instance
EXIT_USAGE: Final = 2  # wrong usage or configuration; nothing was written
EXIT_BUG: Final = 70
EXIT_INTERRUPTED: Final = 130


class Output(StrEnum):
    """The formats of a result."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"


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


def _shared_options(
    ctx: typer.Context,
    env_file: EnvFileOption = None,
    output: OutputOption = Output.table,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Declare what every instance command has, after its own options."""


SHARED: Final = tuple(inspect.signature(_shared_options).parameters.values())


def instance_command(
    app: typer.Typer,
    words: str,
    view: View[T],
    *,
    example: str,
    options: Sequence[inspect.Parameter] = (),
) -> Callable[[Callable[..., Operation[T]]], Callable[..., None]]:
    """Register a command that runs an operation on each chosen instance.

    The decorated function takes the environment and the command's own arguments, asks for what is
    missing, and returns the operation. `words` is the whole command, as in the JSON envelope. The
    values of further `options` come to it as one mapping, `given`.
    """

    def decorate(function: Callable[..., Operation[T]]) -> Callable[..., None]:
        own = list(inspect.signature(function).parameters.values())[1:]
        if options:
            own = [parameter for parameter in own if parameter.name != "given"]

        def command(
            *,
            ctx: typer.Context,
            env_file: Path | None,
            output: Output,
            verbose: bool,
            quiet: bool,
            **arguments: Any,
        ) -> None:
            _refuse_extra(ctx)
            terminal = Terminal(quiet=quiet, verbose=verbose)
            if options:
                arguments["given"] = {o.name: arguments.pop(o.name) for o in options}
            start = partial(function, **arguments)
            sys.exit(_run(words, start, view, env_file=env_file, output=output, terminal=terminal))

        keyword_only = [
            p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *options, *SHARED)
        ]
        # Typer reads the options off the signature; mypy knows no such attribute of a function
        command.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
        command.__doc__ = function.__doc__
        app.command(
            words.rpartition(" ")[2],
            epilog=f"Example: {example}",
            context_settings={"allow_extra_args": True},  # refused by _refuse_extra
        )(command)
        return command

    return decorate


def _refuse_extra(ctx: typer.Context) -> None:
    """Refuse arguments that no command takes, without showing them: one may be a password."""
    if ctx.args:
        raise typer.BadParameter(
            f"{len(ctx.args)} argument(s) too many, not shown here. A password is never an"
            " argument: set SMTP_PASS or SMTP_PASS_FILE, or give --smtp-pass alone, which asks.",
            ctx=ctx,
        )


def _run(
    words: str,
    start: Callable[[Environment], Operation[T]],
    view: View[T],
    *,
    env_file: Path | None,
    output: Output,
    terminal: Terminal,
) -> int:
    """Run one command and return its exit code."""
    try:
        try:
            target, operation = _prepare(start, load_environment(env_file))
        except RemoteMailcfgError as error:
            _show_usage_error(words, error, output, terminal)
            return EXIT_USAGE
        if target.insecure_tls:
            terminal.problem(
                f"warning: {target.name}: OPENSPP_INSECURE_TLS is set, certificates are not checked"
            )
        outcomes = []
        for outcome in run_on([target], partial(_call, operation, terminal)):
            terminal.done()
            _show_outcome(outcome, view, output, terminal)
            outcomes.append(outcome)
        if output is Output.json:
            terminal.json(render_envelope(words, [render_outcome(o, view) for o in outcomes]))
        return _exit_code(outcomes, view)
    except (KeyboardInterrupt, typer.Abort):
        terminal.problem("interrupted")
        return EXIT_INTERRUPTED
    finally:
        terminal.done()


def _call(operation: Operation[T], terminal: Terminal, target: Target) -> T:
    return operation(target, terminal)


def _prepare(
    start: Callable[[Environment], Operation[T]], environment: Environment
) -> tuple[Target, Operation[T]]:
    """Return what to do and where, or raise one error with all that is wrong with either."""
    errors: list[RemoteMailcfgError] = []
    target = operation = None
    try:
        target = parse_target(environment)
    except ConfigurationError as error:
        errors.append(error)
    try:
        operation = start(environment)
    except ConfigurationError as error:
        errors.append(error)
    if target is None or operation is None:
        raise ConfigurationError(
            errors[0].code,
            "\n".join(error.message for error in errors),
            " ".join(error.hint for error in errors if error.hint),
        )
    return target, operation


def _show_usage_error(
    words: str, error: RemoteMailcfgError, output: Output, terminal: Terminal
) -> None:
    terminal.problem(make_error("", error))
    result = {"instance": None, "url": None, "ok": False, "error": render_error(error)}
    if output is Output.json:
        terminal.json(render_envelope(words, [result]))
    elif output is Output.jsonl:
        terminal.json(result, indent=None)


def _show_outcome(outcome: Outcome[T], view: View[T], output: Output, terminal: Terminal) -> None:
    """Show one outcome: its result on stdout, what is wrong with it on stderr."""
    failure = failure_of(outcome, view)
    if outcome.result is not None:
        if output is Output.table and not (terminal.quiet and failure is None):
            terminal.result(view.text(outcome.result))
        elif output is Output.csv:
            terminal.csv(view.rows(outcome.result))
    if output is Output.jsonl:
        terminal.json(render_outcome(outcome, view), indent=None)
    if failure is not None:
        terminal.problem(make_error(outcome.target.name, failure))
    if outcome.crash is not None:
        terminal.problem(describe_crash(outcome.crash))


def describe_crash(crash: BaseException) -> str:
    """Return what to report of a bug: where it is, not the values, which may hold a secret."""
    frames = traceback.extract_tb(crash.__traceback__)
    where = [f"  {Path(f.filename).name}:{f.lineno} in {f.name}" for f in frames]
    return "\n".join(
        (
            "Please report this bug of remote-mailcfg, with these lines:",
            type(crash).__name__,
            *where,
        )
    )


def _exit_code(outcomes: Sequence[Outcome[T]], view: View[T]) -> int:
    """Return the worst of all outcomes; usage counts only where nothing failed otherwise."""
    if any(outcome.crash is not None for outcome in outcomes):
        return EXIT_BUG
    failures = [failure for o in outcomes if (failure := failure_of(o, view)) is not None]
    if not failures:
        return 0
    return EXIT_USAGE if all(failure.is_usage for failure in failures) else EXIT_FAILED
