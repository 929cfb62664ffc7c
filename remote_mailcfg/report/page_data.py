"""What the page of an audit shows, as the JSON that its script reads.

Rules, groups and runs are named by their numbers, so that a thousand instances fit into one file.
Control characters are made visible here; that no text is taken for HTML is up to who shows it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from remote_mailcfg.audit.rule import Rule
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.model.finding import Finding, Severity
from remote_mailcfg.model.masking import neutralize
from remote_mailcfg.operations.audit_instance import Audit
from remote_mailcfg.report.audit_report import (
    AuditReport,
    Counted,
    error_of,
    examination_of,
    subject_of,
)
from remote_mailcfg.report.table import render_time

#: What stands for a severity beside its colour.
SIGNS: Final[Mapping[Severity, str]] = {
    "critical": "\N{BLACK DIAMOND}",
    "error": "\N{BLACK UP-POINTING TRIANGLE}",
    "warning": "\N{BLACK CIRCLE}",
    "info": "\N{WHITE CIRCLE}",
}
#: Of the history, the latest runs: more are not seen in a chart of this size.
MOST_RUNS: Final = 60


def groups_of(report: AuditReport) -> list[str]:
    """Return the groups of the rules of a run, in the order of the rule book."""
    return list(dict.fromkeys(rule.group for rule in report.rules))


def render_data(report: AuditReport) -> dict[str, Any]:
    """Return the data of the page.

    A finding is `[rule, severity, server, message, remedy, since, is new]`, a remedy that is its
    rule's own is empty. What a run counted is `[run, critical, error, warning, info]`.
    """
    groups = groups_of(report)
    runs = _runs(report)
    return {
        "severities": tuple(SIGNS),
        "signs": tuple(SIGNS.values()),
        "groups": groups,
        "rules": [_rule(rule, groups) for rule in report.rules],
        "runs": [render_time(at) for at in runs],
        "times": [int(at.timestamp()) for at in runs],
        "instances": [
            _instance(report, outcome, {at: number for number, at in enumerate(runs)})
            for outcome in report.outcomes
        ],
    }


def _runs(report: AuditReport) -> list[datetime]:
    return sorted({it.at for counted in report.history.values() for it in counted})[-MOST_RUNS:]


def _rule(rule: Rule[Any], groups: Sequence[str]) -> dict[str, Any]:
    return {
        "id": rule.id,
        "group": groups.index(rule.group),
        "title": rule.title,
        "why": rule.why,
        "remedy": rule.remedy,
    }


def _instance(
    report: AuditReport, outcome: Outcome[Audit], runs: Mapping[datetime, int]
) -> dict[str, Any]:
    target = outcome.target
    numbers = {rule.id: number for number, rule in enumerate(report.rules)}
    shown: dict[str, Any] = {
        "name": _plain(target.name),
        "url": _plain(target.url),
        "role": target.role or "",
        "tags": [_plain(tag) for tag in target.tags],
        "past": [
            [runs[it.at], *_counts(it)]
            for it in report.history.get(target.name, ())
            if it.at in runs
        ],
    }
    found = examination_of(outcome)
    if (error := error_of(outcome)) is not None or found is None:
        told = (error.code, error.message, error.hint) if error else ("", "", "")
        return shown | {"error": [_plain(it) for it in told], "findings": [], "skipped": []}
    return shown | {
        "findings": list(_findings(report, target.name, found.findings, numbers)),
        "skipped": [[numbers[it.rule], _plain(it.because)] for it in found.skipped],
    }


def _findings(
    report: AuditReport, instance: str, findings: Sequence[Finding], numbers: Mapping[str, int]
) -> Iterator[list[Any]]:
    worst_first = tuple(SIGNS)
    for finding in findings:
        number = numbers[finding.rule]
        remedy = "" if finding.remedy == report.rules[number].remedy else finding.remedy
        yield [
            number,
            worst_first.index(finding.severity),
            _plain(subject_of(finding)),
            _plain(finding.message),
            _plain(remedy),
            f"{report.began(instance, finding):%Y-%m-%d}",
            int(report.is_new(instance, finding)),
        ]


def _counts(counted: Counted) -> list[int]:
    return [counted.findings.get(severity, 0) for severity in SIGNS]


def _plain(text: str) -> str:
    return neutralize(text)
