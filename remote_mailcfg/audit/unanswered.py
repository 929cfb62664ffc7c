"""Which rules could not look at all that they are for, since nobody answered a question of theirs.

What such a rule found before cannot be said to be put right: it counts as skipped.
"""

from collections.abc import Collection, Iterator
from typing import Final

from remote_mailcfg.model.finding import Skipped
from remote_mailcfg.model.outside import Outside

#: The rules that a question is for, by its first word in `unknown`.
ASKED_FOR: Final = {
    "spf": (
        "spf-missing",
        "spf-twice",
        "spf-not-valid",
        "spf-too-many-lookups",
        "spf-open",
        "spf-relay-not-named",
    ),
    "dmarc": ("dmarc-missing", "dmarc-twice", "dmarc-policy-none"),
    "dkim": ("dkim-key-missing", "dkim-key-revoked"),
    "mx": ("bounces-not-taken",),
    "mta-sts": ("no-transport-policy",),
    "tls-rpt": ("no-transport-policy",),
    "addresses": ("relay-without-address", "relay-without-name", "spf-relay-not-named"),
}


def tell_unanswered(outside: Outside, rules: Collection[str]) -> Iterator[Skipped]:
    """Yield the rules of a run that a question without an answer was for, each once."""
    told: dict[str, str] = {}
    if outside.problem:
        told = dict.fromkeys(
            (rule for asked in ASKED_FOR.values() for rule in asked), outside.problem
        )
    unknowns = (*(it.unknown for it in outside.domains), *(it.unknown for it in outside.relays))
    for unknown in unknowns:
        for question, because in unknown.items():
            for rule in ASKED_FOR[question.partition(" ")[0]]:
                told.setdefault(rule, because)
    yield from (
        Skipped(rule=rule, because=f"not known: {because}")
        for rule, because in told.items()
        if rule in rules
    )
