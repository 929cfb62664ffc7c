"""The stand-in's models of outgoing mail."""

from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from typing import Any

from tests.recorded import load_fields_get
from tests.stand_in.fault import MISSING, USER, FaultError
from tests.stand_in.model import Call, Field, Model, Row, Version
from tests.stand_in.smtp import deliver, probe

DEFAULTS = {
    "smtp_port": 25,
    "smtp_authentication": "login",
    "smtp_encryption": "none",
    "sequence": 10,
    "active": True,
}
EMPTY = {"integer": 0, "float": 0.0, "one2many": []}


class MailServers(Model):
    """`ir.mail_server` with the fields that a real server of this version told."""

    name = "ir.mail_server"
    title = "Mail Server"
    order = "sequence, id"

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        recorded = load_fields_get("17.0" if version == 17 else "19.0")
        self.fields = {
            name: Field(
                it["type"],
                default=DEFAULTS.get(name, EMPTY.get(it["type"], False)),
                relation=it.get("relation", ""),
                required=it["required"],
                selection=tuple((value, label) for value, label in it.get("selection", ())),
                secret="groups" in it,
                stored=it["store"],
            )
            for name, it in recorded.items()
        }

    def write(self, call: Call, ids: Sequence[int], vals: Row) -> bool:
        if vals.get("active") is False:
            templates = call.odoo.models["mail.template"].rows.values()
            for row in self._existing(ids):
                used = [t["name"] for t in templates if t["mail_server_id"] == row["id"]]
                if used:
                    cases = "".join(f"\n- {name} (Email Template)" for name in used)
                    raise FaultError(
                        USER,
                        f"You cannot archive this Outgoing Mail Server ({row['name']}) because it"
                        f" is still used in the following case(s):{cases}",
                    )
        if call.odoo.remove_at_write:  # somebody else was faster, and Odoo answers True
            super().unlink(call, ids)
        return super().write(call, ids, vals)

    def unlink(self, call: Call, ids: Sequence[int]) -> bool:
        super().unlink(call, ids)
        for model in ("mail.template", "mail.mail"):
            for row in call.odoo.models[model].rows.values():
                if row["mail_server_id"] in ids:
                    row["mail_server_id"] = False
        return True

    def copy(self, call: Call, ids: Sequence[int], default: Row) -> int | list[int]:
        (source,) = self._existing(ids)
        own = {"id", "create_date", "owner_user_id", "mail_template_ids"}
        values = {name: source[name] for name in self.fields if name not in own}
        values["name"] = f"{source['name']} (copy)"
        copied = self._insert(call, values | default)
        return [copied] if self.version == 19 else copied

    def test_smtp_connection(self, call: Call, ids: Sequence[int] = ()) -> dict[str, Any]:
        """Without ids it answers success; on 17 it works without the role, too."""
        if self.version == 19:
            self._check_role(call, "access")
        for server_id in ids:
            if server_id not in self.rows:
                raise FaultError(MISSING, "Record does not exist or has been deleted.")
            server = dict(self.rows[server_id])
            if server.get("owner_user_id"):
                raise FaultError(
                    USER,
                    f'The server "{server["name"]}" cannot be forced as the owner does not use it'
                    " anymore.",
                )
            sender = _probe_sender(call, server)
            probe(server, sender, timeout_seconds=call.odoo.smtp_timeout_seconds)
        text = {"message": "Connection Test Successful!", "type": "success", "sticky": False}
        return {"type": "ir.actions.client", "tag": "display_notification", "params": text}


def _probe_sender(call: Call, server: Row) -> str:
    parts = [part.strip() for part in (server["from_filter"] or "").split(",") if part.strip()]
    if not parts:
        email = call.odoo.users.rows[call.uid]["email"]
        if not email:
            raise FaultError(
                USER,
                "Please configure an email on the current user to simulate sending an email"
                " message via this outgoing server",
            )
        return str(email)
    domains = call.odoo.models["mail.alias.domain"].rows.values()
    defaults = [row["default_from_email"] for row in domains]
    fitting = [it for it in defaults if it and it.partition("@")[2] in parts]
    whole = [part for part in parts if "@" in part]
    return str([*whole, *fitting, f"odoo@{parts[0]}"][0])


class Mails(Model):
    """`mail.mail`: the queue, which really sends."""

    name = "mail.mail"
    title = "Outgoing Mails"
    fields: Mapping[str, Field] = {
        "subject": Field("char"),
        "body_html": Field("html"),
        "email_to": Field("text"),
        "email_from": Field("char"),
        "mail_server_id": Field("many2one", relation="ir.mail_server"),
        "model": Field("char"),
        "res_id": Field("integer", 0),
        "auto_delete": Field("boolean"),
        "state": Field("selection", "outgoing"),
        "failure_reason": Field("text"),
        "create_date": Field("datetime"),
    }

    def send(self, call: Call, ids: Sequence[int]) -> None:
        """Answer nothing, whether a mail went out or not."""
        for row in list(self._existing(ids)):
            server = call.odoo.models["ir.mail_server"].rows[row["mail_server_id"]]
            message = EmailMessage()
            message["Subject"] = row["subject"]
            message["From"] = row["email_from"] or call.odoo.users.rows[call.uid]["email"]
            message["To"] = row["email_to"]
            message.set_content(row["body_html"], subtype="html")
            if server["active"]:
                timeout = call.odoo.smtp_timeout_seconds
                reason = deliver(server, message, timeout_seconds=timeout)
            else:
                reason = f'The server "{server["name"]}" cannot be used because it is archived.'
            row["failure_reason"] = reason or False
            row["state"] = "exception" if reason else "sent"
            if row["auto_delete"] and not reason:
                del self.rows[row["id"]]


class Templates(Model):
    name = "mail.template"
    system_only = False
    fields: Mapping[str, Field] = {
        "name": Field("char"),
        "display_name": Field("char", stored=False),
        "mail_server_id": Field("many2one", relation="ir.mail_server"),
    }


class AliasDomains(Model):
    name = "mail.alias.domain"
    system_only = False
    fields: Mapping[str, Field] = {"name": Field("char"), "default_from_email": Field("char")}
