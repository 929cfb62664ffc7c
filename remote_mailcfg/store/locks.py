"""Locks between the runs on this machine: on one instance, and on one inventory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.target import Target
from remote_mailcfg.store.state import digest, make_private_folder, refusals_told, state_folder


class StateLock(FileLock):
    """A lock in the state folder; raises `not-saved` where the disk refuses its file."""

    def _acquire(self) -> None:
        with refusals_told(Path(self.lock_file)):
            super()._acquire()


def _lock(*identity: str) -> StateLock:
    path = state_folder() / "locks" / f"{digest(*identity)}.lock"
    make_private_folder(path.parent)
    return StateLock(path, mode=0o600)


@contextmanager
def _held(lock: StateLock, what: str) -> Iterator[None]:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RemoteMailcfgError(
            "busy",
            f"another run on this machine is changing {what} right now",
            "Wait until it has ended, look at it with `remote-mailcfg runs`, then try again.",
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def changing_instance(target: Target) -> Iterator[None]:
    """Hold the lock of an instance while it is changed; raises `busy` where another run has it."""
    with _held(_lock(target.url, target.database), "this instance"):
        yield


@contextmanager
def changing_inventory(path: Path) -> Iterator[None]:
    """Hold the lock of an inventory for a run; raises `busy` where another run has it."""
    with _held(_lock(str(path.resolve())), f"instances of {path}"):
        yield


@contextmanager
def numbering_runs() -> Iterator[None]:
    """Hold the lock under which a run takes its number; waits for another run that takes one."""
    with _lock("the sequence of runs"):
        yield


def is_being_changed(target: Target) -> bool:
    """Tell whether a run on this machine is at work on the instance.

    Where the lock's file cannot be written no run of this user is.
    """
    try:
        lock = _lock(target.url, target.database)
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except RemoteMailcfgError:
        return False
    lock.release()
    return False
