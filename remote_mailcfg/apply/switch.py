"""Switch: write what was proved to the live record, read it back, and put it back if that fails."""

from dataclasses import asdict
from typing import Any

from remote_mailcfg.apply.proof import run_test
from remote_mailcfg.apply.run import Run, Work, reason
from remote_mailcfg.apply.verify import check_gone, check_written
from remote_mailcfg.instance.external_ids import mark_server, unmark_server
from remote_mailcfg.instance.mail_servers import (
    copy_server,
    fetch_last_writes,
    fetch_servers,
    unlink_servers,
    write_server,
)
from remote_mailcfg.instance.server_actions import restore_server
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.values import Values
from remote_mailcfg.plan.change import SECRET_FIELDS

#: What a backup holds of its own, not of the record that it is of.
OWN_FIELDS = frozenset({"name", "active"})


def switch(run: Run, work: Work) -> None:
    """Make the change and read it back; where anything fails, the live record is as it was."""
    before = work.change.before
    if before is None:
        _switch_new(run, work)
    elif work.change.action == "delete":
        _delete(run, work, before)
    else:
        _switch_live(run, work, before)
    work.outcome = "done"


def take_back(run: Run, work: Work, error: BaseException) -> None:
    """Undo a change that was made, and tell `error` if that fails."""
    before = work.change.before
    if before is None:
        undone = _remove(run, work, error)
    elif work.change.action == "delete":
        _keep_backup(run, work)
        run.tell(error, f"Mail server {before.id} '{before.name}' stays deleted.")
        return
    else:
        undone = put_back(run, work, before, error)
    if undone:
        work.outcome = "undone"


def _switch_new(run: Run, work: Work) -> None:
    change, server_id = work.change, work.server_id
    final = {"name": change.values["name"], "active": change.values.get("active", True)}
    try:
        with run.journal.step(work.number, "switch"):
            write_server(run.instance, server_id, final)
            check_written(run.instance, run.capabilities, server_id, {**change.values, **final})
        _mark(run, work)
    except BaseException as error:
        _remove(run, work, error)
        raise


def _remove(run: Run, work: Work, error: BaseException) -> bool:
    """Remove a server that was just made; tell whether that went well."""
    try:
        with run.journal.step(work.number, "put-back"):
            unlink_servers(run.instance, (work.server_id,))
            check_gone(run.instance, run.capabilities, work.server_id)
    except BaseException as left:  # noqa: BLE001 - whatever it is, it is raised in the end
        text = f"Mail server {work.server_id} may be left, active ({reason(left)})."
        run.leave_open(error, left, text)
        return False
    return True


def _delete(run: Run, work: Work, before: MailServerRecord) -> None:
    if run.keeps_backups and before.ours is None:
        _back_up(run, work, before)
    try:
        with run.journal.step(work.number, "unlink"):
            unlink_servers(run.instance, (before.id,))
            check_gone(run.instance, run.capabilities, before.id)
    except BaseException as error:
        _look_for_deleted(run, work, before, error)
        raise


def _look_for_deleted(run: Run, work: Work, before: MailServerRecord, error: BaseException) -> None:
    """Keep the backup of a server that may be removed although the call failed."""
    left: BaseException = error
    try:
        if fetch_servers(run.instance, run.capabilities, ids=[before.id]):
            return
    except BaseException as failure:  # noqa: BLE001 - whatever it is, it is raised in the end
        left = failure
    _keep_backup(run, work)
    run.leave_open(
        error,
        left,
        f"Mail server {before.id} '{before.name}' may be removed: the next change on this instance"
        " looks, and `remote-mailcfg rollback` then makes it again.",
    )


def _switch_live(run: Run, work: Work, before: MailServerRecord) -> None:
    change = work.change
    if change.has_secrets and change.reversible:
        _back_up(run, work, before)
    last_writes = _last_writes(run, work, before)
    try:
        if change.fields:
            with run.journal.step(work.number, "switch", **last_writes):
                write_fields(run, work, before)
                check_written(run.instance, run.capabilities, before.id, change.values)
        if change.in_place and run.test and change.needs_proof and change.changes_connection:
            _prove_in_place(run, work)
        _mark(run, work)
    except BaseException as error:
        put_back(run, work, before, error)
        raise


