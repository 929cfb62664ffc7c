"""The report `html`: one page that needs nothing else, for whoever looks after the mail of a fleet.

Its only script and style are the package's own; the page's policy allows these two, by their
hashes, and nothing from elsewhere. Every text goes through jinja2's escaping or is JSON that the
script shows as text.
"""

import base64
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from importlib import resources, util
from typing import Any

from remote_mailcfg import __version__
from remote_mailcfg.audit.rule import Rule
from remote_mailcfg.model.finding import SEVERITIES, Severity
from remote_mailcfg.report.audit_report import AuditReport, examination_of
from remote_mailcfg.report.page_data import SIGNS, groups_of, render_data


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCount:
    """How often a rule found something, on how many instances, and the worst of it."""

    rule: Rule[Any]
    worst: Severity
    findings: int
    instances: int


def has_jinja() -> bool:
    """Tell whether the extra `html` is installed, without which there is no page."""
    return util.find_spec("jinja2") is not None


def render_html(report: AuditReport) -> str:
    """Return the report as a page; needs the extra `html`."""
    import jinja2  # noqa: PLC0415 - slow to load
    from markupsafe import Markup  # noqa: PLC0415 - part of jinja2

    style, script = _own("page.css"), _own("page.js")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    counts = _counts(report)
    found = {it.rule.id for it in counts}
    return environment.from_string(_own("page.html.jinja")).render(
        report=report,
        version=__version__,
        fail_on=next((it.result.fail_on for it in report.outcomes if it.result), None),
        signs=SIGNS,
        groups=groups_of(report),
        tags=sorted({tag for it in report.outcomes for tag in it.target.tags}),
        counts=counts,
        quiet=[rule for rule in report.rules if rule.id not in found],
        policy=_policy(style, script),
        # the package's own files, with nothing of the audit in them
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        data=Markup(_in_script(render_data(report))),  # noqa: S704
    )


def _own(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _counts(report: AuditReport) -> list[RuleCount]:
    """Return what each rule found, the worst first; rules that found nothing are left out."""
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, outcome in enumerate(report.outcomes):
        examination = examination_of(outcome)
        for finding in examination.findings if examination else ():
            places[finding.rule].append((SEVERITIES.index(finding.severity), number))
    counts = [
        RuleCount(
            rule=rule,
            worst=SEVERITIES[max(severity for severity, _ in found)],
            findings=len(found),
            instances=len({number for _, number in found}),
        )
        for rule in report.rules
        if (found := places.get(rule.id))
    ]
    return sorted(counts, key=lambda it: (-SEVERITIES.index(it.worst), -it.instances))


def _policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy that allows this style and this script, and nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {_hash(script)}",
            "img-src data:",  # the empty icon, without which browsers ask for one
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",  # nothing is ever parsed as HTML later on
        )
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _in_script(data: dict[str, Any]) -> str:
    """Return JSON that cannot end the element it stands in, nor begin a comment in it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for special in "<>&\u2028\u2029":
        text = text.replace(special, f"\\u{ord(special):04x}")
    return text
