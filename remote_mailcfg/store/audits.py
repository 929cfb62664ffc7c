"""The history of audits: what each run found, and since when.

It takes `MOST_BYTES`, then the oldest runs are dropped. A finding stands as long as every run whose
rule looked at the instance found it again; a run that could not look changes nothing.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from remote_mailcfg.audit.comparison import CHANGES, Change, Comparison, compare_instance
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.audit_history import KeptAudit, KeptFinding
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import SEVERITIES, Finding, Severity
from remote_mailcfg.store.audit_changes import Found, Look, begin_run, drop_oldest, to_text
from remote_mailcfg.store.audit_database import open_audits

#: As large as the history grows: years of nightly audits of a thousand instances.
MOST_BYTES: Final = 200_000_000
#: So many stay, however large they are: two can be compared.
LEAST_RUNS: Final = 2
#: What goes wrong with the file, whatever an instance has.
_OF_THE_HISTORY: Final = (
    sqlite3.OperationalError,
    sqlite3.IntegrityError,
    sqlite3.InternalError,
    sqlite3.NotSupportedError,
)

_RUNS: Final = """SELECT id, at, examined, failed, waived, info, warning, error, critical
FROM runs"""
#: The columns of a finding, in the order in which `_kept` reads them.
_COLUMNS: Final = """instances.name, since, waived,
    rule, severity, server_id, server_name, subject, message, remedies.text"""
_STANDING: Final = f"""SELECT {_COLUMNS}
FROM findings
JOIN instances ON instances.id = findings.instance
JOIN remedies ON remedies.id = remedy
WHERE instances.name = ? AND ended IS NULL AND NOT waived"""  # noqa: S608 - our own columns
#: What either of two runs may show, an instance after the other.
_OF_TWO: Final = f"""SELECT
    began <= :earlier AND coalesce(ended > :earlier, 1),
    began <= :later AND coalesce(ended > :later, 1),
    {_COLUMNS}
FROM instances
JOIN findings ON findings.instance = instances.id
JOIN remedies ON remedies.id = remedy
WHERE began <= :later AND coalesce(ended > :earlier, 1)
ORDER BY instances.name, findings.id"""  # noqa: S608 - our own columns
_LOOKED: Final = """SELECT name, looked
FROM runs
JOIN selected ON selected.selection = runs.selection
JOIN instances ON instances.id = selected.instance
JOIN looks ON looks.instance = instances.id
    AND looks.began <= runs.id AND coalesce(looks.ended > runs.id, 1)
WHERE runs.id = ?"""
#: The last runs that could examine an instance, and which rules looked in each.
_EXAMINED: Final = """SELECT runs.id, runs.at, looks.looked
FROM instances
CROSS JOIN runs
JOIN selected ON selected.selection = runs.selection AND selected.instance = instances.id
JOIN looks ON looks.instance = instances.id
    AND looks.began <= runs.id AND coalesce(looks.ended > runs.id, 1)
