"""Keep a run of the audit, and say what stood before it; the audit's outcome does not depend on it.

What goes wrong with the history is a value here: it is said, and changes nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.store.audits import load_standing, save_audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the history says of a run.

    `standing` are identities of findings that stood before, with since when; empty where the
    history cannot be read. `run` is its number, None where it was not kept; `problem` says why.
    """

    standing: Mapping[str, datetime]
    run: int | None = None
    problem: RemoteMailcfgError | None = None


def keep_audit(run: Sequence[Examined], *, at: datetime) -> Kept:
    """Keep a run that began `at` (aware), after a look at what stood before."""
    standing: dict[str, datetime] = {}
    try:
        standing = load_standing(it.instance for it in run)
        return Kept(standing=standing, run=save_audit(run, at=at))
    except RemoteMailcfgError as problem:
        return Kept(standing=standing, problem=problem)
