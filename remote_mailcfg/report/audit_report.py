"""What the reports of an audit are made from: one run over all its instances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from remote_mailcfg.audit.rule import Rule
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.model.finding import Examination, Finding, Severity
from remote_mailcfg.operations.audit_instance import Audit
from remote_mailcfg.report.audit import AUDIT
from remote_mailcfg.report.envelope import failure_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many findings of each severity stood on an instance in the run that began `at` (aware).

    A severity that is left out counts as none.
    """

    at: datetime
    findings: Mapping[Severity, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """One run of the audit, begun at `at` (aware), as it is shown, in the order of the instances.

    `rules` are those of the run; `since` says of findings, by their identity, when an earlier audit
    found them first. `history` has by instance what its runs counted, this one included, the oldest
    first; runs that could not examine it are left out.
    """

    at: datetime
    rules: Sequence[Rule[Any]]
    outcomes: Sequence[Outcome[Audit]]
    since: Mapping[str, datetime] = field(default_factory=dict)
    history: Mapping[str, Sequence[Counted]] = field(default_factory=dict)

    def began(self, instance: str, finding: Finding) -> datetime:
        """Return since when a finding stands: this run, where it is new."""
        return self.since.get(finding.identity(instance), self.at)

    def is_new(self, instance: str, finding: Finding) -> bool:
        """Tell whether no earlier audit found it."""
        return finding.identity(instance) not in self.since


def examination_of(outcome: Outcome[Audit]) -> Examination | None:
    """Return what was found on an instance, None where it could not be examined."""
    return outcome.result.examination if outcome.result is not None else None


def error_of(outcome: Outcome[Audit]) -> RemoteMailcfgError | None:
    """Return why an instance could not be examined, None where it could."""
    return failure_of(outcome, AUDIT)


def subject_of(finding: Finding) -> str:
    """Return the mail server that a finding is about as people read it, `""` where none."""
    return "" if finding.server_id is None else f"{finding.server_id} '{finding.server_name}'"
