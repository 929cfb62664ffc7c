import pytest

from remote_mailcfg.audit.engine import examine, is_for
from remote_mailcfg.audit.rule import Rule
from remote_mailcfg.audit.rules import RULES, find_rule
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.evidence import PARTS, Evidence
from tests.audit_evidence import Case, load_cases, make_evidence

CASES = tuple(load_cases())

every_case = pytest.mark.parametrize("case", CASES, ids=lambda it: f"{it.rule}: {it.name}")
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda it: it.id)


@every_case
def test_a_rule_finds_what_its_case_tells(case: Case) -> None:
    rule = find_rule(case.rule)
    evidence = make_evidence(case.evidence)
    assert is_for(rule, evidence.major)

    examined = examine(evidence, (rule,))

    assert examined.skipped == ()
    found = examined.findings
    assert len(found) == len(case.finds), [it.message for it in found]
    for finding, part in zip(found, case.finds, strict=True):
        assert part in finding.message
    if case.severities:
        assert tuple(it.severity for it in found) == case.severities


@every_case
def test_two_findings_of_one_rule_are_told_apart(case: Case) -> None:
    found = examine(make_evidence(case.evidence), (find_rule(case.rule),)).findings

    assert len({it.identity("registry") for it in found}) == len(found)


@every_rule
def test_a_rule_has_a_case_that_finds_and_one_that_is_clean(rule: Rule[Evidence]) -> None:
    cases = [bool(case.finds) for case in CASES if case.rule == rule.id]

    assert set(cases) == {True, False}


@pytest.mark.parametrize("version", ["17.0", "19.0"])
@pytest.mark.parametrize("role", ["production", "training"])
@pytest.mark.parametrize("part", PARTS)
def test_no_rule_raises_whatever_part_is_missing(version: str, role: str, part: str) -> None:
    told = {"version": version, "role": role, "missing": {part: "the user may not read it"}}
    told |= {"parameters": {"database.is_neutralized": "true"}} if part != "parameters" else {}

    skipped = examine(make_evidence(told), RULES).skipped

    major = make_evidence(told).major
    needing = [rule.id for rule in RULES if part in rule.needs and is_for(rule, major)]
    assert [it.rule for it in skipped] == needing


def test_nothing_is_found_on_the_clean_instance() -> None:
    examined = examine(make_evidence(), RULES)

    assert (examined.findings, examined.skipped) == ((), ())


@every_rule
def test_what_a_rule_needs_are_parts_of_the_evidence(rule: Rule[Evidence]) -> None:
    assert set(rule.needs) <= set(PARTS)


@every_rule
def test_a_rule_tells_why_and_what_to_do_in_sentences(rule: Rule[Evidence]) -> None:
    assert rule.why.endswith(".")
    assert rule.remedy.endswith(".")
    assert not rule.title.endswith(".")


def test_the_ids_of_rules_differ() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_a_rule_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(RemoteMailcfgError) as caught:
        find_rule("no-such-rule")

    assert caught.value.code == "not-found"
