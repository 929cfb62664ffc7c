"""Candidates: archived records, named for their run, on which a change is proved before it is made.

An archived record never takes part in routing, and the test works on it (17.0 and 19.0).
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from remote_mailcfg.errors import OdooError, RemoteMailcfgError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import find_servers_named, unlink_servers
from remote_mailcfg.model.mail_server import CANDIDATE_PREFIX


def new_run() -> str:
    """Return the name of a run: when it began, and enough chance to be its own."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def candidate_name(run: str, name: str) -> str:
    """Return the name by which a candidate is known from its birth."""
    return f"{CANDIDATE_PREFIX}{run}: {name}"


@contextmanager
def candidates_removed(instance: Instance, run: str) -> Iterator[None]:
    """Remove the run's candidates on every way out, an interruption included.

    They are found by name: of a call that was cut off it is not known whether it made one.
    """
    try:
        yield
    except BaseException as error:
        try:
            _remove(instance, run)
        except RemoteMailcfgError as left:
            if isinstance(error, RemoteMailcfgError):
                error.hint = f"{error.hint} {_left_behind(run)} ({left.message})".strip()
        raise
    _remove(instance, run)


def _remove(instance: Instance, run: str) -> None:
    prefix = candidate_name(run, "")
    ids = find_servers_named(instance, prefix)
    if ids:
        unlink_servers(instance, ids)
        if find_servers_named(instance, prefix):
            raise OdooError("not-verified", "a candidate could not be removed", _left_behind(run))


def _left_behind(run: str) -> str:
    return (
        f"An archived record named '{candidate_name(run, '…')}' may be left:"
        " `server list` marks it, `server delete ID` removes it."
    )
