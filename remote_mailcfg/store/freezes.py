"""Notes of the `web.base.url.freeze` that a login sets: a killed login is found and undone."""

from pathlib import Path

from remote_mailcfg.model.target import Target
from remote_mailcfg.store.locks import StateLock
from remote_mailcfg.store.state import (
    load_private,
    make_private_folder,
    private_file,
    refusals_told,
    save_private,
    state_damaged,
)


def _file(target: Target) -> Path:
    return private_file("freezes", target.url, target.database)


def login_lock(target: Target) -> StateLock:
    """Return the lock that one web login to this address and database holds on this machine."""
    path = _file(target)
    make_private_folder(path.parent)
    return StateLock(path.with_suffix(".lock"))


def load_freeze(target: Target) -> str | None:
    """Return the claim on the freeze that an earlier run noted and did not remove, or None."""
    path = _file(target)
    if (content := load_private(path)) is None:
        return None
    value = content.get("value")
    if not isinstance(value, str):
        raise state_damaged(path, "is damaged: it holds no mark")
    return value


def note_freeze(target: Target, value: str) -> None:
    """Note a claim on the freeze before it is made on the instance."""
    save_private(_file(target), {"url": target.url, "database": target.database, "value": value})


def forget_freeze(target: Target) -> None:
    """Delete the note: the claim was seen to be removed."""
    path = _file(target)
    with refusals_told(path.parent):
        path.unlink(missing_ok=True)
