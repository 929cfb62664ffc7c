"""`remote-mailcfg sandbox`: an instance to practise on, with real mail servers."""

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from remote_mailcfg.cli.exit_code import EXIT_USAGE
from remote_mailcfg.cli.sandbox_files import ENV_FILE, INVENTORY, write_files
from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.report.table import make_error, make_table

if TYPE_CHECKING:
    from remote_mailcfg.cli.running_sandbox import Instance, Sandbox
    from remote_mailcfg.sandbox.model import Version

#: The packages of the extra.
EXTRA: Final = frozenset({"aiosmtpd", "cryptography", "werkzeug"})


class Odoo(StrEnum):
    """The versions that there is a stand-in for."""

    v17 = "17"
    v19 = "19"


def open_sandbox(odoo: "Version", **options: Any) -> "AbstractContextManager[Sandbox]":
    """Return what runs a sandbox, see `running_sandbox`.

    Raises `ConfigurationError` where the extra is not installed.
    """
    try:
        from remote_mailcfg.cli.running_sandbox import running_sandbox  # noqa: PLC0415 - slow
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA:
            raise
        raise ConfigurationError(
            "configuration",
            f"the Python package {package} of the extra `sandbox` is not installed",
            "pip install 'remote-mailcfg[sandbox]'",
        ) from None
    return running_sandbox(odoo, **options)


def register(root: typer.Typer) -> None:
    """Add the command to the root command."""

    @root.command("sandbox", epilog="Example: remote-mailcfg sandbox --odoo 17 --port 8069")
    def _sandbox(
        odoo: Annotated[Odoo, typer.Option(help="The version it stands in for.")] = Odoo.v19,
        port: Annotated[
            int, typer.Option(min=0, max=65535, help="Of the instances; 0 takes a free one.")
        ] = 0,
        instances: Annotated[
            int, typer.Option(min=1, help="How many; several have a path prefix each.")
        ] = 1,
        openspp: Annotated[
            bool, typer.Option("--openspp", help="Have the traits of OpenSPP.")
        ] = False,
        smtp_timeout: Annotated[
            float,
            typer.Option(min=0.1, help="Seconds that an instance waits for a mail server."),
        ] = 60.0,
        misbehave: Annotated[
            list[str] | None,
            typer.Option(
                metavar="KIND",
                help="Let HTTP go wrong, for instance 503 or latency:seconds=5; repeatable.",
            ),
        ] = None,
        keep: Annotated[
            Path | None, typer.Option(help="A folder that gets each mail as an .eml file.")
        ] = None,
        inventory: Annotated[
            Path | None, typer.Option(help="A new file for the inventory; it is not removed.")
        ] = None,
    ) -> None:
        """Run a stand-in for Odoo on this machine, with real mail servers, until Ctrl-C.

        It says what there is to log in with, and prints a line for each mail that arrives. An env
        file for --env-file and an inventory are in a private folder, which is removed at the end.
        Everything listens on 127.0.0.1 alone. Ctrl-C and SIGTERM end it, with exit code 0.
        """
        terminal = Terminal(quiet=False, verbose=False)
        wait = _on_signal()
        try:
            sandbox = open_sandbox(
                17 if odoo is Odoo.v17 else 19,
                instances=instances,
                port=port,
                openspp=openspp,
                smtp_timeout_seconds=smtp_timeout,
                misbehave=misbehave or (),
                keep=keep,
                on_mail=terminal.line,
            )
            with sandbox as it, tempfile.TemporaryDirectory(prefix="remote-mailcfg-") as name:
                folder = Path(name)
                write_files(it, folder, inventory or folder / INVENTORY)
                _say(terminal, it, folder, inventory or folder / INVENTORY, odoo)
                if misbehave:
                    terminal.line(f"\nHTTP goes wrong: {' '.join(misbehave)}")
                terminal.line("\nCtrl-C ends it.")
                wait()
        except RemoteMailcfgError as error:
            terminal.problem(make_error("", error))
            sys.exit(EXIT_USAGE)


def _on_signal() -> Callable[[], object]:
    """Let signals end a wait, even one that has not begun yet; return what waits.

    SIGHUP, of a terminal that is closed, is one of them, but for what `nohup` started. They are
    blocked, and so in all threads begun later: a handler may miss the moment at which the main
    thread goes to sleep.
    """
    ending = {signal.SIGINT, signal.SIGTERM}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        ending.add(signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    return partial(signal.sigwait, ending)


def _say(terminal: Terminal, sandbox: "Sandbox", folder: Path, inventory: Path, odoo: Odoo) -> None:
    """Tell all that a person needs to use the sandbox; its passwords open nothing else."""
    first = sandbox.instances[0]
    users = [
        (*sandbox.admin, "System Admin"),
        (*sandbox.clerk, "without that role"),
        (*sandbox.two_factor, f"System Admin, two-factor: {sandbox.totp_secret}"),
    ]
    smtp_user, smtp_password = sandbox.smtp_login
    terminal.line(f"A stand-in for Odoo {odoo}: {_addresses(sandbox.instances)}")
    terminal.line(f"Database {sandbox.database}; API key of {sandbox.admin[0]}: {first.api_key}\n")
    terminal.result(make_table(["Login", "Password", "Role"], users))
    terminal.line(f"\nMail servers on {sandbox.usual.host}; user and password where one is wanted:")
    terminal.line(f"{smtp_user} {smtp_password}\n")
    rows = [
        (it.name, str(it.port), it.encryption, "yes" if it.user else "no", it.does)
        for it in sandbox.mail_servers
    ]
    terminal.result(make_table(["Name", "Port", "Encryption", "Login", "What it does"], rows))
    terminal.line(f"\nThe inventory: {inventory}")
    if len(sandbox.instances) > 1:
        terminal.line(f"API keys: {folder}/NAME.key")
    if given := sorted(name for name in os.environ if name.startswith(("OPENSPP_", "SMTP_"))):
        terminal.problem(
            f"warning: {', '.join(given)}: set in this environment, and above any --env-file."
            " Unset these first, or the commands below may not go to the sandbox."
        )
    terminal.line("\nIn another terminal, for instance:")
    for words in ("check", "server create", "server send Main --to you@example.org"):
        terminal.line(f"  remote-mailcfg {words} --env-file {folder / ENV_FILE}")
    if len(sandbox.instances) > 1:
        terminal.line(f"  remote-mailcfg check --all --inventory {inventory}")


def _addresses(instances: "tuple[Instance, ...]") -> str:
    first, last = instances[0], instances[-1]
    return first.url if first is last else f"{first.url} to {last.name}"
