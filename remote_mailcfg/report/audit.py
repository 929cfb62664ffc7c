"""What an audit found as JSON, CSV and text."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from remote_mailcfg.model.finding import SEVERITIES, Finding, Severity, Skipped
from remote_mailcfg.operations.audit_instance import Audit
from remote_mailcfg.report.table import make_table, plain
from remote_mailcfg.report.view import Row, View

STYLES: Final[dict[Severity, str]] = {
    "critical": "bold red",
    "error": "red",
    "warning": "yellow",
    "info": "dim",
}


def render_finding(finding: Finding) -> dict[str, Any]:
    """Return a finding of the JSON contract."""
    server = {"id": finding.server_id, "name": finding.server_name}
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "server": None if finding.server_id is None else server,
        "message": finding.message,
        "remedy": finding.remedy,
    }


def render_skipped(skipped: Skipped) -> dict[str, Any]:
    """Return a rule that could not look, as the JSON contract has it."""
    return {"rule": skipped.rule, "because": skipped.because}


def _data(audit: Audit) -> dict[str, Any]:
    examination = audit.examination
    return {
        "findings": [render_finding(it) for it in examination.findings],
        "skipped": [render_skipped(it) for it in examination.skipped],
    }


def _rows(audit: Audit) -> list[Row]:
    return [
        {
            "rule": it.rule,
            "severity": it.severity,
            "server_id": it.server_id,
            "server_name": it.server_name,
            "message": it.message,
            "remedy": it.remedy,
        }
        for it in audit.examination.findings
    ]


def _text(audit: Audit) -> RenderableType:
    findings = audit.examination.findings
    parts: list[RenderableType] = []
    for severity in reversed(SEVERITIES):
        of_it = [finding for finding in findings if finding.severity == severity]
        if of_it:
            parts += [Text(severity, style=STYLES[severity]), _table(of_it), Text()]
    parts += _summary(len(findings), audit.known)
    parts += _skipped(audit.examination.skipped)
    return Group(*parts)


def _summary(found: int, known: int) -> Iterator[Text]:
    """Yield what a person reads where nothing is shown, or not everything."""
    earlier = f"{known} finding{'' if known == 1 else 's'}"
    if not found:
        remain = "remains" if known == 1 else "remain"
        yield Text(f"Nothing new; {earlier} {remain}." if known else "Nothing found.")
    elif known:
        yield Text(f"Not shown: {earlier} of earlier audits.")


def _table(findings: Sequence[Finding]) -> RenderableType:
    """Return a table of findings: those of one rule together, what to do about them once."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.rule, finding.remedy), []).append(finding)
    return make_table(
        ("Rule", "What was found"),
        [(rule, _told(group, remedy)) for (rule, remedy), group in groups.items()],
    )


def _told(findings: Sequence[Finding], remedy: str) -> Text:
    text = Text("\n".join(_line(finding) for finding in findings))
    return text.append("\nnext", style="bold").append(f": {remedy}")


def _line(finding: Finding) -> str:
    if finding.server_id is None:
        return plain(finding.message)
    return f"{finding.server_id} '{plain(finding.server_name or '')}': {plain(finding.message)}"


def _skipped(skipped: Sequence[Skipped]) -> Iterator[Text]:
    """Yield a line for each reason why rules could not look."""
    for because, rules in rules_by_reason(skipped).items():
        yield Text(f"skipped {', '.join(rules)}: {plain(because)}", style="dim")


def _same(audit: Audit) -> object:
    """Return what makes two audits the same to a person."""
    return _data(audit), audit.known


def rules_by_reason(skipped: Sequence[Skipped]) -> dict[str, list[str]]:
    """Return the rules that could not look, by why: a reason that many share is told once."""
    reasons: dict[str, list[str]] = {}
    for it in skipped:
        reasons.setdefault(it.because, []).append(it.rule)
    return reasons


AUDIT: Final = View(
    _data,
    _rows,
    _text,
    alike=_same,
    differs=lambda audit: bool(audit.failing),
    columns=("rule", "severity", "server_id", "server_name", "message", "remedy"),
)
