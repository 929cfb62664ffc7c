"""What an audit found on one instance: findings, and the rules that it had to skip."""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["info", "warning", "error", "critical"]

#: From the least to the worst.
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a rule found.

    `server_id` and `server_name` are of the mail server that it is about, None where it is about
    none. `subject` names what else it is about (a template, a domain, a parameter), so that two
    findings of one rule are told apart; it is stable from run to run, which `message` (numbers,
    ages) is not.
    """

    rule: str
    severity: Severity
    server_id: int | None = None
    server_name: str | None = None
    subject: str = ""
    message: str
    remedy: str

    def identity(self, instance: str) -> str:
        """Return what stays the same as long as the finding stands: 16 hexadecimal digits."""
        parts = (instance, self.rule, str(self.server_id or ""), self.subject)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A rule that could not look, and why: the instance lacks the model, or the user the right."""

    rule: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What came of the audit of one instance, in the order of the rule book."""

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]


def is_at_least(severity: Severity, threshold: Severity) -> bool:
    """Tell whether a severity is the threshold or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(threshold)
