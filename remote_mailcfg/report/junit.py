"""The report `junit`: a suite for each instance, a case for each rule, for CI servers."""

import re
from typing import Any, Final
from xml.etree import ElementTree as ET

from remote_mailcfg.audit.rule import Rule
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.model.finding import SEVERITIES, Finding, Severity, is_at_least
from remote_mailcfg.model.masking import neutralize
from remote_mailcfg.operations.audit_instance import Audit
from remote_mailcfg.report.audit_report import AuditReport, error_of, examination_of, subject_of

#: What XML 1.0 cannot hold.
NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: A finding that is good to know fails no case.
FAILS_FROM: Final[Severity] = "warning"


def render_junit(report: AuditReport) -> str:
    """Return the report as the XML that JUnit's Ant task writes."""
    root = ET.Element("testsuites", name="remote-mailcfg audit")
    for outcome in report.outcomes:
        suite = _suite(report, outcome)
        root.append(suite)
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(report: AuditReport, outcome: Outcome[Audit]) -> ET.Element:
    name = _text(outcome.target.name)
    suite = ET.Element("testsuite", name=name, timestamp=f"{report.at:%Y-%m-%dT%H:%M:%S}")
    error, found = error_of(outcome), examination_of(outcome)
    if error is not None or found is None:
        case = ET.SubElement(suite, "testcase", classname=name, name="examine")
        told = error.message if error else ""
        ET.SubElement(case, "error", type=error.code if error else "", message=_text(told))
        _count(suite, tests=1, failures=0, errors=1, skipped=0)
        return suite
    seen = {it.rule for it in found.findings}  # a case cannot be both failed and skipped
    skipped = {it.rule: it.because for it in found.skipped if it.rule not in seen}
    failures = 0
    for rule in report.rules:
        case = ET.SubElement(suite, "testcase", classname=f"{name}.{rule.group}", name=rule.id)
        findings = [it for it in found.findings if it.rule == rule.id]
        failures += _fill(case, rule, findings)
        if rule.id in skipped:
            ET.SubElement(case, "skipped", message=_text(skipped[rule.id]))
    count = sum(rule.id in skipped for rule in report.rules)
    _count(suite, tests=len(report.rules), failures=failures, errors=0, skipped=count)
    return suite


def _fill(case: ET.Element, rule: Rule[Any], findings: list[Finding]) -> bool:
    """Put the findings of a rule into its case; tell whether they fail it."""
    if not findings:
        return False
    worst = max(findings, key=lambda it: SEVERITIES.index(it.severity)).severity
    lines = [
        f"{it.severity}: {_about(it)}{_text(it.message)}\n  next: {_text(it.remedy)}"
        for it in findings
    ]
    fails = is_at_least(worst, FAILS_FROM)
    if fails:
        told = ET.SubElement(case, "failure", type=worst, message=_text(rule.title))
    else:
        told = ET.SubElement(case, "system-out")
    told.text = "\n".join(lines)
    return fails


def _about(finding: Finding) -> str:
    server = subject_of(finding)
    return f"{_text(server)}: " if server else ""


def _count(suite: ET.Element, **counts: int) -> None:
    for name, count in counts.items():
        suite.set(name, str(count))


def _text(text: str) -> str:
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", neutralize(text, begins_line=False))
