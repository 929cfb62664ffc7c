"""`mail.mail`: the queue, which really sends."""

import secrets
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from smtplib import SMTPException
from typing import Any

from remote_mailcfg.sandbox.fault import DELIVERY, FaultError
from remote_mailcfg.sandbox.field import Field, Row
from remote_mailcfg.sandbox.groups import Grouped
from remote_mailcfg.sandbox.model import Call, Version, for_model, for_records
from remote_mailcfg.sandbox.senders import choose_server
from remote_mailcfg.sandbox.smtp_client import RefusedMailError, deliver
from remote_mailcfg.sandbox.told import load_told

NO_SENDER = (
    "You must either provide a sender address explicitly or configure using the combination of"
    " `mail.catchall.domain` and `mail.default.from` ICPs, in the server configuration file or with"
    " the --email-from startup parameter."
)
NO_RECIPIENT = (
    "Error without exception. Probably due to sending an email without computed recipients."
)
#: The server of odoo.conf, which names none here.
FROM_CONFIGURATION: Row = {"smtp_authentication": "cli", "active": True}


class Mails(Grouped):
    name = "mail.mail"
    title = "Outgoing Mails"
    order = "id desc"

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        fields: dict[str, Field] = {
            "subject": Field("char"),
            "body_html": Field("html"),
            "email_to": Field("text"),
            "email_from": Field("char"),
            "author_id": Field("many2one", relation="res.partner"),
            "mail_server_id": Field("many2one", relation="ir.mail_server"),
            "model": Field("char"),
            "res_id": Field("integer", 0),
            "auto_delete": Field("boolean"),
            "state": Field("selection", "outgoing"),
            "failure_type": Field("selection"),
            "failure_reason": Field("text"),
            "message_id": Field("char"),
            "scheduled_date": Field("datetime"),
            "create_date": Field("datetime"),
        }
        told: Mapping[str, Any] = load_told(version)["fields_get"][self.name]
        self.fields = {
            name: Field(it.type, it.default, it.relation, told=told.get(name, {}))
            for name, it in fields.items()
        }

    @for_model
    def default_get(self, call: Call, fields_list: Sequence[str]) -> Row:
        author = call.database.users.rows[call.uid]
        defaults = super().default_get(call, fields_list)
        known = {
            "email_from": f'"{author["name"]}" <{author["email"]}>' if author["email"] else False,
            "author_id": author["partner_id"],
        }
        return defaults | {name: known[name] for name in fields_list if known.get(name)}

    @for_records
    def send(
        self,
        call: Call,
        ids: Sequence[int],
        auto_commit: bool = False,  # noqa: ARG002, FBT001, FBT002 - as Odoo has it
        raise_exception: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Answer nothing, whether a mail went out or not."""
        for row in list(self._existing(ids)):
            if row["state"] != "outgoing":
                continue
            row["failure_type"], row["failure_reason"] = False, False
            failure_type, reason = self._send(call, row, raises=raise_exception)
            row.update(failure_type=failure_type, failure_reason=reason or False)
            row["state"] = "exception" if reason else "sent"
            if row["auto_delete"] and not reason:
                del self.rows[row["id"]]

    @for_model
    def process_email_queue(self, call: Call) -> None:
        waiting = [row["id"] for row in self.rows.values() if row["state"] == "outgoing"]
        self.send(call, waiting)

    @for_records
    def cancel(self, call: Call, ids: Sequence[int]) -> bool:
        return self.write(call, ids, {"state": "cancel"})

    @for_records
    def mark_outgoing(self, call: Call, ids: Sequence[int]) -> bool:
        return self.write(call, ids, {"state": "outgoing"})

    @for_records
    def action_retry(self, call: Call, ids: Sequence[int]) -> None:
        failed = [row["id"] for row in self._existing(ids) if row["state"] == "exception"]
        self.mark_outgoing(call, failed)

    def _insert(self, call: Call, vals: Row) -> int:
        defaults = self.default_get(call, ("email_from", "author_id"))
        message_id = f"<{secrets.randbelow(10**15)}-openerp-private@sandbox>"
        return super()._insert(call, {**defaults, "message_id": message_id, **vals})

    def display_name(self, row: Row) -> str:
        return str(row["subject"])

    def _send(self, call: Call, row: Row, *, raises: bool) -> tuple[Any, str]:
        """Send one mail; return Odoo's `failure_type` and `failure_reason`.

        With `raises`, a mail server that cannot be reached is an error.
        """
        if not row["email_to"]:
            return False, NO_RECIPIENT
        sender = row["email_from"] or call.database.notifications_email
        if not sender:
            return "mail_from_missing", NO_SENDER
        server = self._server(call, row, sender)
        reason = _refused_by_record(server)
        if reason:
            return False, reason
        try:
            deliver(server, _message(row, sender), timeout_seconds=_timeout(call))
        except RefusedMailError as refused:
            return "unknown", refused.reason
        except (OSError, SMTPException) as error:
            arguments = (it.decode() if isinstance(it, bytes) else str(it) for it in error.args)
            reason = "\n".join(arguments)
            if raises:
                told = reason if self.version == 17 else str(error)
                raise FaultError(DELIVERY, "Unable to connect to SMTP Server", told) from error
            return False, reason
        return False, ""

    def _server(self, call: Call, row: Row, sender: str) -> Row:
        servers = call.database.servers.rows
        if row["mail_server_id"]:
            return servers[row["mail_server_id"]]
        notifications = call.database.notifications_email
        return choose_server(servers.values(), sender, notifications) or FROM_CONFIGURATION


def _refused_by_record(server: Row) -> str:
    if not server["active"]:
        return f'The server "{server["name"]}" cannot be used because it is archived.'
    if server.get("owner_user_id"):
        return (
            f'The server "{server["name"]}" cannot be forced as the owner does not use it anymore.'
        )
    return ""


def _message(row: Row, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = row["subject"] or ""
    message["From"] = sender
    message["To"] = row["email_to"]
    message["Message-Id"] = row["message_id"]
    message.set_content(row["body_html"] or "", subtype="html")
    return message


def _timeout(call: Call) -> float:
    return call.database.smtp_timeout_seconds
