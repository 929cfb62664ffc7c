"""Audit: whether outgoing mail of an instance is configured rightly and safely, and leaves."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from remote_mailcfg.audit.engine import examine
from remote_mailcfg.audit.rules import RULES
from remote_mailcfg.audit.unanswered import tell_unanswered
from remote_mailcfg.audit.waivers import waive
from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance.evidence import fetch_evidence
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.lookup.outside import look_from_outside
from remote_mailcfg.lookup.resolver import DNS_PORT, resolver_of
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import Examination, Finding, Severity, is_at_least
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.model.waiver import Waiver
from remote_mailcfg.operations.entry import enter_instance
from remote_mailcfg.operations.prove_servers import run_tests, testable


@dataclass(frozen=True, slots=True)
class Audit:
    """What the rules say about one instance; a finding of `fail_on` or worse makes it fail.

    `known` is how many findings of earlier audits are left out of it.
    """

    examined: Examined
    fail_on: Severity
    known: int = 0

    @property
    def examination(self) -> Examination:
        """What stands and what was skipped."""
        return self.examined.examination or Examination(findings=(), skipped=())

    def only_new(self, before: Container[str]) -> "Audit":
        """Return it without the findings whose identities an earlier audit had."""
        new = self.examined.without(before)
        known = len(self.examined.findings) - len(new.findings)
        return replace(self, examined=new, known=known)

    @property
    def failing(self) -> tuple[Finding, ...]:
        """The findings that make it fail."""
        return tuple(it for it in self.examined.findings if is_at_least(it.severity, self.fail_on))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPlan:
    """How an instance is looked at: by the rules of these ids, and what is accepted until when.

    `dns` is None where nothing is looked at from outside.
    """

    rules: frozenset[str]
    waivers: tuple[Waiver, ...]
    today: date
    fail_on: Severity
    with_tests: bool
    dns: "DnsPlan | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsPlan:
    """How DNS is asked: `nameservers` empty are this machine's; `run` shares what is known."""

    nameservers: tuple[str, ...] = ()
    port: int = DNS_PORT
    selectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    run: str = ""


def audit_instance(target: Target, progress: Progress, *, plan: AuditPlan) -> Audit:
    """Gather the evidence, let the instance test its active mail servers, and ask the rules.

    A test that fails is part of the evidence. Raises `TransportError` and `LoginError`, for an
    instance that could not be looked at.
    """
    with enter_instance(target, progress) as instance:
        progress.working(f"{target.name}: looking")
        evidence = fetch_evidence(instance)
        if plan.with_tests and "servers" not in evidence.missing:
            evidence = add_tests(instance, evidence, progress)
    if plan.dns is not None:
        progress.working(f"{target.name}: asking DNS", slow=True)
        resolver = resolver_of(plan.dns.nameservers, plan.dns.port, plan.dns.run)
        outside = look_from_outside(evidence, resolver, plan.dns.selectors)
        evidence = replace(evidence, outside=outside)
    examination = examine(evidence, [rule for rule in RULES if rule.id in plan.rules])
    unanswered = tuple(tell_unanswered(evidence.outside, plan.rules))
    examination = replace(examination, skipped=(*examination.skipped, *unanswered))
    examined = waive(examination, target, plan.waivers, today=plan.today, rules=plan.rules)
    return Audit(examined, plan.fail_on)


def add_tests(instance: Instance, evidence: Evidence, progress: Progress) -> Evidence:
    """Return the evidence with a test of each active server; personal ones only owners can test."""
    missing: Mapping[str, str] = {k: it for k, it in evidence.missing.items() if k != "tests"}
    try:
        tests = run_tests(instance, testable(evidence.records), progress)
    except OdooError as error:
        return replace(evidence, missing={**missing, "tests": error.message.partition("\n")[0]})
    return replace(evidence, missing=missing, tests=tests)
