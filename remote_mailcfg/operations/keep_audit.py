"""Keep a run of the audit, and say what stood before it; the audit's outcome does not depend on it.

What goes wrong with the history is a value here: it is said, and changes nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from remote_mailcfg.errors import RemoteMailcfgError, describe_bug
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.store.audits import load_standing, save_audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the history says of a run.

    `standing` are identities of findings that stood before, with since when; empty where the
    history cannot be read. `run` is its number, None where it was not kept; `problem` says why.
    `crashes` are the bugs met while an instance was kept, by its name; the others are kept.
    """

    standing: Mapping[str, datetime]
    run: int | None = None
    problem: RemoteMailcfgError | None = None
    crashes: Mapping[str, str] = field(default_factory=dict)


def keep_audit(run: Sequence[Examined], *, at: datetime) -> Kept:
    """Keep a run that began `at` (aware), after a look at what stood before."""
    standing: dict[str, datetime] = {}
    crashes: dict[str, str] = {}

    def contained(instance: str, bug: Exception) -> None:
        crashes[instance] = describe_bug(bug)

    try:
        standing = load_standing(it.instance for it in run)
        number = save_audit(run, at=at, contained=contained)
    except RemoteMailcfgError as problem:
        return Kept(standing=standing, problem=problem, crashes=crashes)
    return Kept(standing=standing, run=number, crashes=crashes)
