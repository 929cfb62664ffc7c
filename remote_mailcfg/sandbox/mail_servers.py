"""`ir.mail_server`, with the fields that a real server of this version told."""

from collections.abc import Sequence
from typing import Any, ClassVar

from remote_mailcfg.sandbox.fault import USER, VALIDATION, FaultError, UnknownError
from remote_mailcfg.sandbox.field import Row
from remote_mailcfg.sandbox.model import Call, Model, Version, for_model, for_records
from remote_mailcfg.sandbox.refusal import missing_record, not_allowed
from remote_mailcfg.sandbox.senders import test_sender
from remote_mailcfg.sandbox.smtp_client import explained, probe
from remote_mailcfg.sandbox.told import told_fields

DEFAULTS = {
    "smtp_port": 25,
    "smtp_authentication": "login",
    "smtp_encryption": "none",
    "sequence": 10,
    "active": True,
}
#: What a copy does not carry.
NOT_COPIED = {"owner_user_id", "mail_template_ids"}
OPERATIONS = {"read": "access", "create": "create", "write": "modify", "unlink": "delete"}
AUTHENTICATION = {
    "login": "Connect to your server through your usual username and password. \nThis is the most"
    " basic SMTP authentication process and may not be accepted by all providers. \n",
    "certificate": "Authenticate by using SSL certificates, belonging to your domain name. \nSSL"
    " certificates allow you to authenticate your mail server for the entire domain name.",
    "cli": 'Use the SMTP configuration set in the "Command Line Interface" arguments.',
}
KIB = 1024


