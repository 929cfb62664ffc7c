"""`remote-mailcfg demo`: the whole job on a sandbox of its own, by the commands themselves."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import typer

from remote_mailcfg.cli.exit_code import EXIT_FAILED, EXIT_USAGE
from remote_mailcfg.cli.sandbox import open_sandbox
from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.report.table import make_error

if TYPE_CHECKING:
    from remote_mailcfg.cli.running_sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Step:
    """One command as a user types it, what it shows, and how it must end.

    `{host}`, `{port}` and `{user}` are those of the mail server; `smtp_login` says whether the
    passwords in the environment are the one that it takes.
    """

    shows: str
    command: str
    exit_code: int = 0
    smtp_login: Literal["none", "wrong", "right"] = "none"


CREATE: Final = """\
remote-mailcfg server create --name Main --smtp-encryption starttls \\
    --smtp-host {host} --smtp-port {port} --smtp-user {user}"""

PLAN: Final = "remote-mailcfg plan mail-servers.toml"
APPLY: Final = "remote-mailcfg apply mail-servers.toml --yes"

STEPS: Final = (
    Step("A fresh instance has no mail server yet.", "remote-mailcfg check", exit_code=1),
    Step("Developer mode, with a link for those who want the form.", "remote-mailcfg debug on"),
    Step(
        "The instance tests a new one first. With a wrong SMTP_PASS in the environment:",
        CREATE,
        exit_code=1,
        smtp_login="wrong",
    ),
    Step("Nothing is left behind.", "remote-mailcfg server list"),
    Step("With the right SMTP_PASS in the environment:", CREATE, smtp_login="right"),
    Step("The instance can test it at any time.", "remote-mailcfg server test"),
    Step("A real mail.", "remote-mailcfg server send Main --to you@example.org"),
    Step("What there is now, as a file.", "remote-mailcfg export mail-servers.toml"),
    Step("Somebody changes it.", "remote-mailcfg server update Main --sequence 99"),
    Step("A plan against the file sees the drift.", PLAN, exit_code=3, smtp_login="right"),
    Step("And puts it right, once it is proved.", APPLY, smtp_login="right"),
    Step("Nothing is left to do.", PLAN, smtp_login="right"),
    Step("What was changed, by the journal.", "remote-mailcfg runs"),
    Step("Any run can be undone.", "remote-mailcfg rollback --yes"),
    Step("What there is now.", "remote-mailcfg server list"),
    Step("And all is well.", "remote-mailcfg check"),
    Step("Developer mode off again.", "remote-mailcfg debug off"),
    Step("And the kept web session ended.", "remote-mailcfg logout"),
)


def register(root: typer.Typer) -> None:
    """Add the command to the root command."""

    @root.command("demo", epilog="Example: remote-mailcfg demo")
    def _demo() -> None:
        """Show the whole job on a sandbox: each command as typed, and what it says.

        The commands run as processes of their own and see nothing of your settings. Exit code 1
        means that one of them ended otherwise than it should.
        """
        sys.exit(_run(Terminal(quiet=False, verbose=False)))


def _run(terminal: Terminal) -> int:
    received: list[str] = []
    try:
        opened = open_sandbox(19, on_mail=received.append)
    except ConfigurationError as error:
        terminal.problem(make_error("", error))
        return EXIT_USAGE
    with opened as sandbox, tempfile.TemporaryDirectory(prefix="remote-mailcfg-") as folder:
        terminal.line("# On a sandbox. OPENSPP_URL, _DB, _LOGIN and _PASSWORD are set to it.")
        for number, step in enumerate(STEPS, 1):
            if not _take(step, sandbox, folder, terminal):
                terminal.problem(f"  in step {number} of {len(STEPS)}: {step.shows}")
                return EXIT_FAILED
    if not received:
        message = "no mail arrived at the mail server of the sandbox"
        terminal.problem(make_error("", RemoteMailcfgError("mail-not-sent", message)))
        return EXIT_FAILED
    terminal.line("\n# What arrived at the mail server:")
    for line in received:
        terminal.line(line)
    return 0


def _take(step: Step, sandbox: "Sandbox", folder: str, terminal: Terminal) -> bool:
    """Run one step and show it; tell whether it ended as it must."""
    server = sandbox.usual
    command = step.command.format(host=server.host, port=server.port, user=server.user)
    words = shlex.split(command.replace("\\\n", ""))
    terminal.line(f"\n# {step.shows}\n$ {command}")
    ran = subprocess.run(  # noqa: S603 - the words are those of STEPS
        [sys.executable, "-m", "remote_mailcfg", *words[1:]],
        cwd=folder,
        env=_environment(sandbox, folder, step),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    typer.echo(ran.stdout.rstrip("\n"))  # its command has neutralized it, but for our own labels
    if ran.returncode != step.exit_code:
        message = f"`{command}` ended with exit code {ran.returncode} instead of {step.exit_code}"
        terminal.problem(make_error("", RemoteMailcfgError("check-failed", message)))
    return ran.returncode == step.exit_code


def _environment(sandbox: "Sandbox", folder: str, step: Step) -> Mapping[str, str]:
    """Return all that a command sees: nothing of the user's own settings and state."""
    login, password = sandbox.admin
    smtp_passwords = {"none": "", "wrong": "wrong", "right": sandbox.smtp_login[1]}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": folder,
        "XDG_STATE_HOME": folder,
        "PYTHONUTF8": "1",
        "COLUMNS": "80",
        "OPENSPP_URL": sandbox.instances[0].url,
        "OPENSPP_DB": sandbox.database,
        "OPENSPP_LOGIN": login,
        "OPENSPP_PASSWORD": password,
        "SMTP_PASS": smtp_passwords[step.smtp_login],
        "SMTP_PASS_MAIN": smtp_passwords[step.smtp_login],
    }
