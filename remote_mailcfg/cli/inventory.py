"""`remote-mailcfg instance`: the inventory, mostly without asking an instance."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from remote_mailcfg.cli.command import (
    InventoryOption,
    OutputOption,
    QuietOption,
    VerboseOption,
    instance_command,
)
from remote_mailcfg.cli.exit_code import EXIT_INTERRUPTED, code_without_work
from remote_mailcfg.cli.show import Output, Show
from remote_mailcfg.cli.terminal import Terminal, answering, can_ask
from remote_mailcfg.config.entry import Entry
from remote_mailcfg.config.environment import Environment, load_environment
from remote_mailcfg.config.inventory import FILE_NAME, find_inventory
from remote_mailcfg.config.inventory_edit import Value, add_instance, check_value, load_present
from remote_mailcfg.config.selection import choose_entries
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.fleet.worker import Operation
from remote_mailcfg.operations.reach_instance import Reached, reach_instance
from remote_mailcfg.report.envelope import render_envelope, render_outcome
from remote_mailcfg.report.inventory import ENTRY, make_instances
from remote_mailcfg.report.reached import REACHED

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The inventory: instances and their names."
)

REQUIRED: Final = ("url", "login")
#: What a person is asked for, and how; tags are given with spaces between them.
QUESTIONS: Final = {
    "url": "Address, https://host[:port][/prefix]",
    "database": "Database (empty: the server's only one)",
    "login": "Login of a System Admin",
    "api_key": "Where the API key is: env:NAME, file:PATH, keyring:SERVICE/USER, command:…"
    " (empty: none)",
    "password": "Where the password is, likewise, or prompt: (empty: none)",
    "role": "Role: production, staging, training or test (empty: not known)",
    "tags": "Tags (empty: none)",
}


@contextmanager
def _errors_shown(show: Show[Entry]) -> Iterator[None]:
    """End the command with the exit code of what goes wrong."""
    try:
        yield
    except RemoteMailcfgError as error:
        show.usage_error(error)
        sys.exit(code_without_work(error))
    except KeyboardInterrupt:
        show.terminal.problem("interrupted")
        sys.exit(EXIT_INTERRUPTED)


@app.command("list", epilog="Example: remote-mailcfg instance list -t country -o json")
def list_instances(
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", "-t", metavar="TAG", help="Those with this tag; repeatable."),
    ] = None,
    inventory: InventoryOption = None,
    output: OutputOption = Output.table,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the instances of the inventory, and where their secrets are.

    It reads the file, and asks no instance anything.
    """
    show = Show("instance list", ENTRY, output, Terminal(quiet=quiet, verbose=verbose))
    with _errors_shown(show):
        entries = choose_entries(
            load_environment(None),
            env_file_given=False,
            names=(),
            tags=tags or (),
            everything=not tags,
            inventory=inventory,
        ).entries
    _show_entries(entries, show)


def _show_entries(entries: tuple[Entry, ...], show: Show[Entry]) -> None:
    outcomes = [Outcome(entry.target, result=entry) for entry in entries]
    match show.output:
        case Output.json:
            results = [render_outcome(outcome, show.view) for outcome in outcomes]
            show.terminal.json(render_envelope(show.words, results))
        case Output.jsonl:
            for outcome in outcomes:
                show.streamed(outcome)
        case Output.csv:
            show.terminal.csv(
                show.view.columns, [row for entry in entries for row in show.view.rows(entry)]
            )
        case Output.table if not show.terminal.quiet:
            show.terminal.result(make_instances(entries))


