"""What a run changes in the history: only what differs from the run before is written.

A row of `looks` or `findings` is of every run from `began` on to the one before `ended`; without
`ended` it still stands. A run shows those of the instances of its selection whose rules looked.
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from remote_mailcfg.model.finding import SEVERITIES, Finding

_RUN: Final = """INSERT INTO runs
    (id, at, selection, examined, failed, waived, info, warning, error, critical)
VALUES (?, ?, ?, 0, 0, 0, 0, 0, 0, 0)"""
_COUNTS: Final = """UPDATE runs
SET examined = ?, failed = ?, waived = ?, info = ?, warning = ?, error = ?, critical = ?
WHERE id = ?"""
_LOOK_STANDING: Final = """SELECT id, url, database, error, looked FROM looks
WHERE instance = ? AND ended IS NULL"""
_LOOK: Final = """INSERT INTO looks
    (instance, began, url, database, error, looked)
VALUES (?, ?, ?, ?, ?, ?)"""
_FINDINGS_STANDING: Final = """SELECT
    id, since, rule, severity, server_id, server_name, subject, message, remedy, waived
FROM findings WHERE instance = ? AND ended IS NULL"""
_FINDING: Final = """INSERT INTO findings (
    instance, began, since,
    rule, severity, server_id, server_name, subject, message, remedy, waived
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_END_LOOK: Final = "UPDATE looks SET ended = ? WHERE id = ?"
_END_FINDING: Final = "UPDATE findings SET ended = ? WHERE id = ?"
#: Texts that many rows share are kept once: how each is found, and made.
_SHARED: Final = {
    "instance": (
        "SELECT id FROM instances WHERE name = ?",
        "INSERT INTO instances (name) VALUES (?)",
    ),
    "rules": (
        "SELECT id FROM rule_sets WHERE rules = ?",
        "INSERT INTO rule_sets (rules) VALUES (?)",
    ),
    "remedy": ("SELECT id FROM remedies WHERE text = ?", "INSERT INTO remedies (text) VALUES (?)"),
    "selection": (
        "SELECT id FROM selections WHERE digest = ?",
        "INSERT INTO selections (digest) VALUES (?)",
    ),
}
#: What no kept run has any more, in order; the first wants the oldest run that is kept.
_DROP_OLD: Final = (
    "DELETE FROM runs WHERE id < ?",
    "DELETE FROM looks WHERE ended <= ?",
    "DELETE FROM findings WHERE ended <= ?",
)
_DROP_UNUSED: Final = (
    "DELETE FROM selections WHERE id NOT IN (SELECT selection FROM runs)",
    "DELETE FROM instances WHERE id NOT IN (SELECT instance FROM selected)",
    "DELETE FROM rule_sets WHERE id NOT IN (SELECT looked FROM looks)",
    "DELETE FROM remedies WHERE id NOT IN (SELECT remedy FROM findings)",
)

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A finding of a run; `since` is None where only the runs before tell it."""

    finding: Finding
    is_waived: bool
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a run has of one instance, `looked` are the ids of the rules that could look."""

    instance: str
    url: str
    database: str
    error: str
    looked: frozenset[str]
    findings: Sequence[Found]


@dataclass(slots=True)
class RunWriter:
    """Writes one run into an open history: each of its instances, then what it counts."""

    database: sqlite3.Connection
    at: datetime
    number: int
    counts: Counter[str] = field(default_factory=Counter)

    def keep(self, look: Look) -> None:
        """Keep what differs on an instance from when it was last looked at."""
        instance = _shared(self.database, "instance", look.instance)
        self.counts["failed" if look.error else "examined"] += 1
        looked = look.looked.union(it.finding.rule for it in look.findings)  # who found has looked
        rules = _shared(self.database, "rules", json.dumps(sorted(looked)))
        self._keep_look(instance, (look.url, look.database, look.error, rules))
        self._keep_findings(instance, look.findings, looked)

    def end(self) -> None:
        """Write what the run counts."""
        names = ("examined", "failed", "waived", *SEVERITIES)
        self.database.execute(_COUNTS, (*(self.counts[it] for it in names), self.number))

    def _keep_look(self, instance: int, row: Row) -> None:
        standing = self.database.execute(_LOOK_STANDING, (instance,)).fetchone()
        if standing is not None and standing[1:] == row:
            return
        if standing is not None:
            self.database.execute(_END_LOOK, (self.number, standing[0]))
        self.database.execute(_LOOK, (instance, self.number, *row))

    def _keep_findings(
        self, instance: int, findings: Sequence[Found], looked: frozenset[str]
    ) -> None:
        standing: dict[Row, list[int]] = {}
        since: dict[Row, str] = {}
        for number, began, *rest in self.database.execute(_FINDINGS_STANDING, (instance,)):
            standing.setdefault(tuple(rest), []).append(number)
            since[_identity(tuple(rest))] = began
        for it in findings:
            self.counts["waived" if it.is_waived else it.finding.severity] += 1
            row = self._row(it)
            if standing.get(row):
                standing[row].pop()
                continue
            known = to_text(it.since) if it.since else since.get(_identity(row), to_text(self.at))
            self.database.execute(_FINDING, (instance, self.number, known, *row))
        for row, numbers in standing.items():
            if row[0] in looked:  # of no other rule can be said that what it found is gone
                ended = ((self.number, it) for it in numbers)
                self.database.executemany(_END_FINDING, ended)

    def _row(self, found: Found) -> Row:
        finding = found.finding
        return (
            finding.rule,
            finding.severity,
            finding.server_id,
            finding.server_name,
            finding.subject,
            finding.message,
            _shared(self.database, "remedy", finding.remedy),
            int(found.is_waived),
        )


def begin_run(
    database: sqlite3.Connection, instances: Sequence[str], at: datetime, number: int | None = None
) -> RunWriter:
    """Begin a run over instances, each of which is in it once; it has the next number."""
    selection = _select(database, instances)
    row = database.execute(_RUN, (number, to_text(at), selection))
    return RunWriter(database, at, row.lastrowid or 0)


def _select(database: sqlite3.Connection, instances: Sequence[str]) -> int:
    """Return the number of a selection of instances, which most runs share."""
    digest = hashlib.sha256("\n".join(sorted(instances)).encode()).hexdigest()
    number = _shared(database, "selection", digest)
    (is_known,) = database.execute(
        "SELECT EXISTS (SELECT 1 FROM selected WHERE selection = ?)", (number,)
    ).fetchone()
    if not is_known:
        rows = ((number, _shared(database, "instance", it)) for it in instances)
        database.executemany("INSERT INTO selected (selection, instance) VALUES (?, ?)", list(rows))
    return number


def _shared(database: sqlite3.Connection, kind: str, text: str) -> int:
    """Return the number of a text that is kept once."""
    find, make = _SHARED[kind]
    found = database.execute(find, (text,)).fetchone()
    if found is None:
        found = (database.execute(make, (text,)).lastrowid,)
    number: int = found[0]
    return number


def drop_oldest(database: sqlite3.Connection, *, most_bytes: int, least_runs: int) -> None:
    """Drop the oldest runs until what is kept takes no more than so many bytes."""
    while bytes_used(database) > most_bytes:
        runs = [it for (it,) in database.execute("SELECT id FROM runs ORDER BY id")]
        if len(runs) <= least_runs:
            return
        oldest = runs[max(1, (len(runs) - least_runs) // 10)]
        for statement in _DROP_OLD:
            database.execute(statement, (oldest,))
        for statement in _DROP_UNUSED:
            database.execute(statement)


def bytes_used(database: sqlite3.Connection) -> int:
    """Return how much of the file is in use."""
    pages, free, size = (
        database.execute(f"PRAGMA {it}").fetchone()[0]
        for it in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def to_text(moment: datetime) -> str:
    """Return a moment as a text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _identity(row: Row) -> Row:
    """Return what stays the same as long as a finding stands, as `Finding.identity` has it."""
    rule, _severity, server_id, _server_name, subject, *_ = row
    return rule, server_id, subject


def take_over_first_form(database: sqlite3.Connection) -> None:
    """Write the runs of a history of the first form, which had every finding in every run.

    Its tables are called `old_…` by now.
    """
    for run, at in database.execute("SELECT id, at FROM old_runs ORDER BY id").fetchall():
        looks = database.execute(
            "SELECT name, url, database, error, rules FROM old_instances"
            " JOIN old_rule_sets ON old_rule_sets.id = looked WHERE run = ?",
            (run,),
        ).fetchall()
        names = [name for name, *_ in looks]
        writer = begin_run(database, names, datetime.fromisoformat(at), run)
        for name, url, of_instance, error, rules in looks:
            look = Look(
                instance=name,
                url=url,
                database=of_instance,
                error=error,
                looked=frozenset(json.loads(rules)),
                findings=list(_findings_of_first_form(database, run, name)),
            )
            writer.keep(look)
        writer.end()


def _findings_of_first_form(
    database: sqlite3.Connection, run: int, instance: str
) -> Iterator[Found]:
    rows = database.execute(
        "SELECT since, waived, rule, severity, server_id, server_name, subject, message, remedy"
        " FROM old_findings WHERE run = ? AND instance = ? ORDER BY rowid",
        (run, instance),
    )
    for since, waived, rule, severity, server_id, server_name, subject, message, remedy in rows:
        finding = Finding(
            rule=rule,
            severity=severity,
            server_id=server_id,
            server_name=server_name,
            subject=subject,
            message=message,
            remedy=remedy,
        )
        yield Found(finding=finding, is_waived=bool(waived), since=datetime.fromisoformat(since))
