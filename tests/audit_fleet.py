"""Audits of made-up fleets, as large as a test wants, the same each time."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from remote_mailcfg.audit.rules import BOOK
from remote_mailcfg.errors import LoginError
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import SEVERITIES, Examination, Finding, Skipped
from remote_mailcfg.model.target import ROLES, Target
from remote_mailcfg.operations.audit_instance import Audit
from remote_mailcfg.report.audit_report import AuditReport, Counted

AT: Final = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
#: What must never be taken for a page's own: tags, ends of scripts, controls, other directions.
HOSTILE: Final = (
    "<script>window.hit=1</script></script><!--<script> <img src=x onerror=hit=1> ]]> {{ 7*7 }}"
    " \"q\" 'q' & \\ \x07\x00 \u2028 \u202e漢 ü\nnext line " + "long" * 100
)
PLACES: Final = ("accra", "bohol", "cebu", "dakar", "elazig", "freetown", "goma", "hanoi")
MESSAGES: Final = (
    "The filter 'registry.example.org' does not cover the alias domain 'example.org'.",
    "112 mails wait, the oldest for 7 days; 98 of them with 'relay access denied'.",
    "Port 465 with STARTTLS: the server expects TLS from the first byte on.",
    "The certificate of smtp.example.org ends on 2026-12-04, in 7 days.",
)
#: The runs before this one.
RUNS: Final = 30
#: In a fleet of two and more, the second one.
NOT_EXAMINED: Final = 1
OUTSIDE: Final = frozenset({"dns", "tls"})


def make_fleet(size: int, *, hostile: bool = False, seed: int = 7) -> AuditReport:
    """Return an audit of so many instances; `hostile` makes every text of the first one so."""
    chance = random.Random(seed)
    outcomes = [_outcome(chance, number, hostile=hostile and not number) for number in range(size)]
    since: dict[str, datetime] = {}
    for outcome in outcomes:
        for finding in outcome.result.examination.findings if outcome.result else ():
            if chance.random() < 0.8:
                stood = timedelta(days=chance.randrange(1, RUNS))
                since[finding.identity(outcome.target.name)] = AT - stood
    return AuditReport(
        at=AT,
        rules=BOOK,
        outcomes=outcomes,
        since=since,
        history={it.target.name: tuple(_history(chance, it)) for it in outcomes},
    )


def _outcome(chance: random.Random, number: int, *, hostile: bool) -> Outcome[Audit]:
    name = HOSTILE if hostile else f"{PLACES[number % len(PLACES)]}-{number:03}"
    target = Target(
        name=name,
        url="javascript:hit=1//" + HOSTILE if hostile else f"https://{name}.example.org",
        role=ROLES[0 if number % 5 else number // 5 % len(ROLES)],
        tags=(HOSTILE,) if hostile else ("country", "v2" if number % 3 else "v1"),
    )
    if number == NOT_EXAMINED or number % 40 == 39:
        text = "the server refused the login 'mail.admin@example.org'"
        return Outcome(target, error=LoginError("authentication-failed", text, "Check the key."))
    count = 0 if number % 6 == 5 else chance.randrange(2, 16)
    rules = chance.sample([it for it in BOOK if it.group not in OUTSIDE or number % 2], count)
    findings = tuple(
        Finding(
            rule=rule.id,
            severity=rule.severity,
            server_id=5 if rule.group in {"servers", "test"} else None,
            server_name=HOSTILE if hostile else "My Organization's Email Server",
            subject=rule.id,
            message=HOSTILE if hostile else chance.choice(MESSAGES),
            remedy=HOSTILE if hostile else rule.remedy,
        )
        for rule in sorted(rules, key=BOOK.index)
    )
    because = HOSTILE if hostile else "the user may not read fetchmail.server"
    skipped = tuple(
        Skipped(rule=rule.id, because=because) for rule in BOOK if rule.group == "incoming"
    )
    shown = skipped if hostile or not number % 4 else ()
    found = Examined(
        instance=name, examination=Examination(findings=findings, skipped=shown), tags=target.tags
    )
    return Outcome(target, result=Audit(found, "error"))


def _history(chance: random.Random, outcome: Outcome[Any]) -> Iterator[Counted]:
    """Yield counts that walk up and down, and end with what was found."""
    if outcome.result is None:
        return
    found = outcome.result.examination.findings
    last = {it: sum(finding.severity == it for finding in found) for it in SEVERITIES}
    more = dict.fromkeys(SEVERITIES, 0)
    past = []
    for day in range(RUNS):
        counts = {it: last[it] + more[it] for it in SEVERITIES}
        past.append(Counted(at=AT - timedelta(days=day), findings=counts))
        more = {it: max(-last[it], more[it] + chance.choice((-1, 0, 0, 0, 1))) for it in more}
    yield from reversed(past)
