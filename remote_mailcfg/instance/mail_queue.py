"""The mail queue of an instance: test mails through it, and whether it moves at all."""

from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.times import parse_time
from remote_mailcfg.model.mail_server import MailServerRecord

MODEL: Final = "mail.mail"
CRON: Final = "ir_cron_mail_scheduler_action"


@dataclass(frozen=True, slots=True)
class MailState:
    """A mail in the queue: `outgoing`, `sent`, `received`, `exception` or `cancel`, and why."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Queue:
    """How many mails wait and failed, and the cron that sends them.

    `oldest` is when the first waiting mail was made; the cron's times are None where there is no
    such cron.
    """

    outgoing: int
    failed: int
    oldest: datetime | None
    cron_active: bool
    cron_next: datetime | None


def create_test_mail(
    instance: Instance, server: MailServerRecord, *, sender: str, recipient: str
) -> int:
    """Put a mail that says who sent it and why into the queue; return its id.

    `auto_delete` is off, or the record would be gone with its state (17.0 and 19.0). It is tied to
    the mail server: a message without a document may not be removed again, not even by its author
    (19: mail_message.py, `_get_forbidden_access`).
    """
    target = instance.target
    text = (
        f"This is a test of outgoing mail. {target.login} sent it with remote-mailcfg"
        f" from {target.url}, database {target.database}, through the mail server {server.id}"
        f" '{server.name}' ({server.smtp_host}:{server.smtp_port}). There is nothing to do."
    )
    values = {
        "subject": f"Test mail through '{server.name}' ({target.database})",
        "body_html": f"<p>{escape(text)}</p>",
        "email_to": recipient,
        "mail_server_id": server.id,
        "model": "ir.mail_server",
        "res_id": server.id,
        "auto_delete": False,
    }
    values |= {"email_from": sender} if sender else {}
    return int(instance.call(MODEL, "create", vals_list=values))


def send_mail(instance: Instance, mail_id: int) -> None:
    """Let the instance send one mail now. It answers nothing, whether that worked or not."""
    instance.call(MODEL, "send", (mail_id,))


def fetch_mail_state(instance: Instance, mail_id: int) -> MailState:
    """Return how far a mail got."""
    (mail,) = instance.call(MODEL, "read", (mail_id,), fields=["state", "failure_reason"])
    return MailState(mail["state"], mail["failure_reason"] or "")


def unlink_mail(instance: Instance, mail_id: int) -> None:
    """Remove a mail from the queue, and its message with it."""
    instance.call(MODEL, "unlink", (mail_id,))


def fetch_queue(instance: Instance) -> Queue:
    """Return the state of the queue and of its cron."""
    outgoing = ["state", "=", "outgoing"]
    waiting = instance.call(MODEL, "search_count", domain=[outgoing])
    failed = instance.call(MODEL, "search_count", domain=[["state", "=", "exception"]])
    oldest = instance.call(
        MODEL,
        "search_read",
        domain=[outgoing],
        fields=["create_date"],
        order="create_date",
        limit=1,
    )
    found = instance.call(
        "ir.model.data",
        "search_read",
        domain=[["module", "=", "mail"], ["name", "=", CRON]],
        fields=["res_id"],
    )
    fields = ["active", "nextcall"]
    ids = tuple(row["res_id"] for row in found)
    crons = instance.call("ir.cron", "read", ids, fields=fields) if ids else []
    return Queue(
        outgoing=waiting,
        failed=failed,
        oldest=parse_time(oldest[0]["create_date"]) if oldest else None,
        cron_active=any(cron["active"] for cron in crons),
        cron_next=parse_time(crons[0]["nextcall"]) if crons else None,
    )
