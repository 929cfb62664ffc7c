"""The history of audits: what each run found, and since when.

The last `MOST_RUNS` are kept. A finding stands as long as every run whose rule looked at the
instance found it again; a run that could not look changes nothing.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.audit_history import KeptAudit, KeptFinding, KeptRun
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import SEVERITIES, Finding, Severity
from remote_mailcfg.store.audit_database import open_audits

#: A year of nightly audits, and more.
MOST_RUNS: Final = 400

_INSERT: Final = """INSERT INTO findings (
    run, instance, since, waived, rule, severity, server_id, server_name, subject, message, remedy
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_SELECT: Final = """SELECT
    instance, since, waived, rule, severity, server_id, server_name, subject, message, remedy
FROM findings WHERE run = ?"""


def save_audit(run: Sequence[Examined], *, at: datetime) -> int:
    """Keep a run that began `at` (aware) and return its number; drop the oldest ones.

    Raises `history-failed` or `not-saved`, and has kept nothing then.
    """
    with open_audits() as database:
        database.execute("INSERT INTO runs (at) VALUES (?)", (_written(at),))
        number: int
        (number,) = database.execute("SELECT last_insert_rowid()").fetchone()
        for examined in run:
            since = {it.identity: it.since for it in _last_found(database, examined.instance)}
            _save_instance(database, number, examined)
            kept = [(it, False) for it in examined.findings]
            kept += [(it, True) for it, _waiver in examined.waived]
            for finding, is_waived in kept:
                began = since.get(finding.identity(examined.instance), at)
                _save_finding(
                    database,
                    number,
                    KeptFinding(
                        instance=examined.instance,
                        finding=finding,
                        since=began,
                        is_waived=is_waived,
                    ),
                )
        database.execute("DELETE FROM runs WHERE id <= ?", (number - MOST_RUNS,))
    return number


def load_standing(instances: Iterable[str]) -> dict[str, datetime]:
    """Return the identities of what stood on instances when they were last looked at.

    What was waived is not among it. Each has since when it stands. Raises `history-failed` or
    `not-saved`.
    """
    with open_audits() as database:
        return {
            it.identity: it.since
            for name in instances
            for it in _last_found(database, name)
            if not it.is_waived
        }


def list_audits(limit: int) -> tuple[KeptAudit, ...]:
    """Return the last runs, the newest first. Raises `history-failed` or `not-saved`."""
    with open_audits() as database:
        numbers = database.execute("SELECT id FROM runs ORDER BY id DESC LIMIT ?", (limit,))
        return tuple(_audit(database, number) for (number,) in numbers.fetchall())


def load_counts(
    instances: Iterable[str], *, limit: int
) -> dict[str, tuple[tuple[datetime, dict[Severity, int]], ...]]:
    """Return how many findings of each severity stood on instances in their last runs.

    The oldest first, with when each began; runs that could not examine an instance are left out.
    Raises `history-failed` or `not-saved`.
    """
    with open_audits() as database:
        return {name: tuple(_counts(database, name, limit)) for name in instances}


def _counts(
    database: sqlite3.Connection, instance: str, limit: int
) -> Iterator[tuple[datetime, dict[Severity, int]]]:
    runs = database.execute(
        "SELECT run, at FROM instances JOIN runs ON runs.id = run"
        " WHERE name = ? AND error = '' ORDER BY run DESC LIMIT ?",
        (instance, limit),
    ).fetchall()
    for run, at in reversed(runs):
        found = database.execute(
            "SELECT severity, count(*) FROM findings"
            " WHERE run = ? AND instance = ? AND NOT waived GROUP BY severity",
            (run, instance),
        )
        yield datetime.fromisoformat(at), dict(found.fetchall())


def load_two(first: int | None = None, second: int | None = None) -> tuple[KeptRun, KeptRun]:
    """Return two runs, the older first: without `second` the last one, without both the last two.

    Raises `not-found`, `history-failed` or `not-saved`.
    """
    with open_audits() as database:
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
        numbers = (first or kept[-2], second or kept[-1])
        return _load(database, min(numbers)), _load(database, max(numbers))


def _load(database: sqlite3.Connection, run: int) -> KeptRun:
    looked = database.execute(
        "SELECT name, rules FROM instances JOIN rule_sets ON rule_sets.id = looked WHERE run = ?",
        (run,),
    )
    return KeptRun(
        audit=_audit(database, run),
        findings=tuple(_found(database, run)),
        looked={name: frozenset(json.loads(rules)) for name, rules in looked},
    )


def _audit(database: sqlite3.Connection, run: int) -> KeptAudit:
    (at,) = database.execute("SELECT at FROM runs WHERE id = ?", (run,)).fetchone()
    examined, failed = database.execute(
        "SELECT sum(error = ''), sum(error <> '') FROM instances WHERE run = ?", (run,)
    ).fetchone()
    severities = database.execute(
        "SELECT iif(waived, '', severity), count(*) FROM findings WHERE run = ? GROUP BY 1", (run,)
    )
    counts: dict[str, int] = dict(severities.fetchall())
    return KeptAudit(
        run=run,
        at=datetime.fromisoformat(at),
        examined=examined or 0,  # SQL's sum of nothing is no number
        failed=failed or 0,
        findings={severity: counts.get(severity, 0) for severity in SEVERITIES},
        waived=counts.get("", 0),
    )


def _last_found(database: sqlite3.Connection, instance: str) -> Iterator[KeptFinding]:
    """Yield what each rule found when it last looked at an instance."""
    last: dict[str, int] = {}
    looks = database.execute(
        "SELECT rules, max(run) FROM instances JOIN rule_sets ON rule_sets.id = looked"
        " WHERE name = ? GROUP BY looked",
        (instance,),
    )
    for rules, run in looks:
        for rule in json.loads(rules):
            last[rule] = max(run, last.get(rule, run))
    for run in sorted(set(last.values())):
        for kept in _found(database, run, instance):
            if last[kept.finding.rule] == run:
                yield kept


def _found(
    database: sqlite3.Connection, run: int, instance: str | None = None
) -> Iterator[KeptFinding]:
    """Yield what a run found, on one instance or on all, in its order."""
    values = (run,) if instance is None else (run, instance)
    of_instance = "" if instance is None else " AND instance = ?"
    rows = database.execute(_SELECT + of_instance + " ORDER BY rowid", values)
    for name, since, waived, rule, severity, server_id, server_name, *texts in rows:
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
        yield KeptFinding(
            instance=name,
            finding=finding,
            since=datetime.fromisoformat(since),
            is_waived=bool(waived),
        )


def _save_instance(database: sqlite3.Connection, run: int, examined: Examined) -> None:
    told = [*examined.findings, *(finding for finding, _waiver in examined.waived)]
    looked = examined.looked.union(it.rule for it in told)  # who found something has looked
    rules = json.dumps(sorted(looked))
    database.execute("INSERT OR IGNORE INTO rule_sets (rules) VALUES (?)", (rules,))
    database.execute(
        "INSERT INTO instances (run, name, url, database, error, looked)"
        " SELECT ?, ?, ?, ?, ?, id FROM rule_sets WHERE rules = ?",
        (run, examined.instance, examined.url, examined.database, examined.error, rules),
    )


def _save_finding(database: sqlite3.Connection, run: int, kept: KeptFinding) -> None:
    finding = kept.finding
    database.execute(
        _INSERT,
        (
            run,
            kept.instance,
            _written(kept.since),
            kept.is_waived,
            finding.rule,
            finding.severity,
            finding.server_id,
            finding.server_name,
            finding.subject,
            finding.message,
            finding.remedy,
        ),
    )


def _written(moment: datetime) -> str:
    """Return a moment as a text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
