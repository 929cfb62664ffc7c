"""Carry out one change: prove it where the connection depends on it, switch, read back.

Promise: no run leaves an active server whose connection it changed and has not proved, and none
without the server it had.
"""

from contextlib import nullcontext
from dataclasses import replace
from typing import Final

from remote_mailcfg.apply.run import Run
from remote_mailcfg.apply.verify import check_gone, check_written
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import (
    copy_server,
    create_server,
    fetch_probe_sender,
    restore_server,
    run_smtp_test,
    unlink_servers,
    write_server,
)
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.plan.change import SECRET_FIELDS, Change

UNCHANGED: Final = "nothing was changed"


class Applier:
    """Carries out changes on one instance, each as a run of its own."""

    def __init__(
        self, instance: Instance, capabilities: Capabilities, progress: Progress, *, test: bool
    ) -> None:
        self._instance = instance
        self._capabilities = capabilities
        self._progress = progress
        self._test = test

    def apply(self, change: Change) -> tuple[int, SmtpTest | None]:
        """Carry out a change; return the record's id and the test that proved it, if one did.

        A test made on a copy carries the id of the record that it stands for. Raises `test-failed`
        (nothing is changed then), `not-verified`, or what Odoo refuses.
        """
        run = Run(self._instance, self._progress)
        makes_records = change.before is None or change.has_secrets or self._takes_copy(change)
        with run.own_records_removed() if makes_records else nullcontext():
            if change.before is None:
                return self._create(change, run)
            if change.action == "delete":
                return self._delete(change.before), None
            return change.before.id, self._change(change, change.before, run)

    def _takes_copy(self, change: Change) -> bool:
        """Tell whether a change is proved on a copy of the live record."""
        return (
            self._test and change.needs_proof and change.action == "update" and not change.in_place
        )

    def _create(self, change: Change, run: Run) -> tuple[int, SmtpTest | None]:
        """Create archived, test, activate; remove it when anything fails."""
        name = str(change.values["name"])
        born = {**change.values, "active": False, "name": run.candidate_name(name)}
        server_id = create_server(self._instance, born)
        test = (
            self._prove(replace(change.after, id=server_id), outcome=UNCHANGED)
            if self._test
            else None
        )
        wanted = {**change.values, "active": True}
        try:
            write_server(self._instance, server_id, {"name": name, "active": True})
            check_written(self._instance, self._capabilities, server_id, wanted)
        except BaseException as error:
            self._take_back(error, server_id, run)
            raise
        return server_id, test

    def _take_back(self, error: BaseException, server_id: int, run: Run) -> None:
        """Remove a server that was just made, and tell `error` if that fails."""
        try:
            unlink_servers(self._instance, (server_id,))
        except RemoteMailcfgError as left:
            run.tell(error, f"Mail server {server_id} may be left, active ({left.message}).")

    def _delete(self, before: MailServerRecord) -> int:
        unlink_servers(self._instance, (before.id,))
        check_gone(self._instance, self._capabilities, before.id)
        return before.id

    def _change(self, change: Change, before: MailServerRecord, run: Run) -> SmtpTest | None:
        """Prove a change of a live record where it needs it, and make it."""
        if not (change.needs_proof and self._test):
            self._switch(change, before, run)
            return None
        if change.in_place and change.action == "update":
            return self._prove_in_place(change, before, run)
        test = self._prove_before(change, before, run)
        self._switch(change, before, run)
        return test

    def _prove_before(self, change: Change, before: MailServerRecord, run: Run) -> SmtpTest:
        """Test an archived copy with the new values, or the archived record itself."""
        if not self._takes_copy(change):
            return self._prove(before, outcome=UNCHANGED)
        born = {**change.values, "active": False, "name": run.candidate_name(before.name)}
        copy_id = copy_server(self._instance, before.id, born)
        return self._prove(change.after, on=copy_id, outcome=UNCHANGED)

    def _prove_in_place(self, change: Change, before: MailServerRecord, run: Run) -> SmtpTest:
        """Write, test at once, and put back when the test fails: a token does not copy."""
        self._progress.note(
            f"{self._instance.target.name}: {before.smtp_authentication} tokens cannot be copied,"
            " so the live record is changed first and put back if its test fails"
        )
        backup_id = self._switch(change, before, run)
        try:
            return self._prove(change.after, outcome="the old values are put back")
        except BaseException as error:
            self._put_back(error, change, before, backup_id, run)
            raise

    def _switch(self, change: Change, before: MailServerRecord, run: Run) -> int | None:
        """Write the values and read them back; put the old ones back where anything fails.

        A backup is made first where a secret changes, since nobody can write the old one back.
        Returns its id.
        """
        backup_id = None
        if change.has_secrets:
            name = run.backup_name(before.name)
            backup_id = copy_server(self._instance, before.id, {"active": False, "name": name})
        try:
            write_server(self._instance, before.id, change.values)
            check_written(self._instance, self._capabilities, before.id, change.values)
        except BaseException as error:
            self._put_back(error, change, before, backup_id, run)
            raise
        return backup_id

    def _put_back(
        self,
        error: BaseException,
        change: Change,
        before: MailServerRecord,
        backup_id: int | None,
        run: Run,
    ) -> None:
        """Write the old values of what was written, and tell `error` if even that fails.

        Where there is a backup, the server copies them from it in one write; the backup's name and
        archived state are its own, and a backup that could not be put back is kept.
        """
        plain = set(change.values)
        try:
            if backup_id is not None:
                plain &= {"name", "active"}
                restored = change.values.keys() - plain
                restore_server(self._instance, before.id, backup_id, restored)
            old = {field: getattr(before, field) for field in plain}
            if old:
                write_server(self._instance, before.id, old)
            told = {f: getattr(before, f) for f in change.values.keys() - SECRET_FIELDS}
            check_written(self._instance, self._capabilities, before.id, told)
        except RemoteMailcfgError as left:
            where = f" Its old state is kept in the archived record {backup_id}."
            run.kept |= {backup_id} if backup_id is not None else set()
            run.tell(
                error,
                f"Mail server {before.id} could not be put back ({left.message}): look at it now."
                + (where if backup_id is not None else ""),
            )

    def _prove(self, server: MailServerRecord, *, outcome: str, on: int | None = None) -> SmtpTest:
        """Let the instance test a record, or its copy `on`.

        Raises `test-failed`, which tells `outcome`: what a failed test means for the live record.
        """
        name = self._instance.target.name
        sender = fetch_probe_sender(self._instance, server.from_filter)
        self._progress.working(
            f"{name}: testing '{server.name}' (a silent server takes 60 s)", slow=True
        )
        tested = run_smtp_test(self._instance, replace(server, id=on or server.id), sender)
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
