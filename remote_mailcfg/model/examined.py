"""One instance in a run of the audit: what stands, what is accepted, and which rules looked."""

from collections.abc import Container
from dataclasses import dataclass, replace

from remote_mailcfg.model.finding import Examination, Finding
from remote_mailcfg.model.waiver import Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a run knows of one instance.

    `examination` is what stands beside the waivers, None where the instance could not be examined;
    `error` is the code why. `waived` is what they took out, each with its waiver. `used` are the
    waivers that had something to waive, or to say. `looked` are the ids of the rules that were part
    of the run and not skipped here, also where they make no sense on this version of Odoo: of no
    other rule can be said that what it found before is gone.
    """

    instance: str
    url: str = ""
    database: str = ""
    tags: tuple[str, ...] = ()
    examination: Examination | None = None
    error: str = ""
    waived: tuple[tuple[Finding, Waiver], ...] = ()
    used: frozenset[Waiver] = frozenset()
    looked: frozenset[str] = frozenset()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what stands; nothing where the instance could not be examined."""
        return self.examination.findings if self.examination else ()

    def without(self, known: Container[str]) -> "Examined":
        """Return it with those findings alone whose identities are not known."""
        if self.examination is None:
            return self
        new = tuple(it for it in self.findings if it.identity(self.instance) not in known)
        return replace(self, examination=replace(self.examination, findings=new))
