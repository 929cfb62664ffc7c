"""A rule of the audit: what it looks for, why it matters, and what to do about what it finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from remote_mailcfg.model.finding import Severity

#: What the columns of a report are.
Group = Literal[
    "neutralization",
    "servers",
    "sender",
    "personal",
    "usage",
    "queue",
    "crons",
    "incoming",
    "access",
    "test",
    "dns",
    "tls",
    "waivers",
]

E = TypeVar("E")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a rule saw; the engine makes a `Finding` of it. `severity` None: the rule's own."""

    message: str
    server_id: int | None = None
    server_name: str | None = None
    subject: str = ""
    severity: Severity | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[E]):
    """One rule. Its id is kebab-case and never reused; `look` is pure and never raises.

    `versions` are those of Odoo that it makes sense on, as text: "17, 19", "18, 19" or "19".
    `needs` names the parts of the evidence that it looks at: where one is missing the engine says
    "skipped, because" and does not call `look`.
    """

    id: str
    group: Group
    severity: Severity
    title: str
    why: str
    remedy: str
    versions: str = "17, 19"
    needs: tuple[str, ...] = ()
    look: Callable[[E], Iterator[Problem]]
