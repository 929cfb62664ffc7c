"""Look at the evidence with every rule: what each found, and which could not look."""

from collections.abc import Iterable

from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.finding import Examination, Finding, Skipped
from remote_mailcfg.model.masking import mask_addresses


def examine(evidence: Evidence, rules: Iterable[Rule[Evidence]]) -> Examination:
    """Return what the rules find, in their order.

    A rule whose `needs` name a missing part is skipped, and says why. One that is not for this
    version of Odoo is left out: there is nothing that it could have looked at. Addresses other than
    the instance's own are masked in every message.
    """
    own = frozenset(evidence.own_addresses())
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    for rule in rules:
        if not is_for(rule, evidence.major):
            continue
        because = [evidence.missing[part] for part in rule.needs if part in evidence.missing]
        if because:
            skipped.append(Skipped(rule=rule.id, because="; ".join(dict.fromkeys(because))))
            continue
        findings += [_finding(rule, problem, own) for problem in rule.look(evidence)]
    return Examination(findings=tuple(findings), skipped=tuple(skipped))


def is_for(rule: Rule[Evidence], major: int) -> bool:
    """Tell whether a rule makes sense on this version of Odoo.

    18 is as 17 where a rule does not name it; what is newer than 19 is as 19, and older as 17.
    """
    named = rule.versions.split(", ")
    alike = "19" if major >= 19 else "17"
    return alike in named or str(major) in named


def _finding(rule: Rule[Evidence], problem: Problem, own: frozenset[str]) -> Finding:
    return Finding(
        rule=rule.id,
        severity=problem.severity or rule.severity,
        server_id=problem.server_id,
        server_name=problem.server_name,
        subject=problem.subject,
        message=mask_addresses(problem.message, own),
        remedy=problem.remedy or rule.remedy,
    )
