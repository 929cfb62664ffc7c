"""Models of the stand-in that only hold records, and the system parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

from remote_mailcfg.sandbox.fault import VALIDATION, FaultError
from remote_mailcfg.sandbox.field import Field, Row
from remote_mailcfg.sandbox.model import Call, Model, Version, for_model, for_records
from remote_mailcfg.sandbox.refusal import missing_record


class Parameters(Model):
    name = "ir.config_parameter"
    title = "System Parameter"
    order = "key"
    fields: Mapping[str, Field] = {"key": Field("char"), "value": Field("text")}

    def _check_row(self, call: Call, row: Row) -> None:
        del call
        if self.value(row["key"]) is not None:
            raise FaultError(VALIDATION, "The operation cannot be completed: Key must be unique.")

    @for_records
    def unlink(self, call: Call, ids: Sequence[int]) -> bool:
        """Remove parameters; Odoo looks at their keys first, so that none may be missing."""
        for record_id in ids:
            if record_id not in self.rows:
                raise missing_record(self.name, record_id, call.uid)
        return super().unlink(call, ids)

    def value(self, key: str) -> str | None:
        return next((row["value"] for row in self.rows.values() if row["key"] == key), None)

    def set_value(self, key: str, value: str) -> None:
        for row in self.rows.values():
            if row["key"] == key:
                row["value"] = value
                return
        self.add(key=key, value=value)

    @for_model
    def get_param(self, call: Call, key: str, default: Any = False) -> Any:  # noqa: FBT002
        self._check_role(call, "access")
        return self.value(key) or default

    @for_model
    def set_param(self, call: Call, key: str, value: Any) -> Any:
        """Set a parameter, or remove it with False; answers what it was."""
        self._check_role(call, "modify")
        before = self.value(key) or False
        for row in list(self.rows.values()):
            if row["key"] == key and value is False:
                del self.rows[row["id"]]
        if value is not False:
            self.set_value(key, str(value))
        return before


class ExternalIds(Model):
    name = "ir.model.data"
    title = "Model Data"
    order = "module, model, name"
    fields: Mapping[str, Field] = {
        "module": Field("char", required=True),
        "name": Field("char", required=True),
        "complete_name": Field("char", stored=False),
        "model": Field("char", required=True),
        "res_id": Field("integer", 0),
        "noupdate": Field("boolean"),
    }

    def _computed(self, call: Call, row: Row, name: str) -> Any:
        del call, name
        return f"{row['module']}.{row['name']}"

    def forget(self, model: str, record_id: int) -> None:
        """Remove what points to a record that is gone."""
        for row in list(self.rows.values()):
            if (row["model"], row["res_id"]) == (model, record_id):
                del self.rows[row["id"]]


class Modules(Model):
    name = "ir.module.module"
    title = "Module"
    fields: Mapping[str, Field] = {
        "name": Field("char"),
        "state": Field("selection", "uninstalled"),
    }


class ModelNames(Model):
    name = "ir.model"
    title = "Models"
    order = "model"
    fields: Mapping[str, Field] = {"model": Field("char")}


class AliasDomains(Model):
    name = "mail.alias.domain"
    title = "Email Domain"
    system_only = False
    fields: Mapping[str, Field] = {
        "name": Field("char"),
        "default_from": Field("char", "notifications"),
        "bounce_alias": Field("char", "bounce"),
        "catchall_alias": Field("char", "catchall"),
        "default_from_email": Field("char", stored=False),
        "bounce_email": Field("char", stored=False),
        "catchall_email": Field("char", stored=False),
    }

    def add(self, **values: Any) -> int:
        added = super().add(**values)
        row = self.rows[added]
        given = {name: values[name] for name in values if name.endswith("_email")}
        row.update(
            default_from_email=f"{row['default_from']}@{row['name']}",
            bounce_email=f"{row['bounce_alias']}@{row['name']}",
            catchall_email=f"{row['catchall_alias']}@{row['name']}",
        )
        row.update(given)
        return added


class Templates(Model):
    name = "mail.template"
    title = "Email Templates"
    system_only = False
    fields: Mapping[str, Field] = {
        "name": Field("char"),
        "display_name": Field("char", stored=False),
        "model_id": Field("many2one", relation="ir.model"),
        "email_from": Field("char"),
        "active": Field("boolean", default=True),
        "mail_server_id": Field("many2one", relation="ir.mail_server"),
    }


class IncomingServers(Model):
    name = "fetchmail.server"
    title = "Incoming Mail Server"

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        self.fields = {
            "name": Field("char"),
            "active": Field("boolean", default=True),
            "state": Field("selection", "draft"),
            "server_type": Field("selection", "imap"),
            "server": Field("char"),
            "port": Field("integer", 0),
            "is_ssl": Field("boolean"),
            "date": Field("datetime"),
        }
        if version == 19:
            self.fields |= {"error_date": Field("datetime"), "error_message": Field("text")}
