"""The report `markdown`: for a merge request, a ticket or a wiki."""

import re
from collections.abc import Iterator
from typing import Final

from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.model.finding import SEVERITIES, Finding
from remote_mailcfg.model.masking import neutralize
from remote_mailcfg.operations.audit_instance import Audit
from remote_mailcfg.report.audit import rules_by_reason
from remote_mailcfg.report.audit_report import AuditReport, error_of, examination_of, subject_of
from remote_mailcfg.report.table import render_time

#: What Markdown or the HTML in it would take for its own.
SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")


def render_markdown(report: AuditReport) -> str:
    """Return the report: how many of each severity by instance, then each finding."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: AuditReport) -> Iterator[str]:
    worst_first = tuple(reversed(SEVERITIES))
    yield f"# Audit of outgoing mail, {render_time(report.at)}"
    yield ""
    yield f"| Instance | {' | '.join(worst_first)} |"
    yield f"|---|{'---:|' * len(worst_first)}"
    for outcome in report.outcomes:
        found = examination_of(outcome)
        counts = [
            str(sum(it.severity == severity for it in found.findings)) if found else "?"
            for severity in worst_first
        ]
        yield f"| {_plain(outcome.target.name)} | {' | '.join(counts)} |"
    for outcome in report.outcomes:
        yield from _instance(report, outcome)


def _instance(report: AuditReport, outcome: Outcome[Audit]) -> Iterator[str]:
    name = outcome.target.name
    error, found = error_of(outcome), examination_of(outcome)
    if error is None and found is not None and not found.findings and not found.skipped:
        return
    yield ""
    yield f"## {_plain(name)}"
    yield ""
    if error is not None:
        yield f"Could not be examined: {_plain(error.message)}"
    for finding in sorted(
        found.findings if found else (), key=lambda it: -SEVERITIES.index(it.severity)
    ):
        yield _finding(report, name, finding)
    for because, rules in rules_by_reason(found.skipped if found else ()).items():
        yield f"- skipped {', '.join(f'`{it}`' for it in rules)}: {_plain(because)}"


def _finding(report: AuditReport, instance: str, finding: Finding) -> str:
    server = subject_of(finding)
    about = f"{_plain(server)}: " if server else ""
    since = f"{report.began(instance, finding):%Y-%m-%d}"
    return (
        f"- **{finding.severity}** `{finding.rule}` {about}{_plain(finding.message)}"
        f" (since {since}). Next: {_plain(finding.remedy)}"
    )


def _plain(text: str) -> str:
    """Return a text as it is read, on one line: nothing in it is Markdown or HTML."""
    return SPECIAL.sub(r"\\\1", " ".join(neutralize(text).split()))
