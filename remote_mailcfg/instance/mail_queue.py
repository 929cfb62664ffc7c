"""Test mails through the mail queue of an instance."""

from dataclasses import dataclass
from html import escape
from typing import Final

from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.rpc.answers import (
    anything,
    count,
    one_record,
    record_id,
    text,
)

MODEL: Final = "mail.mail"


@dataclass(frozen=True, slots=True)
class MailState:
    """A mail in the queue: `outgoing`, `sent`, `received`, `exception` or `cancel`, and why."""

    state: str
    reason: str


def create_test_mail(
    instance: Instance, server: MailServerRecord, *, sender: str, recipient: str
) -> int:
    """Put a mail that says who sent it and why into the queue; return its id.

    Raises `not-verified` for the id of another mail, which would be sent and removed.

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
    mail_id: int = instance.call(MODEL, "create", vals_list=values, expect=record_id)
    own = [["id", "=", mail_id], ["mail_server_id", "=", server.id], ["email_to", "=", recipient]]
    if not instance.call(MODEL, "search_count", domain=own, expect=count):
        raise OdooError(
            "not-verified",
            f"Odoo answered mail {mail_id} for a new one, but it is another one",
            "It was neither sent nor removed. A module or a proxy changes the answers of this"
            " instance.",
        )
    return mail_id


def send_mail(instance: Instance, mail_id: int) -> None:
    """Let the instance send one mail now. It answers nothing, whether that worked or not."""
    instance.call(MODEL, "send", (mail_id,), expect=anything)


def fetch_mail_state(instance: Instance, mail_id: int) -> MailState:
    """Return how far a mail got."""
    mail = instance.call(
        MODEL,
        "read",
        (mail_id,),
        fields=["state", "failure_reason"],
        expect=one_record(state=text, failure_reason=text),
    )
    return MailState(mail["state"], mail["failure_reason"])


def unlink_mail(instance: Instance, mail_id: int) -> None:
    """Remove a mail from the queue, and its message with it."""
    instance.call(MODEL, "unlink", (mail_id,), expect=anything)
