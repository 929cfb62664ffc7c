"""The file that audits are kept in: SQLite, with a number for its form."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.store.audit_changes import take_over_first_form
from remote_mailcfg.store.state import make_private_file

Step = str | Callable[[sqlite3.Connection], None]

#: How long one process waits for another one that writes.
BUSY_SECONDS: Final = 30.0

#: The tables of the first form, children first.
FIRST_TABLES: Final = ("findings", "instances", "rule_sets", "runs")
#: From each form to the next, as statements and functions; `PRAGMA user_version` says which one a
#: file has.
MIGRATIONS: Final[tuple[tuple[Step, ...], ...]] = (
    (
        "CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL)",
        # which rules looked is the same for most instances: a list in JSON, each once
        "CREATE TABLE rule_sets (id INTEGER PRIMARY KEY, rules TEXT NOT NULL UNIQUE)",
        """CREATE TABLE instances (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            name TEXT NOT NULL,
            url TEXT NOT NULL,
            database TEXT NOT NULL,
            error TEXT NOT NULL,
            looked INTEGER NOT NULL REFERENCES rule_sets,
            PRIMARY KEY (run, name)
        ) WITHOUT ROWID""",
        "CREATE INDEX instances_by_name ON instances (name, looked, run)",
        """CREATE TABLE findings (
            run INTEGER NOT NULL,
            instance TEXT NOT NULL,
            since TEXT NOT NULL,
            waived INTEGER NOT NULL,
            rule TEXT NOT NULL,
            severity TEXT NOT NULL,
            server_id INTEGER,
            server_name TEXT,
            subject TEXT NOT NULL,
            message TEXT NOT NULL,
            remedy TEXT NOT NULL,
            FOREIGN KEY (run, instance) REFERENCES instances ON DELETE CASCADE
        )""",
        "CREATE INDEX findings_by_run ON findings (run, instance)",
    ),
    (
        "DROP INDEX instances_by_name",
        "DROP INDEX findings_by_run",
        "CREATE INDEX old_findings_by_run ON findings (run, instance)",
        *(f"ALTER TABLE {it} RENAME TO old_{it}" for it in FIRST_TABLES),
        """CREATE TABLE runs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            selection INTEGER NOT NULL,
            examined INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            waived INTEGER NOT NULL,
            info INTEGER NOT NULL,
            warning INTEGER NOT NULL,
            error INTEGER NOT NULL,
            critical INTEGER NOT NULL
        )""",
        "CREATE TABLE instances (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        "CREATE TABLE selections (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE)",
        """CREATE TABLE selected (
            selection INTEGER NOT NULL REFERENCES selections ON DELETE CASCADE,
            instance INTEGER NOT NULL,
            PRIMARY KEY (selection, instance)
        ) WITHOUT ROWID""",
        "CREATE TABLE rule_sets (id INTEGER PRIMARY KEY, rules TEXT NOT NULL UNIQUE)",
        "CREATE TABLE remedies (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
        """CREATE TABLE looks (
            id INTEGER PRIMARY KEY,
            instance INTEGER NOT NULL REFERENCES instances ON DELETE CASCADE,
            began INTEGER NOT NULL,
            ended INTEGER,
            url TEXT NOT NULL,
            database TEXT NOT NULL,
            error TEXT NOT NULL,
            looked INTEGER NOT NULL
        )""",
        "CREATE INDEX looks_by_instance ON looks (instance, ended)",
        """CREATE TABLE findings (
            id INTEGER PRIMARY KEY,
            instance INTEGER NOT NULL REFERENCES instances ON DELETE CASCADE,
            began INTEGER NOT NULL,
            ended INTEGER,
            since TEXT NOT NULL,
            rule TEXT NOT NULL,
            severity TEXT NOT NULL,
            server_id INTEGER,
            server_name TEXT,
            subject TEXT NOT NULL,
            message TEXT NOT NULL,
            remedy INTEGER NOT NULL,
            waived INTEGER NOT NULL
        )""",
        "CREATE INDEX findings_by_instance ON findings (instance, ended)",
        take_over_first_form,
        *(f"DROP TABLE old_{it}" for it in FIRST_TABLES),
    ),
)

_NO_ROOM: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)


def audit_file() -> Path:
    """Return where audits are kept."""
    return user_state_path("remote-mailcfg") / "audits" / "history.sqlite"


@contextmanager
def open_audits(*, to_read: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the file within one transaction, which ends with what is done with it, or before.

    A new file is made, an old form brought up to date. Who only wants `to_read` makes no file, and
    reads one that cannot be written. Raises `history-failed` for a file that is damaged, of a newer
    form, or held by another process for too long.
    """
    path = audit_file()
    if not to_read:
        make_private_file(path)
    place, begin = (
        _place_to_read(path) if to_read else (path.absolute().as_uri(), "BEGIN IMMEDIATE")
    )
    try:
        with closing(
            sqlite3.connect(place, timeout=BUSY_SECONDS, isolation_level=None, uri=True)
        ) as database:
            database.execute("PRAGMA foreign_keys = ON")
            database.execute(begin)  # who comes second waits here, not half-way
            if _bring_up_to_date(database, path):  # what the old form took is free now
                database.execute("COMMIT")
                database.execute("VACUUM")
                database.execute("BEGIN IMMEDIATE")
            yield database
            if database.in_transaction:
                database.execute("COMMIT")  # what is left without it is undone by closing
    except sqlite3.Error as error:
        raise _told(error, path) from error


def _place_to_read(path: Path) -> tuple[str, str]:
    """Return where the history is read, and how that begins; in memory where there is none yet."""
    try:
        is_empty = not path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        is_empty = True
    except OSError as error:
        raise RemoteMailcfgError(
            "history-failed",
            f"the history of audits {path} cannot be read: {error.strerror}",
            "Make it readable.",
        ) from error
    if is_empty:
        return ":memory:", "BEGIN"
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return f"{path.absolute().as_uri()}?mode=ro", "BEGIN"
    return path.absolute().as_uri(), "BEGIN IMMEDIATE"


def _bring_up_to_date(database: sqlite3.Connection, path: Path) -> bool:
    """Bring a file into the newest form; tell whether it had another one."""
    form: int = database.execute("PRAGMA user_version").fetchone()[0]
    if form > len(MIGRATIONS):
        raise RemoteMailcfgError(
            "history-failed",
            f"the history of audits {path} was written by a newer version of remote-mailcfg",
            "Use that one, or move the file away: the next audit begins a new history.",
        )
    for number, steps in enumerate(MIGRATIONS[form:], form + 1):
        for step in steps:
            if callable(step):
                step(database)
            else:
                database.execute(step)
        database.execute(f"PRAGMA user_version = {number}")
    return 0 < form < len(MIGRATIONS)


def _told(error: sqlite3.Error, path: Path) -> RemoteMailcfgError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the details of the extended ones
    hint = "Move the file away: the next audit begins a new history."
    if code == sqlite3.SQLITE_BUSY:
        hint = "Another process holds it: try again when it is done."
    elif code in _NO_ROOM:
        hint = "Make room on the disk, and the file and its folder writable."
    return RemoteMailcfgError(
        "history-failed", f"the history of audits {path} cannot be used: {error}", hint
    )
