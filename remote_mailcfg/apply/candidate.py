"""The archived records a run makes for itself: candidates to prove a change on, and backups.

An archived record never takes part in routing, and the test works on it (17.0 and 19.0). Both kinds
are known by their names from their birth, and removed on every way out of a run.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from remote_mailcfg.errors import OdooError, RemoteMailcfgError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import find_servers_named, unlink_servers
from remote_mailcfg.model.mail_server import BACKUP_PREFIX, CANDIDATE_PREFIX


def new_run() -> str:
    """Return the name of a run: when it began, and enough chance to be its own."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def candidate_name(run: str, name: str) -> str:
    """Return the name of a candidate for a server."""
    return f"{CANDIDATE_PREFIX}{run}: {name}"


def backup_name(run: str, name: str) -> str:
    """Return the name of a backup of a server."""
    return f"{BACKUP_PREFIX}{run}: {name}"


@contextmanager
def own_records_removed(instance: Instance, run: str) -> Iterator[None]:
    """Remove the run's candidates and backups on every way out, an interruption included.

    They are found by name: of a call that was cut off it is not known whether it made one.
    """
    try:
        yield
    except BaseException as error:
        try:
            _remove(instance, run)
        except RemoteMailcfgError as left:
            add_hint(error, f"{_left_behind(run)} ({left.message})")
        raise
    try:
        _remove(instance, run)
    except KeyboardInterrupt:
        _remove(instance, run)  # the change is made; a second Ctrl-C stops this too
        raise
    except RemoteMailcfgError as left:
        add_hint(left, f"The change itself is made and read back. {_left_behind(run)}")
        raise


def add_hint(error: BaseException, hint: str) -> None:
    """Tell one thing more with an error of ours."""
    if isinstance(error, RemoteMailcfgError):
        error.hint = f"{hint} {error.hint}".strip()


def _remove(instance: Instance, run: str) -> None:
    ids = _find(instance, run)
    if ids:
        unlink_servers(instance, ids)
        if _find(instance, run):
            raise OdooError("not-verified", "a record of this run could not be removed")


def _find(instance: Instance, run: str) -> tuple[int, ...]:
    """Return the run's own records: its name stands in both prefixes."""
    return find_servers_named(
        instance, run, prefixes=(candidate_name(run, ""), backup_name(run, ""))
    )


def _left_behind(run: str) -> str:
    return (
        f"An archived record of run {run} may be left:"
        " `server list` marks it, `server delete ID` removes it."
    )
