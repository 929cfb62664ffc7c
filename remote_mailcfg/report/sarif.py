"""The report `sarif` (2.1.0): for code scanning of GitHub and GitLab, and viewers."""

from typing import Any, Final

from remote_mailcfg import __version__
from remote_mailcfg.audit.rule import Rule
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.model.finding import Finding, Severity
from remote_mailcfg.operations.audit_instance import Audit
from remote_mailcfg.report.audit_report import AuditReport, error_of, examination_of, subject_of
from remote_mailcfg.report.envelope import dump_json
from remote_mailcfg.report.table import render_time

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS: Final[dict[Severity, str]] = {
    "info": "note",
    "warning": "warning",
    "error": "error",
    "critical": "error",
}


def render_sarif(report: AuditReport) -> str:
    """Return the report as one run with all instances; each is a logical location."""
    places = {rule.id: number for number, rule in enumerate(report.rules)}
    notifications = [
        _notification(outcome) for outcome in report.outcomes if examination_of(outcome) is None
    ]
    run = {
        "tool": {
            "driver": {
                "name": "remote-mailcfg",
                "version": __version__,
                "rules": [_rule(rule) for rule in report.rules],
            }
        },
        "automationDetails": {"id": "remote-mailcfg/audit/"},
        "invocations": [
            {
                "executionSuccessful": not notifications,
                "startTimeUtc": render_time(report.at),
                "toolExecutionNotifications": notifications,
            }
        ],
        "results": [
            _result(report, outcome, finding, places)
            for outcome in report.outcomes
            if (found := examination_of(outcome)) is not None
            for finding in found.findings
        ],
    }
    return dump_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _rule(rule: Rule[Any]) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"group": rule.group, "severity": rule.severity, "odoo": rule.versions},
    }


def _result(
    report: AuditReport, outcome: Outcome[Audit], finding: Finding, places: dict[str, int]
) -> dict[str, Any]:
    target = outcome.target
    identity = finding.identity(target.name)
    server = subject_of(finding)
    about = f"{server}: " if server else ""
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": LEVELS[finding.severity],
        "message": {"text": f"{target.name}: {about}{finding.message}\n{finding.remedy}"},
        "locations": [
            {
                # scanners show a result at a file: the inventory is where the instance stands
                "physicalLocation": {
                    "artifactLocation": {"uri": "instances.toml"},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [{"name": target.name, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {
            "identity/v1": identity,
            # the one that GitHub tells results by, beside rule and file; it would make its own of
            # the line, which is the same for all instances
            "primaryLocationLineHash": f"{identity}:1",
        },
        "properties": {
            "instance": target.name,
            "severity": finding.severity,
            "since": render_time(report.began(target.name, finding)),
        },
    }
    if finding.rule in places:
        result["ruleIndex"] = places[finding.rule]
    return result


def _notification(outcome: Outcome[Audit]) -> dict[str, Any]:
    error = error_of(outcome)
    told = f"{error.code}: {error.message}" if error else "not examined"
    return {"level": "error", "message": {"text": f"{outcome.target.name}: {told}"}}
