"""A profile: which rules look, and how bad is what they find."""

import pytest

from remote_mailcfg.audit.profile import choose_rules, grade
from remote_mailcfg.audit.waivers import EXPIRED, UNUSED, WAIVER_RULES
from remote_mailcfg.model.finding import Examination, Finding
from remote_mailcfg.model.profile import Profile


@pytest.mark.parametrize(
    ("profile", "chosen"),
    [
        pytest.param(Profile(name="p"), WAIVER_RULES, id="all"),
        pytest.param(Profile(name="p", rules=(UNUSED.id,)), (UNUSED,), id="only"),
        pytest.param(Profile(name="p", skip=(UNUSED.id,)), (EXPIRED,), id="without"),
        pytest.param(
            Profile(name="p", rules=(UNUSED.id, EXPIRED.id), skip=(EXPIRED.id,)),
            (UNUSED,),
            id="both",
        ),
    ],
)
def test_a_profile_chooses_rules(profile: Profile, chosen: object) -> None:
    assert choose_rules(WAIVER_RULES, profile) == chosen


def test_a_profile_says_how_bad_the_findings_of_a_rule_are() -> None:
    def finding(rule: str, severity: str) -> Finding:
        return Finding(rule=rule, severity=severity, message="m", remedy="r")  # type: ignore[arg-type]

    before = Examination(findings=(finding("a", "error"), finding("b", "error")), skipped=())

    graded = grade(before, Profile(name="p", severity={"b": "info"}))

    assert graded.findings == (finding("a", "error"), finding("b", "info"))