WHERE instances.name = ? AND looks.error = ''
ORDER BY runs.id DESC LIMIT ?"""


def save_audit(
    run: Sequence[Examined],
    *,
    at: datetime,
    contained: Callable[[str, Exception], None] | None = None,
) -> int:
    """Keep a run that began `at` (aware) and return its number; drop the oldest ones.

    Where `contained` is given, it is told of a bug met with what one instance has; the instance is
    then kept as `crashed`, and the others as they are. Raises `history-failed` or `not-saved`, and
    has kept nothing then.
    """
    with open_audits() as database:
        writer = begin_run(database, [it.instance for it in run], at)
        for examined in run:
            before = writer.counts.copy()
            database.execute("SAVEPOINT instance")
            try:
                writer.keep(_look(examined))
            except _OF_THE_HISTORY:
                raise
            except Exception as bug:
                if contained is None:
                    raise
                contained(examined.instance, bug)
                database.execute("ROLLBACK TO instance")
                writer.counts = before
                writer.keep(_crashed(examined))
            database.execute("RELEASE instance")
        writer.end()
        drop_oldest(database, most_bytes=MOST_BYTES, least_runs=LEAST_RUNS)
    return writer.number


def _crashed(examined: Examined) -> Look:
    """Return what is kept of an instance whose own data cannot be: that nothing looked."""
    return Look(
        instance=examined.instance,
        url=examined.url,
        database=examined.database,
        error="crashed",
        looked=frozenset(),
        findings=(),
    )


def _look(examined: Examined) -> Look:
    findings = [Found(finding=it, is_waived=False) for it in examined.findings]
    findings += [Found(finding=it, is_waived=True) for it, _waiver in examined.waived]
    return Look(
        instance=examined.instance,
        url=examined.url,
        database=examined.database,
        error=examined.error,
        looked=examined.looked,
        findings=findings,
    )


def load_standing(instances: Iterable[str]) -> dict[str, datetime]:
    """Return the identities of what stood on instances when they were last looked at.

    What was waived is not among it. Each has since when it stands. Raises `history-failed` or
    `not-saved`.
    """
    with open_audits(to_read=True) as database:
        kept = (_kept(row) for name in instances for row in database.execute(_STANDING, (name,)))
        return {it.identity: it.since for it in kept}


def list_audits(limit: int) -> tuple[KeptAudit, ...]:
    """Return the last runs, the newest first. Raises `history-failed` or `not-saved`."""
    with open_audits(to_read=True) as database:
        rows = database.execute(f"{_RUNS} ORDER BY id DESC LIMIT ?", (limit,))
        return tuple(_audit(row) for row in rows)


def load_counts(
    instances: Iterable[str], *, limit: int
) -> dict[str, tuple[tuple[datetime, dict[Severity, int]], ...]]:
    """Return how many findings of each severity stood on instances in their last runs.

    The oldest first, with when each began; runs that could not examine an instance are left out.
    Raises `history-failed` or `not-saved`.
    """
    with open_audits(to_read=True) as database:
        rules = _rule_sets(database)
        return {name: tuple(_counts(database, name, limit, rules)) for name in instances}


def _counts(
    database: sqlite3.Connection, instance: str, limit: int, rules: dict[int, frozenset[str]]
) -> Iterator[tuple[datetime, dict[Severity, int]]]:
    runs = database.execute(_EXAMINED, (instance, limit)).fetchall()
    findings = database.execute(
        "SELECT began, ended, rule, severity FROM findings"
        " JOIN instances ON instances.id = findings.instance"
        " WHERE name = ? AND NOT waived AND coalesce(ended > ?, 1)",
        (instance, runs[-1][0] if runs else 0),
    ).fetchall()
    for run, at, looked in reversed(runs):
        counts: Counter[Severity] = Counter(
            severity
            for began, ended, rule, severity in findings
            if began <= run and (ended is None or run < ended) and rule in rules[looked]
        )
        yield datetime.fromisoformat(at), dict(counts)


@contextmanager
def open_comparison(first: int | None = None, second: int | None = None) -> Iterator[Comparison]:
    """Compare two runs: without `second` with the last one, without both the last two.

    The comparison is of use within the context alone; no other process waits for it. Raises
    `not-found`, `history-failed` or `not-saved`.
    """
    with open_audits(to_read=True) as database:
        earlier, later = _choose(database, first, second)
        database.execute(
            "CREATE TEMP TABLE changes (change, name, since, waived,"
            " rule, severity, server_id, server_name, subject, message, remedy)"
        )
        counts: Counter[Change] = Counter(dict.fromkeys(CHANGES, 0))
        for change, kept in _compare(database, earlier, later):
            counts[change] += 1
            database.execute(
                "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (change, *_to_row(kept)),
            )
        database.execute("COMMIT")

        def findings(change: Change) -> Iterator[KeptFinding]:
            rows = database.execute(
                "SELECT * FROM changes WHERE change = ? ORDER BY rowid", (change,)
            )
            return (_kept(row) for _, *row in rows)

        yield Comparison(earlier=earlier, later=later, counts=counts, findings=findings)


def _choose(
    database: sqlite3.Connection, first: int | None, second: int | None
) -> tuple[KeptAudit, KeptAudit]:
    kept = [number for (number,) in database.execute("SELECT id FROM runs ORDER BY id")]
    for given in (first, second):
        if given is not None and given not in kept:
            raise RemoteMailcfgError(
                "not-found",
                f"there is no audit {given} in the history",
                "`remote-mailcfg audit history` lists them.",
            )
    if first is None and len(kept) < 2:
        raise RemoteMailcfgError(
            "not-found",
            "there are no two audits in the history yet",
            "`remote-mailcfg audit` keeps one each time.",
        )
    earlier, later = sorted((first or kept[-2], second or kept[-1]))
    found = (database.execute(f"{_RUNS} WHERE id = ?", (it,)).fetchone() for it in (earlier, later))
    before, after = map(_audit, found)
    return before, after


def _compare(
    database: sqlite3.Connection, earlier: KeptAudit, later: KeptAudit
) -> Iterator[tuple[Change, KeptFinding]]:
    """Yield what changed from run to run, an instance after the other."""
    rules = _rule_sets(database)
    looked: list[dict[str, int]] = [
        dict(database.execute(_LOOKED, (it.run,)).fetchall()) for it in (earlier, later)
    ]
    numbers = {"earlier": earlier.run, "later": later.run}
    for instance, rows in groupby(database.execute(_OF_TWO, numbers), key=lambda row: row[2]):
        before, after = (rules.get(it.get(instance, 0), frozenset()) for it in looked)
        sides: tuple[list[KeptFinding], list[KeptFinding]] = ([], [])
        for in_earlier, in_later, *row in rows:
            kept = _kept(row)
            if in_earlier and kept.finding.rule in before:
                sides[0].append(kept)
            if in_later and kept.finding.rule in after:
                sides[1].append(kept)
        yield from compare_instance(*sides, looked=after, at=earlier.at)


def _rule_sets(database: sqlite3.Connection) -> dict[int, frozenset[str]]:
    rows = database.execute("SELECT id, rules FROM rule_sets")
    return {number: frozenset(json.loads(rules)) for number, rules in rows}


def _audit(row: Sequence[Any]) -> KeptAudit:
    run, at, examined, failed, waived, *counts = row
    return KeptAudit(
        run=run,
        at=datetime.fromisoformat(at),
        examined=examined,
        failed=failed,
        findings=dict(zip(SEVERITIES, counts, strict=True)),
        waived=waived,
    )


def _to_row(kept: KeptFinding) -> tuple[object, ...]:
    finding = kept.finding
    return (
        kept.instance,
        to_text(kept.since),
        kept.is_waived,
        finding.rule,
        finding.severity,
        finding.server_id,
        finding.server_name,
        finding.subject,
        finding.message,
        finding.remedy,
    )


def _kept(row: Sequence[Any]) -> KeptFinding:
    name, since, waived, rule, severity, server_id, server_name, *texts = row
    subject, message, remedy = texts
    finding = Finding(
        rule=rule,
        severity=severity,
        server_id=server_id,
        server_name=server_name,
        subject=subject,
        message=message,
        remedy=remedy,
    )
    return KeptFinding(
        instance=name,
        finding=finding,
        since=datetime.fromisoformat(since),
        is_waived=bool(waived),
    )
