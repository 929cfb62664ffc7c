"""The file that audits are kept in: SQLite, with a number for its form."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.store.state import make_private_file

#: How long one process waits for another one that writes.
BUSY_SECONDS: Final = 30.0

#: From each form to the next, as statements; `PRAGMA user_version` says which form a file has.
MIGRATIONS: Final = (
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
)

_NO_ROOM: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)


def audit_file() -> Path:
    """Return where audits are kept."""
    return user_state_path("remote-mailcfg") / "audits" / "history.sqlite"


@contextmanager
def open_audits() -> Iterator[sqlite3.Connection]:
    """Open the file within one transaction, which ends with what is done with it.

    A new file is made, an old form brought up to date. Raises `history-failed` for a file that is
    damaged, of a newer form, or held by another process for too long.
    """
    path = audit_file()
    make_private_file(path)
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as database:
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("BEGIN IMMEDIATE")  # who comes second waits here, not half-way
            _bring_up_to_date(database, path)
            yield database
            database.execute("COMMIT")  # what is left without it is undone by closing
    except sqlite3.Error as error:
        raise _told(error, path) from error


def _bring_up_to_date(database: sqlite3.Connection, path: Path) -> None:
    (form,) = database.execute("PRAGMA user_version").fetchone()
    if form > len(MIGRATIONS):
        raise RemoteMailcfgError(
            "history-failed",
            f"the history of audits {path} was written by a newer version of remote-mailcfg",
            "Use that one, or move the file away: the next audit begins a new history.",
        )
    for number, statements in enumerate(MIGRATIONS[form:], form + 1):
        for statement in statements:
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {number}")


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
