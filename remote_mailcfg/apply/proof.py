"""Prove: let the instance test what a change would make of a mail server, before it is switched."""

from dataclasses import replace

from remote_mailcfg.apply.run import Run, Work
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.instance.mail_servers import (
    copy_server,
    create_server,
    fetch_probe_sender,
    run_smtp_test,
)
from remote_mailcfg.instance.server_actions import restore_server
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.smtp_test import SmtpTest

UNCHANGED = "nothing was changed"


def prove(run: Run, work: Work) -> None:
    """Make what the proof of a change needs, and test it; raises `test-failed`.

    A new server is born archived and tested itself, an update on an archived copy of the live
    record, an archived record as it is. What a copy cannot stand for is proved after its switch.
    """
    change = work.change
    if change.before is None:
        _be_born(run, work)
        if run.test and change.needs_proof:
            record = replace(change.after, id=work.server_id)
            work.test = run_test(run, work, record, outcome=UNCHANGED)
    elif run.test and change.takes_copy:
        copy_id = _copy(run, work, change.before)
        work.test = run_test(run, work, change.after, on=copy_id, outcome=UNCHANGED)
    elif run.test and change.needs_proof and not change.changes_connection:
        work.test = run_test(run, work, change.before, outcome=UNCHANGED)


def _be_born(run: Run, work: Work) -> None:
    """Create the record of a new server, archived; from a backup where there is one."""
    change = work.change
    name = run.candidate_name(str(change.values["name"]))
    born = {**change.values, "active": False, "name": name}
    with run.journal.step(work.number, "create") as done:
        if change.backup is None:
            made = create_server(run.instance, born)
        else:
            made = copy_server(run.instance, change.backup, born)
        done["id"] = work.candidate = run.check_new(made)


def _copy(run: Run, work: Work, before: MailServerRecord) -> int:
    """Make an archived copy of the live record with the new values."""
    change = work.change
    born = {**change.values, "active": False, "name": run.candidate_name(before.name)}
    with run.journal.step(work.number, "copy") as done:
        copy_id = run.check_new(copy_server(run.instance, before.id, born))
        done["id"] = copy_id
        if change.backup is not None and change.restored:
            restore_server(run.instance, copy_id, change.backup, change.restored, run=run.name)
    return copy_id


def run_test(
    run: Run, work: Work, server: MailServerRecord, *, outcome: str, on: int | None = None
) -> SmtpTest:
    """Let the instance test a record, or its copy `on`.

    A test made on a copy carries the id of the record that it stands for. Raises `test-failed`,
    which tells `outcome`: what a failed test means for the live record.
    """
    name = run.instance.target.name
    sender = fetch_probe_sender(run.instance, server.from_filter)
    run.progress.working(f"{name}: testing '{server.name}' (a silent server takes 60 s)", slow=True)
    with run.journal.step(work.number, "test"):
        tested = run_smtp_test(run.instance, replace(server, id=on or server.id), sender)
        test = replace(tested, id=server.id)
        if test.ok:
            return test
        error = RemoteMailcfgError(
            "test-failed",
            f"the test of '{server.name}' failed ({test.cause}), {outcome}: {test.message}",
            test.hint,
        )
        error.details = {"test": test}
        raise error
