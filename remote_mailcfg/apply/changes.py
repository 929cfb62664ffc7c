"""Carry out the changes of one instance, all of them or none: prove all, switch all, verify each.

Promise: no run leaves an active server whose connection it changed and has not proved, and none
without the server it had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from remote_mailcfg.apply.proof import prove
from remote_mailcfg.apply.run import Outcome, Run, Work
from remote_mailcfg.apply.switch import switch, take_back
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.instance.mail_servers import find_servers_named, unlink_servers
from remote_mailcfg.model.mail_server import BACKUP_PREFIX
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.plan.change import Change
from remote_mailcfg.store.runs import load_runs


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of one change; `server_id` is 0 where there is no record, `test` its proof."""

    server_id: int
    test: SmtpTest | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """What became of the changes, in their order, and why they could not be made."""

    changes: tuple[Carried, ...]
    error: RemoteMailcfgError | None


def carry_out(run: Run, changes: Sequence[Change], *, command: str, undoes: str = "") -> CarriedOut:
    """Carry out changes; where one fails, those before it are undone.

    Nothing is switched before all is proved. Records are archived and removed after the others are
    switched, so that there is no moment without an active server. What failed is in the result;
    raises `journal-failed` where not even the begin can be noted, and passes on what is no error
    of ours (an interruption, a bug) once it cleaned up.
    """
    works = tuple(Work(number, change) for number, change in enumerate(changes))
    begun = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    target = run.instance.target
    error: RemoteMailcfgError | None = None
    run.journal.begin(
        target, tuple(changes), command=command, at=begun, undoes=undoes, test=run.test
    )
    try:
        with run.own_records_removed():
            for work in works:
                _proved(run, work)
            _switch_all(run, sorted(works, key=_turn))
            _remove_superseded(run, works)
    except RemoteMailcfgError as failure:
        error = failure
    except BaseException as failure:
        _end(run, works, failure)
        raise
    _end(run, works, error)
    if run.unexpected is not None:
        if error is not None:
            run.progress.note(f"{target.name}: {error.message}")
        raise run.unexpected from error
    return CarriedOut(tuple(Carried(it.server_id, it.test, it.outcome) for it in works), error)


def _turn(work: Work) -> int:
    return {"archive": 1, "delete": 2}.get(work.change.action, 0)


def _proved(run: Run, work: Work) -> None:
    try:
        prove(run, work)
    except BaseException:
        work.outcome = "failed"
        raise


def _switch_all(run: Run, works: Sequence[Work]) -> None:
    for number, work in enumerate(works):
        try:
            switch(run, work)
        except BaseException as error:
            work.outcome = "failed"
            for done in reversed(works[:number]):
                take_back(run, done, error)
            raise


def _remove_superseded(run: Run, works: Sequence[Work]) -> None:
    """Remove the backups that earlier runs made of the servers that are changed now, and used ones.

    What the journal says is compared with the names: in a copy of the database the same ids may be
    other records.
    """
    changed = {work.server_id for work in works}
    earlier = [it for it in load_runs(run.instance.target, changing=True) if it.name != run.name]
    backups = {
        backup for it in earlier for backup, server in it.backups.items() if server in changed
    }
    backups |= {work.change.backup for work in works if work.change.backup is not None}
    if backups:
        named = find_servers_named(run.instance, BACKUP_PREFIX, prefixes=(BACKUP_PREFIX,))
        if ids := sorted(backups.intersection(named)):
            unlink_servers(run.instance, ids)


def _end(run: Run, works: Sequence[Work], error: BaseException | None) -> None:
    """Note the end of a run that cleaned up; the others stay open for recovery."""
    if run.open_ended:
        return
    state = "failed" if error else "done"
    if isinstance(error, KeyboardInterrupt):
        state = "interrupted"
    try:
        run.journal.end(state, tuple(work.outcome for work in works))
    except RemoteMailcfgError as left:
        if error is None:
            run.tell(left, "The change itself is made and read back.")
            raise
        run.tell(error, f"Its end could not be noted ({left.message}).")
