"""What changed from one run of the audit to another."""

from dataclasses import dataclass

from remote_mailcfg.model.audit_history import KeptAudit, KeptFinding, KeptRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed from an earlier run to a later one; a finding is in one of the lists.

    `waived` stood before and is accepted now. `unknown` stood before, and nobody knows: its rule
    did not look at the instance again, or the instance could not be examined.
    """

    earlier: KeptAudit
    later: KeptAudit
    new: tuple[KeptFinding, ...]
    fixed: tuple[KeptFinding, ...]
    standing: tuple[KeptFinding, ...]
    waived: tuple[KeptFinding, ...]
    unknown: tuple[KeptFinding, ...]


def compare(earlier: KeptRun, later: KeptRun) -> Comparison:
    """Return what is new, fixed, standing, accepted and unknown.

    A finding that the earlier run could not see, and that stood already, is not new.
    """
    before = {it.identity: it for it in earlier.findings}
    after = {it.identity: it for it in later.findings}

    def stood(kept: KeptFinding) -> bool:
        was = before.get(kept.identity)
        return not was.is_waived if was else kept.since <= earlier.audit.at

    def was_looked_for(kept: KeptFinding) -> bool:
        return kept.finding.rule in later.looked.get(kept.instance, ())

    now = [it for it in after.values() if not it.is_waived]
    gone = [it for it in before.values() if not it.is_waived and it.identity not in after]
    return Comparison(
        earlier=earlier.audit,
        later=later.audit,
        new=tuple(it for it in now if not stood(it)),
        fixed=tuple(it for it in gone if was_looked_for(it)),
        standing=tuple(it for it in now if stood(it)),
        waived=tuple(it for it in after.values() if it.is_waived and stood(it)),
        unknown=tuple(it for it in gone if not was_looked_for(it)),
    )
