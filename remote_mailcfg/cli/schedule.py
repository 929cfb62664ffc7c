"""`remote-mailcfg schedule`: an audit that runs by itself, as text for who runs it."""

import getpass
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from platformdirs import user_config_path

from remote_mailcfg.config.secrets import check_reference
from remote_mailcfg.report.schedule import (
    MOST_CRON_CHARACTERS,
    Job,
    Time,
    render_cron,
    render_kubernetes,
    render_systemd,
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="An audit that runs by itself, with the options of `audit` after --; prints, and does"
    " nothing.",
)

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Options = Annotated[
    list[str] | None, typer.Argument(metavar="-- OPTIONS", help="The options of `audit`.")
]
AtOption = Annotated[
    str,
    typer.Option("--at", metavar="HH:MM", help="Time of each day, or :MM a minute of each hour."),
]
SecretOption = Annotated[
    list[str] | None,
    typer.Option(
        "--secret",
        metavar="NAME",
        help="A variable that a reference env:NAME names, such as OPENSPP_API_KEY; may be given"
        " again. Those in the options are known.",
    ),
]


@app.command(
    "systemd",
    epilog="Example: remote-mailcfg schedule systemd --secret OPENSPP_API_KEY -- --all -q",
)
def print_systemd(
    ctx: typer.Context,
    options: Options = None,
    at: AtOption = "06:00",
    secrets: SecretOption = None,
) -> None:
    """Print a service and a timer for systemd, which run as you, in this folder.

    A secret NAME is loaded from /etc/credstore/NAME.
    """
    sys.stdout.write(render_systemd(_job(ctx, options, at, secrets)))


@app.command(
    "cron", epilog="Example: remote-mailcfg schedule cron --at 06:30 -- --all -q --fail-on warning"
)
def print_cron(
    ctx: typer.Context,
    options: Options = None,
    at: AtOption = "06:00",
    secrets: SecretOption = None,
) -> None:
    """Print lines for your crontab, which run in this folder.

    A secret NAME is in the file NAME of your config folder (~/.config/remote-mailcfg on Linux).
    """
    text = render_cron(_job(ctx, options, at, secrets))
    if max(map(len, text.splitlines())) > MOST_CRON_CHARACTERS:
        raise typer.BadParameter(
            f"cron takes no command of more than {MOST_CRON_CHARACTERS} characters: put the"
            " options into a script",
            ctx=ctx,
        )
    sys.stdout.write(text)


@app.command(
    "kubernetes",
    epilog="Example: remote-mailcfg schedule kubernetes --image registry.example.org/mailcfg:1"
    " --secret OPENSPP_API_KEY -- --all -q",
)
def print_kubernetes(
    ctx: typer.Context,
    image: Annotated[str, typer.Option("--image", help="An image that remote-mailcfg is in.")],
    options: Options = None,
    at: AtOption = "06:00",
    secrets: SecretOption = None,
) -> None:
    """Print a CronJob for Kubernetes; the time is UTC.

    The inventory comes from the ConfigMap remote-mailcfg, a secret NAME from the Secret of that
    name.
    """
    sys.stdout.write(render_kubernetes(_job(ctx, options, at, secrets), image=image))


def _job(ctx: typer.Context, options: list[str] | None, at: str, secrets: list[str] | None) -> Job:
    """Return what is to be run; raises `typer.BadParameter` for what could not."""
    given = options or []
    _check_texts(given)
    if audit := getattr(ctx.find_root().command, "commands", {}).get("audit"):
        check_options(audit, given)
    names = tuple(dict.fromkeys((*_checked(secrets or ()), *_named(given))))
    if not names:
        sys.stderr.write(
            "no secret is named: give --secret NAME for each variable that a reference of the"
            " inventory names\n"
        )
    folder = Path.cwd()
    return Job(
        program=_program(),
        options=tuple(given),
        at=_parse_time(at),
        folder=folder,
        user=_user(),
        secrets=names,
        secrets_folder=user_config_path("remote-mailcfg"),
        reports=tuple(dict.fromkeys((folder / it).parent for it in _reports(given))),
    )


def check_options(audit: Any, options: Sequence[str]) -> None:
    """Parse options as the command `audit` does; raises what it raises for wrong ones.

    `audit` is a command of Click, or a group that is called without one of its commands.
    """
    with audit.make_context("audit", [*options]) as parsed:
        if left := [*getattr(parsed, "_protected_args", ()), *parsed.args]:
            raise typer.BadParameter(f"{len(left)} word(s) after -- that are no options of `audit`")


def _check_texts(options: Sequence[str]) -> None:
    """Refuse what cannot stand in a line, or would put a secret into one."""
    if any(not it.isprintable() for it in options):
        raise typer.BadParameter("an option holds a line break or a control character")
    for address in _values(options, "--notify"):
        if problem := check_reference(address):
            raise typer.BadParameter(f"--notify {problem}")


def _values(options: Sequence[str], name: str) -> Iterator[str]:
    """Yield what is given to an option: after it, or after its =."""
    for number, option in enumerate(options):
        if option == name:
            yield from options[number + 1 : number + 2]
        elif option.startswith(f"{name}="):
            yield option.partition("=")[2]


def _reports(options: Sequence[str]) -> Iterator[Path]:
    for report in _values(options, "--report"):
        if (path := report.partition(":")[2]) and path != "-":
            yield Path(path).expanduser()


def _named(options: Sequence[str]) -> list[str]:
    references = (re.fullmatch(r"(?:--[a-z-]+=)?env:(\w+)", it, re.ASCII) for it in options)
    return [it[1] for it in references if it]


def _checked(secrets: Sequence[str]) -> Sequence[str]:
    if not all(NAME.fullmatch(name) for name in secrets):  # it may be a secret itself: not shown
        raise typer.BadParameter("--secret is not the name of a variable")
    return secrets


def _parse_time(text: str) -> Time:
    found = re.fullmatch(r"(\d{1,2})?:(\d{2})", text, re.ASCII)
    hour = int(found[1]) if found and found[1] else None
    if not found or int(found[2]) > 59 or (hour or 0) > 23:
        raise typer.BadParameter("--at is not HH:MM, nor :MM for each hour")
    return Time(hour=hour, minute=int(found[2]))


def _program() -> tuple[str, ...]:
    """Return how this program was started, by its absolute path."""
    started = shutil.which(sys.argv[0])
    if started and Path(started).name != "__main__.py":
        return (str(Path(started).absolute()),)
    return (sys.executable, "-m", "remote_mailcfg")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, in a container
        return str(os.getuid())