class MailServers(Model):
    name = "ir.mail_server"
    title = "Mail Server"
    order = "sequence, id"
    is_complete = True
    methods_left_out: ClassVar[frozenset[str]] = frozenset(
        {
            *("browse", "connect", "export_data", "export_xml_id", "get_external_id", "get_views"),
            *("get_metadata", "load", "name_get", "name_search", "name_create", "new", "onchange"),
            *("read_group", "formatted_read_group", "send_email", "toggle_active", "web_read"),
            *("web_save", "web_search_read", "web_read_group", "copy_data", "exists", "sudo"),
        }
    )

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        self.fields = told_fields(version, self.name, DEFAULTS)

    @for_records
    def write(self, call: Call, ids: Sequence[int], vals: Row) -> bool:
        if vals.get("active") is False:
            self._check_role(call, "modify")
            self._check_unused(call, ids)
        if call.database.switches.remove_at_write:  # somebody else was faster: Odoo answers True
            super().unlink(call, ids)
        before = {row["id"]: dict(row) for row in self._existing(ids)}
        written = super().write(call, ids, vals)
        try:
            for row in self._existing(ids):
                self._check_row(call, row)
        except FaultError:
            self.rows.update(before)
            raise
        return written

    @for_records
    def unlink(self, call: Call, ids: Sequence[int]) -> bool:
        super().unlink(call, ids)
        for model in ("mail.template", "mail.mail"):
            for row in call.database.models[model].rows.values():
                if row["mail_server_id"] in ids:
                    row["mail_server_id"] = False
        return True

    @for_records
    def copy(self, call: Call, ids: Sequence[int], default: Row | None = None) -> int | list[int]:
        self._check_role(call, "create")
        copied = []
        for record_id in ids:
            if record_id not in self.rows:
                raise missing_record(self.name, record_id, call.uid)
            source = self.rows[record_id]
            kept = {name for name, it in self.fields.items() if it.stored} - NOT_COPIED
            values = {name: source[name] for name in kept} | {"name": f"{source['name']} (copy)"}
            copied.append(self._insert(call, values | (default or {})))
        return copied if self.version == 19 else copied[0]

    @for_records
    def action_archive(self, call: Call, ids: Sequence[int]) -> None:
        self._check_role(call, "access")
        self.write(call, ids, {"active": False})

    @for_records
    def action_unarchive(self, call: Call, ids: Sequence[int]) -> None:
        self._check_role(call, "access")
        self.write(call, ids, {"active": True})

    @for_model
    def check_access_rights(
        self,
        call: Call,
        operation: str,
        raise_exception: bool = True,  # noqa: FBT001, FBT002
    ) -> bool:
        if not call.is_system and raise_exception:
            raise not_allowed(self.version, OPERATIONS[operation], self.title, self.name)
        return call.is_system

    @for_records
    def has_access(self, call: Call, ids: Sequence[int], operation: str) -> bool:
        if self.version == 17:
            raise UnknownError("ir.mail_server.has_access on 17")
        del ids, operation
        return call.is_system

    @for_records
    def action_retrieve_max_email_size(self, call: Call, ids: Sequence[int]) -> dict[str, Any]:
        return self.test_smtp_connection(call, ids, autodetect_max_email_size=True)

    @for_records
    def test_smtp_connection(
        self, call: Call, ids: Sequence[int] | int, *, autodetect_max_email_size: bool = False
    ) -> dict[str, Any]:
        """Without ids it answers success; on 17 it works without the role, too."""
        if self.version == 19:
            self._check_role(call, "access")
        message = "Connection Test Successful!"
        for server_id in [ids] if isinstance(ids, int) else ids:
            if server_id not in self.rows:
                raise missing_record(self.name, server_id, call.uid)
            row = self.rows[server_id]
            size = self._test(call, dict(row))
            if autodetect_max_email_size:
                row["max_email_size"] = size / KIB**2
                message = f"Email maximum size updated ({row['name']}: {_human_size(size)})."
        params: dict[str, Any] = {"message": message, "type": "success", "sticky": False}
        if self.version == 19:
            params["next"] = {"type": "ir.actions.act_window_close"}
        return {"type": "ir.actions.client", "tag": "display_notification", "params": params}

    def _test(self, call: Call, server: Row) -> int:
        """Connect to a server; return the largest mail that it takes, in bytes."""
        if server.get("owner_user_id"):
            raise FaultError(
                USER,
                f'The server "{server["name"]}" cannot be forced as the owner does not use it'
                " anymore.",
            )
        sender = test_sender(call, server)
        no_host = not server["smtp_host"] and server["smtp_authentication"] != "cli"
        if no_host and self.version == 19 and not call.in_request:
            kinds = "a string, a bytes-like object or a real number"
            raise explained(TypeError(f"int() argument must be {kinds}, not 'NoneType'"))
        return probe(server, sender, timeout_seconds=call.database.smtp_timeout_seconds)

    def _shown(self, call: Call, row: Row, name: str) -> Any:
        if name == "mail_template_ids":  # archived ones are hidden whatever the context says
            templates = call.database.models["mail.template"].rows.values()
            own = (it for it in templates if it["mail_server_id"] == row["id"] and it["active"])
            return [it["id"] for it in own]
        return super()._shown(call, row, name)

    def _computed(self, call: Call, row: Row, name: str) -> Any:
        if name == "smtp_authentication_info":
            return AUTHENTICATION.get(row["smtp_authentication"], False)
        return super()._computed(call, row, name)

    def _check_unused(self, call: Call, ids: Sequence[int]) -> None:
        templates = call.database.models["mail.template"].rows.values()
        for row in self._existing(ids):
            used = [it["name"] for it in templates if it["mail_server_id"] == row["id"]]
            if used:
                cases = "".join(f"\n- {name} (Email Template)" for name in used)
                raise FaultError(
                    USER,
                    f"You cannot archive this Outgoing Mail Server ({row['name']}) because it"
                    f" is still used in the following case(s):{cases}",
                )

    def _check_row(self, call: Call, row: Row) -> None:
        name, authentication = row["name"], row["smtp_authentication"]
        if authentication == "certificate":
            for field, what in (
                ("smtp_ssl_private_key", "SSL private key"),
                ("smtp_ssl_certificate", "SSL certificate"),
            ):
                if not row[field]:
                    raise FaultError(USER, f"{what} is missing for {name}.")
            if row["smtp_encryption"] == "none":
                raise _constraint("Certificate-based authentication requires a TLS transport")
        if authentication == "gmail" and row["smtp_encryption"] != "starttls":
            raise FaultError(
                USER,
                f"Incorrect Connection Security for Gmail mail server {name!r}. Please set it to"
                ' "TLS (STARTTLS)".',
            )
        if authentication == "gmail" and row["smtp_pass"]:
            raise FaultError(
                USER,
                f"Please leave the password field empty for Gmail mail server {name!r}. The OAuth"
                " process does not require it",
            )
        if owner := row.get("owner_user_id"):
            self._check_owner(call, row, owner)

    def _check_owner(self, call: Call, row: Row, owner: int) -> None:
        if owner not in call.database.users.rows:
            raise _constraint(
                "Another model is using the record you are trying to delete.\n\nThe troublemaker"
                f" is: '{self.title}' ({self.name})\nThanks to the following constraint: 'Owner'"
                " (owner_user_id)\nHow about archiving the record instead?"
            )
        others = (it for it in self.rows.values() if it["id"] != row.get("id"))
        if owner in [it["owner_user_id"] for it in others]:
            raise _constraint("owner_user_id must be unique")


def _constraint(text: str) -> FaultError:
    return FaultError(VALIDATION, f"The operation cannot be completed: {text}")


def _human_size(size: float) -> str:
    for unit in ("bytes", "Kb", "Mb"):
        if size < KIB or unit == "Mb":
            return f"{size:.2f} {unit}"
        size /= KIB
    raise AssertionError
