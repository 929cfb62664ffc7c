"""The report `json`: the envelope of `-o json`."""

from remote_mailcfg.report.audit import AUDIT
from remote_mailcfg.report.audit_report import AuditReport
from remote_mailcfg.report.envelope import dump_json, render_envelope, render_outcome


def render_json(report: AuditReport) -> str:
    """Return the report as JSON."""
    results = [render_outcome(outcome, AUDIT) for outcome in report.outcomes]
    return dump_json(render_envelope("audit", results)) + "\n"
