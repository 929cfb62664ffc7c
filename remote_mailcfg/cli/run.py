"""Runs an operation on the chosen instances, and shows what came of each."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from remote_mailcfg.cli.exit_code import (
    EXIT_DIFFERS,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    code_without_work,
    exit_code,
)
from remote_mailcfg.cli.gathered import Gathered
from remote_mailcfg.cli.show import Output, Show
from remote_mailcfg.cli.terminal import Terminal, ask_secret, can_ask
from remote_mailcfg.cli.two_steps import TwoSteps
from remote_mailcfg.cli.watch import Watch
from remote_mailcfg.config.entry import Entry
from remote_mailcfg.config.environment import Environment, load_environment
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.config.selection import SINGLE, Choice, check_tags, choose_entries
from remote_mailcfg.config.user_file import MissingFileError
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.files import NewFile
from remote_mailcfg.fleet.executors import open_executor
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.fleet.waves import Waves, parse_waves, run_in_waves
from remote_mailcfg.fleet.worker import (
    ForOne,
    Operation,
    WithSecrets,
    check_travels,
    perform,
    work_there,
)
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.report.envelope import failure_of
from remote_mailcfg.report.view import NOT_SHOWN, View
from remote_mailcfg.store.locks import changing_inventory

T = TypeVar("T")
Part = TypeVar("Part")
#: One of these lets a command in.
CREDENTIALS: Final = frozenset({"api_key", "password"})
#: What a command does: an operation on each instance, one that looks at all, one in two steps.
Work = Operation[T] | Gathered[T] | TwoSteps[T]
Start = Callable[[Environment], Work[T]]


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

    choice: Choice
    work: Work[T]
    waves: Waves
    environment: Environment
    executor: str
    workers: int
    #: What instances that were interrupted said of what they leave, by name.
    left: dict[str, str] = field(default_factory=dict)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The chosen instances."""
        return self.choice.entries

    @property
    def targets(self) -> tuple[Target, ...]:
        """The chosen instances, without secrets."""
        return tuple(entry.target for entry in self.entries)


def run_command(
    words: str,
    start: Start[T],
    view: View[T],
    where: Where,
    output: Output,
    terminal: Terminal,
    save_to: NewFile | None = None,
) -> int:
    """Run one command and return its exit code."""
    show = Show(words, view, output, terminal, save_to)
    warnings, shown = list[str](), set[str]()
    try:
        try:
            environment = load_environment(where.env_file)
            warnings = environment.warnings
            run = _prepare(start, where, environment)
        except RemoteMailcfgError as error:
            show.usage_error(error)
            return code_without_work(error)
        _warn(warnings, shown, terminal)
        show = replace(show, selected=_selected(run, where))
        for entry in run.entries:
            if entry.target.insecure_tls:
                name = entry.target.name
                terminal.problem(f"warning: {name}: its certificates are not checked, as was set")
        outcomes: list[Outcome[T] | None] = [None] * len(run.entries)
        try:
            for number, outcome in _outcomes(run, view, terminal):
                outcomes[number] = contained = show.contained(outcome)
                show.streamed(contained)
        except RemoteMailcfgError as error:  # nothing was begun
            show.usage_error(error)
            return code_without_work(error)
        except KeyboardInterrupt:
            show.interrupted(run.entries, outcomes, run.left)
            return EXIT_INTERRUPTED
        done = [outcome for outcome in outcomes if outcome is not None]
        show.all(done)
        return _final_code(exit_code(done, view), terminal)
    except KeyboardInterrupt:
        terminal.problem("interrupted")
        return EXIT_INTERRUPTED
    finally:
        terminal.done()
        _warn(warnings, shown, terminal)


def _selected(run: Run[Any], where: Where) -> tuple[str, ...]:
    """Return the options that lead another command to the file which this one's instances are of.

    An inventory is named where the environment describes an instance of its own, too.
    """
    if where.inventory is not None:
        return ("--inventory", str(where.inventory))
    if run.choice.inventory is not None and any(map(run.environment.get, SINGLE)):
        return ("--inventory", str(run.choice.inventory.path))
    return ("--env-file", str(where.env_file)) if where.env_file is not None else ()


def _warn(warnings: Sequence[str], shown: set[str], terminal: Terminal) -> None:
    """Show the warnings that were not shown yet, each once."""
    for warning in warnings:
        if warning not in shown:
            shown.add(warning)
            terminal.problem(f"warning: {warning}")


def _final_code(code: int, terminal: Terminal) -> int:
    """Return the exit code, where something failed that is of no instance as well."""
    return EXIT_FAILED if terminal.failed and code in {0, EXIT_DIFFERS} else code


