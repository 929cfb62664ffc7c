"""Earlier runs of the audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from remote_mailcfg.model.finding import Finding, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAudit:
    """One run: its number, when it began, and how many of what it has.

    `examined` and `failed` count instances, `findings` what stands by severity (all four, from the
    least to the worst), `waived` what was accepted.
    """

    run: int
    at: datetime
    examined: int
    failed: int
    findings: Mapping[Severity, int]
    waived: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFinding:
    """A finding of a run, on an instance, and since when every look at it found it."""

    instance: str
    finding: Finding
    since: datetime
    is_waived: bool = False

    @property
    def identity(self) -> str:
        """Return what is the same in every run as long as the finding stands."""
        return self.finding.identity(self.instance)
