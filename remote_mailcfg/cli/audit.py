"""`remote-mailcfg audit`: what is wrong with outgoing mail, and the rules that tell."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from remote_mailcfg.audit.profile import choose_rules
from remote_mailcfg.audit.rules import BOOK, find_rule
from remote_mailcfg.cli.audit_run import AuditRun
from remote_mailcfg.cli.command import OutputOption, instance_command
from remote_mailcfg.cli.exit_code import EXIT_FAILED, EXIT_USAGE
from remote_mailcfg.cli.gathered import Gathered
from remote_mailcfg.cli.show import Output
from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.config.audit import find_audit_file, load_audit_settings
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.lookup.resolver import require_dns
from remote_mailcfg.model.audit_settings import AuditSettings
from remote_mailcfg.model.profile import Profile
from remote_mailcfg.operations.audit_instance import Audit, AuditPlan, DnsPlan, audit_instance
from remote_mailcfg.operations.notify import Notifier, open_notifier
from remote_mailcfg.report.audit import AUDIT
from remote_mailcfg.report.audit_history import (
    COMPARISON_COLUMNS,
    HISTORY_COLUMNS,
    audit_rows,
    comparison_lines,
    comparison_rows,
    make_audits,
    render_audit,
    render_audits,
    render_comparison,
)
from remote_mailcfg.report.envelope import render_envelope, render_own, render_refusal
from remote_mailcfg.report.report_file import FORMATS, parse_reports
from remote_mailcfg.report.rules import (
    RULE_COLUMNS,
    make_rule,
    make_rules,
    render_rule,
    render_rules,
)
from remote_mailcfg.report.table import make_error
from remote_mailcfg.store.audits import list_audits, open_comparison

app = typer.Typer(rich_markup_mode=None)


class FailOn(StrEnum):
    """The severities of findings, from the least to the worst."""

    info = "info"
    warning = "warning"
    error = "error"
    critical = "critical"


@instance_command(
    app,
    "audit",
    AUDIT,
    example="remote-mailcfg audit --all -q --fail-on warning",
    is_group=True,
)
def audit(
    environment: Environment,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            help="End with 3 where something this bad, or worse, is found; else as the profile"
            " says, else error."
        ),
    ] = None,
    test: Annotated[
        bool, typer.Option("--test/--no-test", help="Let the instance test its active servers.")
    ] = True,
    dns: Annotated[
        bool,
        typer.Option(
            "--dns", help="Ask DNS and look at certificates as well, from this machine (extra dns)."
        ),
    ] = False,
    only_new: Annotated[
        bool, typer.Option("--only-new", help="Leave out what stood in the audit before.")
    ] = False,
    report: Annotated[
        list[str] | None,
        typer.Option(
            "--report",
            metavar="FORMAT:FILE",
            help=f"Write a report as well: {', '.join(FORMATS)}; - prints it in place of the"
            " table; may be given again.",
        ),
    ] = None,
    notify: Annotated[
        str,
        typer.Option(
            metavar="REFERENCE", help="Tell what is new to the service at env:NAME or file:PATH."
        ),
    ] = "",
    profile: Annotated[
        str, typer.Option(metavar="NAME", help="Hold instances to a profile, such as openspp.")
    ] = "",
    settings: Annotated[
        Path | None,
        typer.Option("--settings", metavar="FILE", help="Another file than audit.toml here."),
    ] = None,
    *,
    output: Output,
) -> Gathered[Audit]:
    """Tell what is wrong with outgoing mail: whether it is set up rightly, safely, and leaves.

    Nothing is changed. Ends with 3 where something was found, with 1 where an instance could not be
    looked at; -q says nothing where nothing is found that is bad enough. What audit.toml accepts is
    left out. Each audit is kept on this machine, for `audit history` and `audit diff`.
    """
    path = find_audit_file(settings, named_by="--settings")
    loaded = load_audit_settings(path, rules={rule.id for rule in BOOK})
    chosen = _profile(profile, loaded)
    left_out = {*(() if test else ("test",)), *(() if dns else ("dns", "tls"))}
    rules = [rule for rule in choose_rules(BOOK, chosen) if rule.group not in left_out]
    if dns:
        require_dns()
    worst = fail_on.value if fail_on else chosen.fail_on or "error"
    at = datetime.now(UTC)
    plan = AuditPlan(
        rules=frozenset(rule.id for rule in rules),
        waivers=loaded.waivers,
        today=at.date(),
        fail_on=worst,
        with_tests=test,
        dns=DnsPlan(nameservers=loaded.nameservers, selectors=loaded.selectors, run=at.isoformat())
        if dns
        else None,
    )
    return AuditRun(
        operation=partial(audit_instance, plan=plan),
        at=at,
        fail_on=worst,
        waivers=loaded.waivers,
        tag_uses=loaded.tag_uses,
        profile=chosen,
        rules=tuple(rules),
        only_new=only_new,
        reports=parse_reports(report or (), is_free=output is Output.table),
        notifier=_notifier(notify, environment) if notify else None,
    )


def _profile(name: str, settings: AuditSettings) -> Profile:
    """Return the profile of this name; without a name one that changes nothing."""
    if not name:
        return Profile(name="")
    if name not in settings.profiles:
        raise ConfigurationError(
            "configuration",
            f"--profile: there is no profile {name!r}: there is {', '.join(settings.profiles)}",
        )
    return settings.profiles[name]


def _notifier(reference: str, environment: Environment) -> Notifier:
    secrets = Secrets(environment, ask=None)
    return open_notifier(secrets.resolve(reference, folder=Path.cwd(), what="--notify"))


@app.command("history", epilog="Example: remote-mailcfg audit history --last 30")
def show_history(
    last: Annotated[int, typer.Option("--last", min=1, help="So many, the newest first.")] = 20,
    output: OutputOption = Output.table,
) -> None:
    """List earlier audits of this machine: when, of how many instances, and what they found."""
    with _told("audit history", output) as terminal:
        audits = list_audits(last)
        if output is Output.csv:
            terminal.csv(HISTORY_COLUMNS, audit_rows(audits))
        elif output is Output.table:
            terminal.result(make_audits(audits))
        elif output is Output.jsonl:
            _lines(terminal, map(render_audit, audits))
        else:
            _envelope(terminal, "audit history", render_audits(audits))


@app.command("diff", epilog="Example: remote-mailcfg audit diff")
def show_diff(
    first: Annotated[
        int | None, typer.Argument(metavar="RUN", help="Default: the last but one.")
    ] = None,
    second: Annotated[int | None, typer.Argument(metavar="RUN", help="Default: the last.")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Tell what changed between two audits: what is new, fixed, accepted, or still stands."""
    with _told("audit diff", output) as terminal, open_comparison(first, second) as found:
        if output is Output.csv:
            terminal.stream_csv(COMPARISON_COLUMNS, comparison_rows(found))
        elif output is Output.table:
            for line in comparison_lines(found):
                terminal.result(line)
        else:
            result = render_own(render_comparison(found))
            if output is Output.json:
                terminal.stream_json(render_envelope("audit diff", [result]))
            else:
                terminal.stream_json(result, indent=None)


