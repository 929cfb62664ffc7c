"""The rule book for people: all rules as a table, in Markdown for the documents, or one in full."""

from collections.abc import Iterable
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from remote_mailcfg.audit.rule import Rule
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.report.audit import STYLES
from remote_mailcfg.report.table import make_table


def make_rules(rules: Iterable[Rule[Evidence]]) -> RenderableType:
    """Return the rules as a table: id, severity and title."""
    return make_table(
        ("Rule", "Severity", "Title"),
        [(it.id, Text(it.severity, style=STYLES[it.severity]), it.title) for it in rules],
    )


def make_rule(rule: Rule[Evidence]) -> RenderableType:
    """Return one rule in full."""
    told = (
        ("Title", rule.title),
        ("Severity", rule.severity),
        ("Group", rule.group),
        ("Odoo", rule.versions),
        ("Why", rule.why),
        ("What to do", rule.remedy),
        ("Looks at", ", ".join(rule.needs)),
    )
    return make_table(("Rule", rule.id), [it for it in told if it[1]])


RULE_COLUMNS: Final = (*("id", "severity", "title", "group", "versions", "why", "remedy", "needs"),)


def render_rule(rule: Rule[Evidence]) -> dict[str, Any]:
    """Return one rule as JSON; `needs` are the parts of the evidence that it looks at."""
    return {name: getattr(rule, name) for name in RULE_COLUMNS} | {"needs": [*rule.needs]}


def render_rules(rules: Iterable[Rule[Evidence]]) -> str:
    """Return the rules as a table in Markdown."""
    head = ("| rule | severity | Odoo | finds | why |", "|---|---|---|---|---|")
    rows = (
        f"| `{it.id}` | {it.severity} | {it.versions} | {it.title} | {it.why} |" for it in rules
    )
    return "\n".join((*head, *rows)) + "\n"
