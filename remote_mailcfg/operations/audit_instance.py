"""Audit: whether outgoing mail of an instance is configured rightly and safely, and leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from remote_mailcfg.audit.engine import examine
from remote_mailcfg.audit.rules import RULES
from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance.evidence import fetch_evidence
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.finding import Examination, Finding, Severity, is_at_least
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.entry import enter_instance
from remote_mailcfg.operations.prove_servers import run_tests, testable


@dataclass(frozen=True, slots=True)
class Audit:
    """What was seen of one instance, and what the rules say about it.

    A finding of `fail_on` or worse makes the audit fail. What else looks at an instance (names and
    certificates from outside, waivers) makes another examination of this one; the evidence is kept
    for it.
    """

    evidence: Evidence
    examination: Examination
    fail_on: Severity

    @property
    def failing(self) -> tuple[Finding, ...]:
        """The findings that make it fail."""
        findings = self.examination.findings
        return tuple(it for it in findings if is_at_least(it.severity, self.fail_on))


def audit_instance(
    target: Target, progress: Progress, *, fail_on: Severity, with_tests: bool
) -> Audit:
    """Gather the evidence, let the instance test its active mail servers, and ask every rule.

    A test that fails is part of the evidence. Raises `TransportError` and `LoginError`, for an
    instance that could not be looked at.
    """
    with enter_instance(target, progress) as instance:
        progress.working(f"{target.name}: looking")
        evidence = fetch_evidence(instance)
        if with_tests and "servers" not in evidence.missing:
            evidence = add_tests(instance, evidence, progress)
    return Audit(evidence, examine(evidence, RULES), fail_on)


def add_tests(instance: Instance, evidence: Evidence, progress: Progress) -> Evidence:
    """Return the evidence with a test of each active server; personal ones only owners can test."""
    missing: Mapping[str, str] = {k: it for k, it in evidence.missing.items() if k != "tests"}
    try:
        tests = run_tests(instance, testable(evidence.records), progress)
    except OdooError as error:
        return replace(evidence, missing={**missing, "tests": error.message.partition("\n")[0]})
    return replace(evidence, missing=missing, tests=tests)
