"""Forget a run: remove the backups that it left on the instance, and its journal."""

from dataclasses import dataclass

from remote_mailcfg.instance.mail_servers import find_servers_named, unlink_servers
from remote_mailcfg.model.mail_server import BACKUP_PREFIX
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.change_server import look_at
from remote_mailcfg.operations.entry import enter_to_change
from remote_mailcfg.store.runs import JournaledRun, find_run, forget_run


@dataclass(frozen=True, slots=True)
class ForgottenRun:
    """The run that is forgotten, and how many backups of it were removed."""

    run: JournaledRun
    backups: int


def forget(target: Target, progress: Progress, *, name: str) -> ForgottenRun:
    """Remove the backups of a run, then its journal. It cannot be rolled back after that.

    Raises `not-found`. A run that was cut off is put right first.
    """
    name = find_run(target, name).name  # before anything is sent
    with enter_to_change(target, progress) as instance:
        look_at(instance, progress, yes=True, spares_candidates=True)
        run = find_run(target, name)
        prefix = f"{BACKUP_PREFIX}{name}: "
        ids = find_servers_named(instance, name, prefixes=(prefix,))
        if ids:
            unlink_servers(instance, ids)
    forget_run(target, name)
    return ForgottenRun(run, len(ids))
