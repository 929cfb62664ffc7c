"""What changed from one run of the audit to another."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from remote_mailcfg.model.audit_history import KeptAudit, KeptFinding

Change = Literal["new", "fixed", "waived", "unknown", "standing"]

#: In the order in which they are shown.
CHANGES: Final[tuple[Change, ...]] = get_args(Change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed from an earlier run to a later one; a finding is of one kind of change.

    `counts` has every kind. `findings` yields those of one, however many they are, without holding
    them: what is `waived` stood before and is accepted now; what is `unknown` stood before, and
    nobody knows: its rule did not look at the instance again, or it could not be examined.
    """

    earlier: KeptAudit
    later: KeptAudit
    counts: Mapping[Change, int]
    findings: Callable[[Change], Iterator[KeptFinding]]


def compare_instance(
    earlier: Iterable[KeptFinding],
    later: Iterable[KeptFinding],
    *,
    looked: Collection[str],
    at: datetime,
) -> Iterator[tuple[Change, KeptFinding]]:
    """Yield what changed on one instance, from a run that began `at` to one whose rules `looked`.

    A finding that the earlier run could not see, and that stood already, is not new.
    """
    before = {it.identity: it for it in earlier}
    after = {it.identity: it for it in later}
    for identity, kept in after.items():
        was = before.get(identity)
        stood = not was.is_waived if was else kept.since <= at
        if not kept.is_waived:
            yield "standing" if stood else "new", kept
        elif stood:
            yield "waived", kept
    for identity, kept in before.items():
        if not kept.is_waived and identity not in after:
            yield "fixed" if kept.finding.rule in looked else "unknown", kept
