"""Runs an operation on the chosen instances, and shows what came of each."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Generic, TypeVar

import typer

from remote_mailcfg.cli.exit_code import EXIT_INTERRUPTED, EXIT_USAGE, exit_code
from remote_mailcfg.cli.show import Output, Show
from remote_mailcfg.cli.terminal import Terminal, ask_secret, can_ask
from remote_mailcfg.cli.watch import Watch
from remote_mailcfg.config.entry import Entry
from remote_mailcfg.config.environment import Environment, load_environment
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.config.selection import choose_entries
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.fleet.executors import open_executor
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.fleet.waves import Waves, parse_waves, run_in_waves
from remote_mailcfg.fleet.worker import ForOne, Operation, check_travels, perform, work_there
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.report.envelope import failure_of
from remote_mailcfg.report.view import View

T = TypeVar("T")
Part = TypeVar("Part")
#: One of these lets a command in.
CREDENTIALS: Final = frozenset({"api_key", "password"})
Start = Callable[[Environment], Operation[T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which instances a command runs on, and how, as the shared options say."""

    instances: list[str] | None
    tags: list[str] | None
    everything: bool
    inventory: Path | None
    env_file: Path | None
    workers: int
    executor: str
    waves: str
    max_failed: str


@dataclass(frozen=True, slots=True)
class Run(Generic[T]):
    """What is done on which instances; found to be right before anything is sent."""

    entries: tuple[Entry, ...]
    operation: Operation[T]
    waves: Waves
    environment: Environment
    executor: str
    workers: int


def run_command(
    words: str,
    start: Start[T],
    view: View[T],
    where: Where,
    output: Output,
    terminal: Terminal,
    save_to: Path | None = None,
) -> int:
    """Run one command and return its exit code."""
    show = Show(words, view, output, terminal, save_to)
    try:
        try:
            run = _prepare(start, where)
        except RemoteMailcfgError as error:
            show.usage_error(error)
            return EXIT_USAGE
        for entry in run.entries:
            if entry.target.insecure_tls:
                name = entry.target.name
                terminal.problem(f"warning: {name}: its certificates are not checked, as was set")
        outcomes: list[Outcome[T] | None] = [None] * len(run.entries)
        try:
            for number, outcome in _outcomes(run, view, terminal):
                outcomes[number] = outcome
                show.streamed(outcome)
        except RemoteMailcfgError as error:  # no executor: nothing was begun
            show.usage_error(error)
            return EXIT_USAGE
        except (KeyboardInterrupt, typer.Abort):
            show.interrupted(run.entries, outcomes)
            return EXIT_INTERRUPTED
        done = [outcome for outcome in outcomes if outcome is not None]
        show.all(done)
        return exit_code(done, view)
    except (KeyboardInterrupt, typer.Abort):
        terminal.problem("interrupted")
        return EXIT_INTERRUPTED
    finally:
        terminal.done()


def _prepare(start: Start[T], where: Where) -> Run[T]:
    """Return what to do and where, or raise one error with all that is wrong with either."""
    environment = load_environment(where.env_file)
    errors: list[ConfigurationError] = []

    def tried(function: Callable[[], Part]) -> Part | None:
        try:
            return function()
        except ConfigurationError as error:
            errors.append(error)
            return None

    entries = tried(
        lambda: choose_entries(
            environment,
            env_file_given=where.env_file is not None,
            names=where.instances or (),
            tags=where.tags or (),
            everything=where.everything,
            inventory=where.inventory,
        )
    )
    operation = tried(lambda: start(environment))
    waves = tried(lambda: parse_waves(where.waves, where.max_failed))
    if entries is None or operation is None or waves is None:
        raise ConfigurationError(
            errors[0].code,
            "\n".join(error.message for error in errors),
            " ".join(error.hint for error in errors if error.hint),
        )
    if len(entries) > 1:
        _refuse_without_credential(entries)
    if isinstance(operation, ForOne) and len(entries) > 1:
        raise ConfigurationError("configuration", operation.why, operation.hint)
    if where.executor:
        check_travels(operation)
    workers = min(where.workers, len(entries))
    return Run(entries, operation, waves, environment, where.executor, workers)


def _refuse_without_credential(entries: Sequence[Entry]) -> None:
    """Refuse instances that nobody can log in to, before the others are asked anything."""
    names = [it.target.name for it in entries if not CREDENTIALS & dict(it.references).keys()]
    if names:
        raise ConfigurationError(
            "configuration",
            f"neither api_key nor password is given for {', '.join(names)}",
            "Add one in the inventory, or in its [defaults].",
        )


def _outcomes(run: Run[T], view: View[T], terminal: Terminal) -> Iterator[tuple[int, Outcome[T]]]:
    """Yield number and outcome of each instance as they are done."""

    def is_failed(outcome: Outcome[T]) -> bool:
        return failure_of(outcome, view) is not None

    ask = ask_secret if can_ask() else None
    resolver = Secrets(run.environment, ask=ask)
    several = len(run.entries) > 1
    watch = Watch(terminal, len(run.entries))
    progress: Progress = watch if several else terminal
    if run.executor:
        work: Callable[[Entry], T] = partial(work_there, run.operation, secrets.token_hex(8))
    else:
        work = partial(_work_here, run.operation, resolver, progress, watch)
        for entry in run.entries:  # before there is a line on the terminal that changes
            entry.ask(resolver)
    with open_executor(run.executor, run.workers) as executor:
        at_once = len(run.entries) if run.executor else run.workers
        done = run_in_waves(run.entries, work, executor, run.waves, is_failed, at_once=at_once)
        if not several:
            yield from done
            return
        with watch.shown():
            for number, outcome in done:
                yield number, outcome
                failure = failure_of(outcome, view)
                watch.end(outcome.target.name, failure.code if failure else "")


def _work_here(
    operation: Operation[T], resolver: Secrets, progress: Progress, watch: Watch, entry: Entry
) -> T:
    watch.begin(entry.target.name)
    return perform(operation, entry, resolver, progress)
