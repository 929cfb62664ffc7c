import pytest

from remote_mailcfg.audit.engine import examine
from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.audit.rules import BOOK
from remote_mailcfg.audit.unanswered import ASKED_FOR, tell_unanswered
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.finding import Finding, Skipped
from remote_mailcfg.model.outside import DomainFacts, Outside
from tests.audit_evidence import make_evidence

PROBLEM = Problem(message="it is so", server_id=1, server_name="Main", subject="it")


def make_rule(
    *problems: Problem, needs: tuple[str, ...] = (), versions: str = "17, 19"
) -> Rule[Evidence]:
    return Rule(
        id="some-rule",
        group="servers",
        severity="warning",
        title="It is so",
        why="It matters.",
        remedy="Change it.",
        versions=versions,
        needs=needs,
        look=lambda _evidence: iter(problems),
    )


def test_a_problem_becomes_a_finding_with_what_its_rule_says() -> None:
    examined = examine(make_evidence(), [make_rule(PROBLEM)])

    assert examined.findings == (
        Finding(
            rule="some-rule",
            severity="warning",
            server_id=1,
            server_name="Main",
            subject="it",
            message="it is so",
            remedy="Change it.",
        ),
    )


def test_a_problem_may_have_a_severity_and_a_remedy_of_its_own() -> None:
    problem = Problem(message="it is so", severity="critical", remedy="Run.")

    (finding,) = examine(make_evidence(), [make_rule(problem)]).findings

    assert (finding.severity, finding.remedy) == ("critical", "Run.")


def test_a_rule_is_skipped_where_a_part_that_it_needs_is_missing() -> None:
    evidence = make_evidence({"missing": {"crons": "denied", "queue": "denied", "tests": "off"}})

    examined = examine(evidence, [make_rule(PROBLEM, needs=("crons", "queue", "tests", "servers"))])

    assert examined.findings == ()
    assert examined.skipped == (Skipped(rule="some-rule", because="denied; off"),)


@pytest.mark.parametrize(
    ("versions", "version", "looks"),
    [
        ("17, 19", "17.0", True),
        ("17, 19", "19.0", True),
        ("19", "17.0", False),
        ("19", "18.0", False),
        ("17", "18.0", True),
        ("17", "19.0", False),
        ("18, 19", "17.0", False),
        ("18, 19", "18.0", True),
        ("18, 19", "19.0", True),
        ("19", "saas~19.2", True),
        ("19", "20.0", True),
    ],
)
def test_a_rule_for_another_version_is_left_out(
    versions: str, version: str, *, looks: bool
) -> None:
    evidence = make_evidence({"version": version, "missing": {"crons": "denied"}})

    examined = examine(evidence, [make_rule(PROBLEM, versions=versions)])

    assert (bool(examined.findings), examined.skipped) == (looks, ())


def test_addresses_of_others_are_masked_in_messages() -> None:
    problem = Problem(message="info@registry.org mailed ann@example.net and <bob@example.net>")

    (finding,) = examine(make_evidence(), [make_rule(problem)]).findings

    assert finding.message == "info@registry.org mailed <address> and <address>"


def test_a_question_without_an_answer_skips_the_rules_that_it_was_for() -> None:
    outside = Outside(domains=(DomainFacts(domain="good.test", unknown={"mx": "MX: ServFail"}),))

    (skipped,) = tell_unanswered(outside, {"bounces-not-taken", "spf-missing"})

    assert (skipped.rule, skipped.because) == ("bounces-not-taken", "not known: MX: ServFail")


def test_every_question_is_for_rules_that_there_are() -> None:
    ids = {rule.id for rule in BOOK}

    assert {rule for rules in ASKED_FOR.values() for rule in rules} <= ids
