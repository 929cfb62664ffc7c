"""Hold an instance to a profile: which rules look, and how bad is what they find."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from remote_mailcfg.audit.rule import Rule
from remote_mailcfg.model.finding import Examination
from remote_mailcfg.model.profile import Profile

E = TypeVar("E")


def choose_rules(rules: Iterable[Rule[E]], profile: Profile) -> tuple[Rule[E], ...]:
    """Return the rules of a profile, in their order."""
    return tuple(rule for rule in rules if profile.has(rule.id))


def grade(examination: Examination, profile: Profile) -> Examination:
    """Return an examination with the severities of a profile, also where a rule gave its own."""
    findings = (
        replace(it, severity=profile.severity.get(it.rule, it.severity))
        for it in examination.findings
    )
    return replace(examination, findings=tuple(findings))
