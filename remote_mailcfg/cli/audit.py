"""`remote-mailcfg audit`: what is wrong with outgoing mail, and the rules that tell."""

import sys
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from remote_mailcfg.audit.rules import RULES, find_rule
from remote_mailcfg.cli.command import instance_command
from remote_mailcfg.cli.exit_code import EXIT_USAGE
from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.fleet.worker import Operation
from remote_mailcfg.operations.audit_instance import Audit, audit_instance
from remote_mailcfg.report.audit import AUDIT
from remote_mailcfg.report.rules import make_rule, make_rules, render_rules
from remote_mailcfg.report.table import make_error

app = typer.Typer(rich_markup_mode=None)


class FailOn(StrEnum):
    """The severities of findings, from the least to the worst."""

    info = "info"
    warning = "warning"
    error = "error"
    critical = "critical"


@instance_command(
    app, "audit", AUDIT, example="remote-mailcfg audit --all -q --fail-on warning", is_group=True
)
def audit(
    _environment: Environment,
    fail_on: Annotated[
        FailOn, typer.Option(help="End with 3 where something this bad, or worse, is found.")
    ] = FailOn.error,
    test: Annotated[
        bool, typer.Option("--test/--no-test", help="Let the instance test its active servers.")
    ] = True,
) -> Operation[Audit]:
    """Tell what is wrong with outgoing mail: whether it is set up rightly, safely, and leaves.

    Nothing is changed. Ends with 3 where something was found, with 1 where an instance could not be
    looked at; -q says nothing where nothing is found that is bad enough.
    """
    return partial(audit_instance, fail_on=fail_on.value, with_tests=test)


@app.command("rules", epilog="Example: remote-mailcfg audit rules")
def show_rules(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As the table of the documents.")
    ] = False,
) -> None:
    """List the rules that an audit goes by."""
    if markdown:
        sys.stdout.write(render_rules(RULES))
    else:
        Terminal(quiet=False, verbose=False).result(make_rules(RULES))


@app.command("explain", epilog="Example: remote-mailcfg audit explain same-priority")
def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="A rule's id.")],
) -> None:
    """Tell what a rule looks for, why it matters, and what to do about what it finds."""
    terminal = Terminal(quiet=False, verbose=False)
    try:
        terminal.result(make_rule(find_rule(rule)))
    except RemoteMailcfgError as error:
        terminal.problem(make_error("", error))
        sys.exit(EXIT_USAGE)