@app.command(
    "add",
    epilog="Example: remote-mailcfg instance add national --url https://registry.example.org"
    " --login mail.admin@example.org --api-key env:OPENSPP_API_KEY_NATIONAL --role production",
    context_settings={"allow_extra_args": True},  # refused by _refuse_extra
)
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="How it is chosen: letters, digits, -, _ and .")],
    url: Annotated[str | None, typer.Option(help="Base address, without a password.")] = None,
    database: Annotated[
        str | None, typer.Option(help="Database; the server's only one without it.")
    ] = None,
    login: Annotated[
        str | None, typer.Option(help="Login of a user with the role System Admin.")
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(metavar="REFERENCE", help="Where the API key is, for instance env:NAME."),
    ] = None,
    password: Annotated[
        str | None,
        typer.Option(metavar="REFERENCE", help="Where the password is, for instance file:PATH."),
    ] = None,
    role: Annotated[str | None, typer.Option(help="production, staging, training or test.")] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", "-t", metavar="TAG", help="To choose it by; repeatable."),
    ] = None,
    inventory: InventoryOption = None,
    quiet: QuietOption = False,
) -> None:
    """Add an instance to the inventory, which is made where there is none.

    What no option gives is asked for on a terminal. A secret is never given itself, but where it
    is: env:NAME, file:PATH, keyring:SERVICE/USER, command:… or prompt:.
    """
    _refuse_extra(ctx)
    terminal = Terminal(quiet=quiet, verbose=False)
    given: dict[str, Value | None] = {
        "url": url,
        "database": database,
        "login": login,
        "api_key": api_key,
        "password": password,
        "role": role,
        "tags": tags or None,
    }
    with _errors_shown(Show("instance add", ENTRY, Output.table, terminal)):
        path = inventory or find_inventory(None, load_environment(None)) or Path(FILE_NAME)
        values = {key: value for key, value in given.items() if value is not None}
        add_instance(path, name, _complete(values, name, path))
    terminal.line(f"{path} has the instance {name} now.")
    option = f" --inventory {inventory}" if inventory else ""
    step = f": remote-mailcfg instance check -i {name}{option}"
    terminal.note(Text.assemble(("next", "bold"), step))


def _refuse_extra(ctx: typer.Context) -> None:
    """Refuse arguments that there are none of, without showing them: one may be a secret."""
    if ctx.args:
        raise typer.BadParameter(
            f"{len(ctx.args)} argument(s) too many, not shown here. A reference with spaces in it"
            " has quotes; a secret itself is never an argument.",
            ctx=ctx,
        )


def _complete(given: dict[str, Value], name: str, path: Path) -> dict[str, Value]:
    """Return what was given and what a person answers; refuse what cannot be right beforehand."""
    present = load_present(path)
    if name in present.names:
        raise ConfigurationError(
            "configuration",
            f"{path} has an instance {name} already",
            "Give another name, or change that one in the file.",
        )
    folder = path.absolute().parent
    checked = (check_value(key, value, folder=folder) for key, value in given.items())
    if problems := [problem for problem in checked if problem]:
        raise ConfigurationError(
            "configuration", "\n".join(problems), "See `remote-mailcfg instance add --help`."
        )
    open_keys = [key for key in QUESTIONS if key not in given and key not in present.defaults]
    if can_ask():
        found = given | {key: _ask(key, folder) for key in open_keys}
        return {key: found[key] for key in QUESTIONS if found.get(key)}
    if missing := [f"--{key}" for key in open_keys if key in REQUIRED]:
        raise ConfigurationError(
            "missing-value",
            f"missing: {', '.join(missing)}",
            "Give these options; on a terminal you are asked for them.",
        )
    return given


def _ask(key: str, folder: Path) -> Value:
    """Ask until the answer can be right; an empty one is right where nothing is required."""

    def check(text: str) -> Value:
        value = text.replace(",", " ").split() if key == "tags" else text.strip()
        problem = check_value(key, value, folder=folder) if value or key in REQUIRED else None
        if problem:
            raise typer.BadParameter(problem)
        return value

    default = None if key in REQUIRED else ""
    with answering():
        answer: Value = typer.prompt(
            QUESTIONS[key], default=default, show_default=False, value_proc=check, err=True
        )
    return answer


@instance_command(
    app, "instance check", REACHED, example="remote-mailcfg instance check --all -o jsonl"
)
def check_login(_environment: Environment) -> Operation[Reached]:
    """Tell whether each instance can be reached and logged in to; `check` looks further."""
    return reach_instance