def _last_writes(run: Run, work: Work, before: MailServerRecord) -> dict[str, Any]:
    """Return who wrote the record and its backup, and when: what recovery goes by for secrets."""
    if work.backup is None:
        return {}
    writes = fetch_last_writes(run.instance, (before.id, work.backup))
    found, own = writes[before.id], writes[work.backup]
    return {"last_write": {"found": [found.user_id, found.at], "own": [own.user_id, own.at]}}


def _prove_in_place(run: Run, work: Work) -> None:
    """Test the live record at once: a token does not copy."""
    record = work.change.after
    run.progress.note(
        f"{run.instance.target.name}: {record.smtp_authentication} tokens cannot be copied,"
        " so the live record is changed first and put back if its test fails"
    )
    work.test = run_test(run, work, record, outcome="the old values are put back")


def write_fields(run: Run, work: Work, before: MailServerRecord) -> None:
    """Write the values of a change: those from a backup in one write first, then the others."""
    change = work.change
    if change.backup is not None and change.restored:
        restore_server(run.instance, before.id, change.backup, change.restored, run=run.name)
    written = {name: it for name, it in change.values.items() if name not in change.restored}
    if written:
        write_server(run.instance, before.id, written)


def _back_up(run: Run, work: Work, before: MailServerRecord) -> None:
    """Copy the record, since nobody can write its old secrets back."""
    with run.journal.step(work.number, "backup") as done:
        values: Values = {"active": False, "name": run.backup_name(before.name)}
        backup = run.check_new(copy_server(run.instance, before.id, values))
        done["id"] = work.backup = backup


def _keep_backup(run: Run, work: Work) -> None:
    if work.backup is not None:
        run.kept |= {work.backup}


def _mark(run: Run, work: Work) -> None:
    """Mark the record as ours, or take the mark away; asked for by its key."""
    change = work.change
    if change.key is None:
        return
    with run.journal.step(work.number, "mark"):
        if change.unmarks:
            unmark_server(run.instance, change.key)
        else:
            mark_server(run.instance, change.key, work.server_id)
        work.marked = not change.unmarks


def put_back(run: Run, work: Work, before: MailServerRecord, error: BaseException) -> bool:
    """Write the old values of what was written; tell whether that went well, and `error` if not.

    Where there is a backup, the server copies them from it in one write; the backup's name and
    archived state are its own, and a backup that could not be put back is kept.
    """
    try:
        with run.journal.step(work.number, "put-back"):
            _write_old(run, work, before)
            if work.marked and work.change.key is not None:
                unmark_server(run.instance, work.change.key)
                work.marked = False
    except BaseException as left:  # noqa: BLE001 - whatever it is, it is raised in the end
        _keep_backup(run, work)
        where = ""
        if work.backup is not None:
            where = f" Its old state is kept in the archived record {work.backup}."
        run.leave_open(
            error,
            left,
            f"Mail server {before.id} could not be put back ({reason(left)}): look at it now."
            + where,
        )
        return False
    return True


def _write_old(run: Run, work: Work, before: MailServerRecord) -> None:
    fields = work.change.fields
    old: dict[str, Any] = {name: it for name, it in asdict(before).items() if name in fields}
    told = {name: it for name, it in old.items() if name not in SECRET_FIELDS}
    plain = dict(told)
    if work.backup is not None and (restored := fields - OWN_FIELDS):
        restore_server(run.instance, before.id, work.backup, restored, run=run.name)
        plain = {name: it for name, it in told.items() if name in OWN_FIELDS}
    if plain:
        write_server(run.instance, before.id, plain)
    if fields:
        check_written(run.instance, run.capabilities, before.id, told)
