"""Earlier audits, and what changed since, as JSON, CSV and text."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from remote_mailcfg.audit.comparison import Comparison
from remote_mailcfg.model.audit_history import KeptAudit, KeptFinding
from remote_mailcfg.model.finding import SEVERITIES
from remote_mailcfg.report.table import CONTROL, make_table
from remote_mailcfg.report.view import Row

COLUMNS: Final = (
    "Run",
    "Began",
    "Asked",
    "Failed",
    *map(str.title, reversed(SEVERITIES)),
    "Waived",
)
#: How each list of a comparison is shown: a sign and a colour, as diffs have them.
SIGNS: Final = {
    "new": ("+", "red"),
    "fixed": ("-", "green"),
    "waived": ("~", "yellow"),
    "unknown": ("?", "yellow"),
    "standing": (" ", "dim"),
}


def render_audit(audit: KeptAudit) -> dict[str, Any]:
    """Return a run as JSON: `findings` counts what stands by severity, `failed` instances."""
    return {
        "run": audit.run,
        "at": audit.at.isoformat(),
        "examined": audit.examined,
        "failed": audit.failed,
        "findings": dict(audit.findings),
        "waived": audit.waived,
    }


def render_audits(audits: Sequence[KeptAudit]) -> dict[str, Any]:
    """Return runs as JSON, in their order."""
    return {"audits": [render_audit(it) for it in audits]}


def audit_rows(audits: Sequence[KeptAudit]) -> list[Row]:
    """Return one row a run."""
    rows = []
    for shown in map(render_audit, audits):
        counts = shown.pop("findings")
        rows.append(shown | counts)
    return rows


def make_audits(audits: Sequence[KeptAudit]) -> RenderableType:
    """Return one line a run, the worst findings first."""
    if not audits:
        return Text("No audit is kept yet: `remote-mailcfg audit` keeps each.")
    return make_table(COLUMNS, map(_cells, audits))


def _cells(audit: KeptAudit) -> list[str]:
    counts = [audit.findings[severity] for severity in reversed(SEVERITIES)]
    numbers = (audit.examined + audit.failed, audit.failed, *counts, audit.waived)
    return [str(audit.run), _local(audit.at), *(str(it or "-") for it in numbers)]


def render_comparison(comparison: Comparison) -> dict[str, Any]:
    """Return what changed as JSON: both runs, and a list of findings for each kind of change."""
    return {
        "earlier": render_audit(comparison.earlier),
        "later": render_audit(comparison.later),
        **{change: [_finding(it) for it in found] for change, found in _lists(comparison)},
    }


def comparison_rows(comparison: Comparison) -> list[Row]:
    """Return one row a finding."""
    rows = []
    for change, found in _lists(comparison):
        for shown in map(_finding, found):
            server = shown.pop("server") or {"id": None, "name": None}
            ids = {"server_id": server["id"], "server_name": server["name"]}
            rows.append({"change": change, **shown, **ids})
    return rows


def make_comparison(comparison: Comparison) -> RenderableType:
    """Return what changed: a line for each finding, and how many there are of each kind."""
    earlier, later = comparison.earlier, comparison.later
    head = f"Audit {later.run} of {_local(later.at)} against {earlier.run} of {_local(earlier.at)}"
    counts = ", ".join(f"{len(found)} {change}" for change, found in _lists(comparison))
    lines = (_line(change, it) for change, found in _lists(comparison) for it in found)
    return Group(Text(head, style="bold"), *lines, Text(counts))


def _lists(comparison: Comparison) -> Iterator[tuple[str, tuple[KeptFinding, ...]]]:
    for change in SIGNS:
        yield change, getattr(comparison, change)


def _finding(kept: KeptFinding) -> dict[str, Any]:
    finding = kept.finding
    has_server = finding.server_id is not None
    return {
        "instance": kept.instance,
        "rule": finding.rule,
        "severity": finding.severity,
        "server": {"id": finding.server_id, "name": finding.server_name} if has_server else None,
        "subject": finding.subject,
        "message": finding.message,
        "remedy": finding.remedy,
        "since": kept.since.isoformat(),
    }


def _line(change: str, kept: KeptFinding) -> Text:
    sign, style = SIGNS[change]
    finding = kept.finding
    text = (
        f"{sign} {change} {finding.severity} {kept.instance}: {finding.message}"
        f" [{finding.rule}, since {kept.since.astimezone():%Y-%m-%d}]"
    )
    return Text(text.translate(CONTROL), style=style)


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
