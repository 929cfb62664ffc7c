"""The report `prometheus`: a file for node_exporter's textfile collector."""

from collections import Counter
from collections.abc import Iterator, Mapping

from remote_mailcfg.model.finding import SEVERITIES
from remote_mailcfg.report.audit_report import AuditReport, examination_of


def render_prometheus(report: AuditReport) -> str:
    """Return the report in Prometheus' text format.

    Every instance has a number for each severity, 0 where nothing stands, so that a series does not
    end when the last finding is put right.
    """
    return "\n".join(_lines(report)) + "\n"


def _lines(report: AuditReport) -> Iterator[str]:
    yield from _head("examined", "Whether the instance could be examined.")
    for outcome in report.outcomes:
        up = examination_of(outcome) is not None
        yield _sample("examined", {"instance_name": outcome.target.name}, int(up))
    yield from _head("findings", "Findings that stand, by severity.")
    for outcome in report.outcomes:
        if (found := examination_of(outcome)) is not None:
            counts = Counter(it.severity for it in found.findings)
            for severity in SEVERITIES:
                labels = {"instance_name": outcome.target.name, "severity": severity}
                yield _sample("findings", labels, counts[severity])
    yield from _head("rule_findings", "Findings that stand, by the rule that found them.")
    for outcome in report.outcomes:
        if (found := examination_of(outcome)) is not None:
            by_rule = Counter((it.rule, it.severity) for it in found.findings)
            for (rule, worst), count in sorted(by_rule.items()):
                labels = {
                    "instance_name": outcome.target.name,
                    "rule": rule,
                    "severity": worst,
                }
                yield _sample("rule_findings", labels, count)
    yield from _head("timestamp_seconds", "When the audit began.")
    yield _sample("timestamp_seconds", {}, int(report.at.timestamp()))


def _head(name: str, told: str) -> Iterator[str]:
    yield f"# HELP remote_mailcfg_audit_{name} {told}"
    yield f"# TYPE remote_mailcfg_audit_{name} gauge"


def _sample(name: str, labels: Mapping[str, str], value: int) -> str:
    told = ",".join(f'{label}="{_escaped(it)}"' for label, it in labels.items())
    return f"remote_mailcfg_audit_{name}{f'{{{told}}}' if told else ''} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