def _lines(terminal: Terminal, several: Iterable[dict[str, Any]]) -> None:
    for data in several:
        terminal.json(render_own(data), indent=None)


def _envelope(terminal: Terminal, words: str, data: dict[str, Any]) -> None:
    terminal.json(render_envelope(words, [render_own(data)]))


@contextmanager
def _told(words: str, output: Output, code: int = EXIT_FAILED) -> Iterator[Terminal]:
    """Show an error as those of other commands are shown, and end with `code`."""
    terminal = Terminal(quiet=False, verbose=False)
    try:
        yield terminal
    except RemoteMailcfgError as error:
        terminal.problem(make_error("", error))
        if output is Output.json:
            terminal.json(render_envelope(words, [render_refusal(error)]))
        elif output is Output.jsonl:
            terminal.json(render_refusal(error), indent=None)
        sys.exit(code)


@app.command("rules", epilog="Example: remote-mailcfg audit rules")
def show_rules(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As the table of the documents.")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """List the rules that an audit goes by."""
    terminal = Terminal(quiet=False, verbose=False)
    rules = [render_rule(rule) for rule in BOOK]
    if markdown and output is not Output.table:
        raise typer.BadParameter("--markdown is a format of its own: leave --output out")
    if markdown:
        sys.stdout.write(render_rules(BOOK))
    elif output is Output.table:
        terminal.result(make_rules(BOOK))
    elif output is Output.csv:
        terminal.csv(RULE_COLUMNS, [rule | {"needs": " ".join(rule["needs"])} for rule in rules])
    elif output is Output.jsonl:
        _lines(terminal, rules)
    else:
        _envelope(terminal, "audit rules", {"rules": rules})


@app.command("explain", epilog="Example: remote-mailcfg audit explain same-priority")
def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="A rule's id.")],
    output: OutputOption = Output.table,
) -> None:
    """Tell what a rule looks for, why it matters, and what to do about what it finds."""
    with _told("audit explain", output, EXIT_USAGE) as terminal:
        found = find_rule(rule)
        shown = render_rule(found)
        if output is Output.table:
            terminal.result(make_rule(found))
        elif output is Output.csv:
            terminal.csv(RULE_COLUMNS, [shown | {"needs": " ".join(shown["needs"])}])
        elif output is Output.jsonl:
            _lines(terminal, [{"rule": shown}])
        else:
            _envelope(terminal, "audit explain", {"rule": shown})