def _prepare(start: Start[T], where: Where, environment: Environment) -> Run[T]:
    """Return what to do and where, or raise one error with all that is wrong with either."""
    errors: list[ConfigurationError] = []

    def tried(function: Callable[[], Part]) -> Part | None:
        try:
            return function()
        except MissingFileError:
            raise
        except ConfigurationError as error:
            errors.append(error)
            return None

    work = tried(lambda: start(environment))
    late = errors[:]  # what is wrong with the instances is told first
    errors.clear()
    choice = tried(
        lambda: choose_entries(
            environment,
            env_file_given=where.env_file is not None,
            names=where.instances or (),
            tags=where.tags or (),
            everything=where.everything,
            inventory=where.inventory,
            usual=work.names if isinstance(work, TwoSteps) else None,
        )
    )
    errors += late
    waves = tried(lambda: parse_waves(where.waves, where.max_failed))
    if choice is None or work is None or waves is None:
        raise ConfigurationError(
            errors[0].code,
            "\n".join(error.message for error in errors),
            " ".join(error.hint for error in errors if error.hint),
        )
    if choice.inventory and isinstance(work, TwoSteps | Gathered):
        check_tags(work.tag_uses, choice.inventory)
    entries = choice.entries
    if len(entries) > 1:
        _refuse_without_credential(entries)
    if isinstance(work, ForOne) and len(entries) > 1:
        raise ConfigurationError("configuration", work.why, work.hint)
    if where.executor and not isinstance(work, TwoSteps):  # these keep a journal here
        check_travels(work.operation if isinstance(work, Gathered) else work)
    workers = min(where.workers, len(entries))
    return Run(choice, work, waves, environment, where.executor, workers)


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
    resolver = Secrets(run.environment, ask=ask_secret if can_ask() else None)
    if isinstance(run.work, TwoSteps):
        yield from _in_two_steps(run, run.work, view, terminal, resolver)
    elif isinstance(run.work, Gathered):
        done = _all(run, run.work.operation, view, terminal, resolver)
        yield from enumerate(run.work.finish(done, run.choice.everybody, terminal))
    else:
        yield from _each(run, run.entries, run.work, view, terminal, resolver)


def _all(
    run: Run[Any], operation: Operation[T], view: View[T], terminal: Terminal, resolver: Secrets
) -> list[Outcome[T]]:
    """Return the outcomes of all instances, in their order."""
    done = dict(_each(run, run.entries, operation, view, terminal, resolver))
    return [done[number] for number in range(len(run.entries))]


def _in_two_steps(
    run: Run[Any],
    command: TwoSteps[T],
    view: View[T],
    terminal: Terminal,
    resolver: Secrets,
) -> Iterator[tuple[int, Outcome[T]]]:
    """Plan, look at the plans together and decide; then carry out what is left, in waves."""
    inventory = run.choice.inventory if command.holds_inventory else None
    number_of = {target.name: number for number, target in enumerate(run.targets)}
    with changing_inventory(inventory.path) if inventory else nullcontext():
        steps = command.prepare(run.targets)
        chosen = tuple(entry for entry in run.entries if entry.target.name in steps.names)
        run = replace(run, choice=replace(run.choice, entries=chosen))
        planned = [*steps.planned]
        if steps.plan is not None:
            at_once = replace(run, waves=Waves())
            planned = _all(at_once, steps.plan, NOT_SHOWN, terminal, resolver)
        agreed = steps.agree(planned, run.choice.everybody, terminal)
        for name, outcome in agreed.settled.items():
            yield number_of[name], outcome
        entries = [entry for entry in run.entries if entry.target.name in agreed.names]
        if entries:
            for _place, outcome in _each(run, entries, agreed.operation, view, terminal, resolver):
                yield number_of[outcome.target.name], outcome


def _each(
    run: Run[Any],
    entries: Sequence[Entry],
    operation: Operation[T],
    view: View[T],
    terminal: Terminal,
    resolver: Secrets,
) -> Iterator[tuple[int, Outcome[T]]]:
    """Do one operation on each of the instances; yield number and outcome as they are done."""

    def is_failed(outcome: Outcome[T]) -> bool:
        return failure_of(outcome, view) is not None

    several = len(run.entries) > 1
    watch = Watch(terminal, len(entries))
    progress: Progress = watch if several else terminal
    if run.executor:
        work: Callable[[Entry], T] = partial(work_there, operation, secrets.token_hex(8))
    else:
        work = partial(_work_here, operation, resolver, progress, watch, run.left)
        for entry in entries:  # before there is a line on the terminal that changes
            entry.ask(resolver)
            if isinstance(operation, WithSecrets):
                operation.ask(entry.target, resolver)
    with open_executor(run.executor, min(run.workers, len(entries))) as executor:
        at_once = len(entries) if run.executor else run.workers
        done = run_in_waves(entries, work, executor, run.waves, is_failed, at_once=at_once)
        if not several:
            yield from done
            return
        with watch.shown():
            for number, outcome in done:
                yield number, outcome
                failure = failure_of(outcome, view)
                watch.end(outcome.target.name, failure.code if failure else "")


def _work_here(
    operation: Operation[T],
    resolver: Secrets,
    progress: Progress,
    watch: Watch,
    left: dict[str, str],
    entry: Entry,
) -> T:
    watch.begin(entry.target.name)
    try:
        return perform(operation, entry, resolver, progress)
    except KeyboardInterrupt as interruption:
        if notes := getattr(interruption, "__notes__", ()):
            left[entry.target.name] = "; ".join(notes)
        raise
