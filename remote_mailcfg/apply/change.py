"""Carry out one change: prove it where the connection depends on it, switch, read back.

Promise: no run leaves an active server whose connection it changed and has not proved, and none
without the server it had.
"""

from contextlib import suppress
from dataclasses import replace

from remote_mailcfg.apply.candidate import candidate_name, candidates_removed, new_run
from remote_mailcfg.apply.verify import check_gone, check_written
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import (
    copy_server,
    create_server,
    fetch_probe_sender,
    run_smtp_test,
    unlink_servers,
    write_server,
)
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.model.values import Values
from remote_mailcfg.plan.change import BINARY_FIELDS, Change
from remote_mailcfg.secret import Secret


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

        A test made on a copy carries the id of the record that it stands for.

        Raises `test-failed` (nothing is changed then), `not-verified`, or what Odoo refuses.
        """
        if change.before is None:
            return self._create(change)
        if change.action == "delete":
            unlink_servers(self._instance, (change.before.id,))
            check_gone(self._instance, self._capabilities, change.before.id)
            return change.before.id, None
        if change.action == "update" and change.needs_proof and self._test:
            prove = self._prove_in_place if change.in_place else self._prove_on_copy
            return change.before.id, prove(change, change.before)
        test = self._prove(change.before) if change.needs_proof and self._test else None
        self._switch(change, change.before)
        return change.before.id, test

    def _create(self, change: Change) -> tuple[int, SmtpTest | None]:
        """Create archived, test, activate; remove it when anything fails."""
        run, name = new_run(), str(change.values["name"])
        with candidates_removed(self._instance, run):
            born = {**change.values, "active": False, "name": candidate_name(run, name)}
            server_id = create_server(self._instance, born)
            test = self._prove(replace(change.after, id=server_id)) if self._test else None
            try:
                write_server(self._instance, server_id, {"name": name, "active": True})
                check_written(
                    self._instance, self._capabilities, server_id, {**change.values, "active": True}
                )
            except BaseException:
                with suppress(RemoteMailcfgError):
                    unlink_servers(self._instance, (server_id,))
                raise
        return server_id, test

    def _prove_on_copy(self, change: Change, before: MailServerRecord) -> SmtpTest:
        """Test an archived copy with the new values, then write them to the live record."""
        run = new_run()
        with candidates_removed(self._instance, run):
            born = {**change.values, "active": False, "name": candidate_name(run, before.name)}
            copy_id = copy_server(self._instance, before.id, born)
            test = self._prove(change.after, on=copy_id)
            self._switch(change, before)
        return test

    def _prove_in_place(self, change: Change, before: MailServerRecord) -> SmtpTest:
        """Write, test at once, and put back when the test fails: a token does not copy."""
        self._progress.note(
            f"{self._instance.target.name}: {before.smtp_authentication} tokens cannot be copied,"
            " so the live record is changed first and put back if its test fails"
        )
        self._switch(change, before)
        try:
            return self._prove(change.after)
        except BaseException as error:
            self._put_back(error, change.values, before)
            raise

    def _switch(self, change: Change, before: MailServerRecord) -> None:
        """Write the values and read them back; put the old ones back where that fails."""
        write_server(self._instance, before.id, change.values)
        try:
            check_written(self._instance, self._capabilities, before.id, change.values)
        except BaseException as error:
            self._put_back(error, change.values, before)
            raise

    def _put_back(self, error: BaseException, written: Values, before: MailServerRecord) -> None:
        """Write the old values of what was written, and tell `error` if even that fails.

        A secret is not known, so it stays as written.
        """
        old = {
            field: getattr(before, field)
            for field, value in written.items()
            if not isinstance(value, Secret) and field not in BINARY_FIELDS | {"smtp_pass"}
        }
        try:
            write_server(self._instance, before.id, old)
        except RemoteMailcfgError as left:
            if isinstance(error, RemoteMailcfgError):
                error.hint = (
                    f"The old values could not be put back ({left.message}): look at mail server"
                    f" {before.id} now. {error.hint}"
                )

    def _prove(self, server: MailServerRecord, *, on: int | None = None) -> SmtpTest:
        """Let the instance test a record, or its copy `on`; raises `test-failed`."""
        name = self._instance.target.name
        sender = fetch_probe_sender(self._instance, server.from_filter)
        self._progress.working(f"{name}: testing '{server.name}' (a silent server takes 60 s)")
        tested = run_smtp_test(self._instance, replace(server, id=on or server.id), sender)
        test = replace(tested, id=server.id)
        if test.ok:
            return test
        error = RemoteMailcfgError(
            "test-failed",
            f"the test of '{server.name}' failed ({test.cause}), nothing was changed:"
            f" {test.message}",
            test.hint,
        )
        error.details = {"test": test}
        raise error
