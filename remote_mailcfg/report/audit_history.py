"""Earlier audits, and what changed since, as JSON, CSV and text."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from functools import partial
from itertools import islice
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from remote_mailcfg.audit.comparison import CHANGES, Change, Comparison
from remote_mailcfg.model.audit_history import KeptAudit, KeptFinding
from remote_mailcfg.model.finding import SEVERITIES
from remote_mailcfg.report.table import make_table, plain, render_time
from remote_mailcfg.report.view import Row

COLUMNS: Final = (
    "Run",
    "Began",
    "Asked",
    "Failed",
    *map(str.title, reversed(SEVERITIES)),
    "Waived",
)
HISTORY_COLUMNS: Final = ("run", "at", "examined", "failed", "waived", *SEVERITIES)
COMPARISON_COLUMNS: Final = (
    *("change", "instance", "rule", "severity", "subject", "message", "remedy", "since"),
    *("server_id", "server_name"),
)
#: rich takes as long for one line as for five of a hundred.
LINES_AT_ONCE: Final = 100
#: How each kind of change is shown: a sign and a colour, as diffs have them.
SIGNS: Final[dict[Change, tuple[str, str]]] = {
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
        "at": render_time(audit.at),
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
    return [str(audit.run), render_time(audit.at), *(str(it or "-") for it in numbers)]


class _Streamed(list[dict[str, Any]]):
    """A list of JSON that is made while it is written, and never held."""

    def __init__(self, size: int, make: Callable[[], Iterator[dict[str, Any]]]) -> None:
        super().__init__()
        self._size = size
        self._make = make

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._make()


def render_comparison(comparison: Comparison) -> dict[str, Any]:
    """Return what changed as JSON: both runs, and a list of findings for each kind of change.

    The lists are to be written by `json.dump`, which goes through them once.
    """
    return {
        "earlier": render_audit(comparison.earlier),
        "later": render_audit(comparison.later),
        **{
            change: _Streamed(comparison.counts[change], partial(_shown, comparison, change))
            for change in CHANGES
        },
    }


def comparison_rows(comparison: Comparison) -> Iterator[Row]:
    """Yield one row a finding."""
    for change in CHANGES:
        for shown in _shown(comparison, change):
            server = shown.pop("server") or {"id": None, "name": None}
            ids = {"server_id": server["id"], "server_name": server["name"]}
            yield {"change": change, **shown, **ids}


def comparison_lines(comparison: Comparison) -> Iterator[Text]:
    """Yield a line for each finding, some at once, and how many there are of each kind."""
    earlier, later = comparison.earlier, comparison.later
    ran = [f"{it.run} of {render_time(it.at)}" for it in (later, earlier)]
    yield Text(f"Audit {' against '.join(ran)}", style="bold")
    for change in CHANGES:
        lines = (_line(change, it) for it in comparison.findings(change))
        while several := "\n".join(islice(lines, LINES_AT_ONCE)):
            yield Text(several, style=SIGNS[change][1])
    yield Text(", ".join(f"{comparison.counts[change]} {change}" for change in CHANGES))


def _shown(comparison: Comparison, change: Change) -> Iterator[dict[str, Any]]:
    return map(_finding, comparison.findings(change))


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
        "since": render_time(kept.since),
    }


def _line(change: Change, kept: KeptFinding) -> str:
    finding = kept.finding
    text = (
        f"{SIGNS[change][0]} {change} {finding.severity} {kept.instance}: {finding.message}"
        f" [{finding.rule}, since {kept.since.astimezone(UTC):%Y-%m-%d}]"
    )
    return plain(text)
