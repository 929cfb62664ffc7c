import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from remote_mailcfg.audit.rules import RULES, find_rule
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import Examination, Finding, Severity, Skipped
from remote_mailcfg.operations.audit_instance import Audit
from remote_mailcfg.report.audit import AUDIT
from remote_mailcfg.report.rules import make_rule, make_rules, render_rules

WIDTH = 80
WORST_FIRST = """critical
Rule   What was found
worst  it is so
       next: Change it.

error
Rule       What was found
some-rule  3 'Main': it is so
           it is so too
           next: Change it.

info
Rule    What was found
a-rule  it is so
        next: Change it.
"""


def finding(severity: Severity = "error", **values: Any) -> Finding:
    given = {"rule": "some-rule", "message": "it is so", "remedy": "Change it."}
    return Finding(severity=severity, **given | values)


def audit(
    *findings: Finding, skipped: tuple[Skipped, ...] = (), fail_on: Severity = "error"
) -> Audit:
    return Audit(
        Examined(instance="north", examination=Examination(findings=findings, skipped=skipped)),
        fail_on,
    )


def shown(renderable: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=WIDTH, highlight=False).print(renderable, markup=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_the_worst_comes_first_and_one_rules_findings_stand_together() -> None:
    text = AUDIT.text(
        audit(
            finding("info", rule="a-rule"),
            finding(server_id=3, server_name="Main"),
            finding("critical", rule="worst"),
            finding(message="it is so too"),
        )
    )

    assert shown(text) == WORST_FIRST


def test_rules_that_could_not_look_are_told_by_reason() -> None:
    skipped = [("a", "no role"), ("b", "denied"), ("c", "no role")]

    text = AUDIT.text(
        audit(skipped=tuple(Skipped(rule=rule, because=why) for rule, why in skipped))
    )

    assert shown(text) == "Nothing found.\nskipped a, c: no role\nskipped b: denied"


def test_what_a_server_holds_is_not_obeyed_by_a_terminal() -> None:
    text = AUDIT.text(audit(finding(message="\x1b[31mred")))

    assert "\x1b" not in shown(text)


def test_json_and_csv_tell_the_server_or_that_there_is_none() -> None:
    result = audit(
        finding(server_id=3, server_name="Main"),
        finding(),
        skipped=(Skipped(rule="other", because="denied"),),
    )

    common = {"rule": "some-rule", "severity": "error"}
    told = {"message": "it is so", "remedy": "Change it."}
    assert AUDIT.data(result) == {
        "findings": [
            common | {"server": {"id": 3, "name": "Main"}} | told,
            common | {"server": None} | told,
        ],
        "skipped": [{"rule": "other", "because": "denied"}],
    }
    assert AUDIT.rows(result) == [
        common | {"server_id": 3, "server_name": "Main"} | told,
        common | {"server_id": None, "server_name": None} | told,
    ]


@pytest.mark.parametrize(
    ("severity", "fail_on", "differs"),
    [
        ("warning", "error", False),
        ("error", "error", True),
        ("critical", "error", True),
        ("info", "info", True),
    ],
)
def test_what_is_bad_enough_makes_an_audit_fail(
    severity: Severity, fail_on: Severity, *, differs: bool
) -> None:
    assert AUDIT.differs
    assert AUDIT.differs(audit(finding(severity), fail_on=fail_on)) is differs


@pytest.mark.parametrize(
    "renderable",
    [
        pytest.param(make_rules(RULES), id="all"),
        *(pytest.param(make_rule(rule), id=rule.id) for rule in RULES),
    ],
)
def test_rules_fit_80_columns(renderable: RenderableType) -> None:
    assert max(len(line) for line in shown(renderable).splitlines()) <= WIDTH


def test_a_rule_is_explained_with_all_that_it_says() -> None:
    rule = find_rule("servers-not-readable")

    text = " ".join(shown(make_rule(rule)).split())

    for part in (rule.id, rule.title, rule.severity, rule.group, rule.why, rule.remedy):
        assert part in text
    assert "Looks at" not in text


def test_the_table_of_the_documents_has_a_row_for_each_rule() -> None:
    rows = render_rules(RULES).splitlines()[2:]

    assert [row.split("`")[1] for row in rows] == [rule.id for rule in RULES]
    assert {row.replace("\\|", "").count("|") for row in rows} == {6}
