"""Send a real mail through one mail server and report what became of it."""

import time
from dataclasses import dataclass
from typing import Final

from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError, TransportError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_queue import (
    MailState,
    create_test_mail,
    fetch_mail_state,
    send_mail,
    unlink_mail,
)
from remote_mailcfg.instance.mail_servers import (
    fetch_capabilities,
    fetch_probe_sender,
    fetch_servers,
)
from remote_mailcfg.model.from_filter import normalize_address
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.selection import find_server
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.entry import enter_instance

POLL_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class SentMail:
    """The mail as it was in the queue before it was removed; `reason` is Odoo's own."""

    id: int
    state: str
    reason: str

    @property
    def failure(self) -> RemoteMailcfgError | None:
        """What is wrong, None where the mail server took the mail."""
        if self.state in {"sent", "received"}:
            return None
        return RemoteMailcfgError(
            "mail-not-sent",
            f"the mail is in state {self.state!r}: {self.reason or 'Odoo gives no reason'}",
            "The mail was removed from the queue. `remote-mailcfg server test` tells more.",
        )


def send_through(target: Target, progress: Progress, *, named: str, recipient: str) -> SentMail:
    """Send a test mail to `recipient` through the server of this id or name.

    It waits for the mail's state, up to the target's time limit, and removes the mail's record.
    Raises `invalid-value` for a recipient that is no address, `server-archived`.
    """
    if not normalize_address(recipient):
        raise ConfigurationError(
            "invalid-value",
            f"--to: {recipient!r} is not one mail address",
            "Give one address, for instance --to me@example.org",
        )
    with enter_instance(target, progress) as instance:
        server = find_server(fetch_servers(instance, fetch_capabilities(instance)), named)
        if not server.active:
            raise RemoteMailcfgError(
                "server-archived",
                f"mail server {server.id} '{server.name}' is archived, and Odoo sends through none",
                f"`remote-mailcfg server test {server.id}` works on it,"
                f" `server unarchive {server.id}` makes it active.",
            )
        sender = fetch_probe_sender(instance, server.from_filter)
        progress.working(f"{target.name}: sending through '{server.name}' (up to 60 s)", slow=True)
        mail_id = create_test_mail(instance, server, sender=sender, recipient=recipient)
        try:
            mail = _send_and_wait(instance, mail_id)
        finally:
            _remove(instance, mail_id, progress)
        return SentMail(mail_id, mail.state, mail.reason)


def _remove(instance: Instance, mail_id: int, progress: Progress) -> None:
    """Remove the mail's record; what became of the mail is told all the same where that fails."""
    try:
        unlink_mail(instance, mail_id)
    except RemoteMailcfgError as error:
        progress.note(
            f"{instance.target.name}: the record of mail {mail_id} could not be removed:"
            f" {error.message}"
        )


def _send_and_wait(instance: Instance, mail_id: int) -> MailState:
    """Send and ask for the state until it is final or the time is up."""
    deadline = time.monotonic() + instance.target.timeout_seconds
    try:
        send_mail(instance, mail_id)
    except TransportError as error:
        if error.code != "timeout":
            raise
    while True:
        mail = fetch_mail_state(instance, mail_id)
        if mail.state != "outgoing" or time.monotonic() > deadline:
            return mail
        time.sleep(POLL_SECONDS)
