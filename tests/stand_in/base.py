"""The stand-in's models around mail: users, parameters, crons, modules, API keys."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.stand_in.fault import USER, FaultError, UnknownError
from tests.stand_in.model import Call, Field, Model, Row, Version

IDENTITY_SECONDS = 600


class Users(Model):
    name = "res.users"
    system_only = False
    fields: Mapping[str, Field] = {
        "name": Field("char"),
        "login": Field("char"),
        "password": Field("char"),
        "email": Field("char"),
        "company_id": Field("many2one", 1, relation="res.company"),
        "is_system": Field("boolean", stored=False),
        "totp_secret": Field("char"),
    }

    def context_get(self, call: Call) -> dict[str, Any]:
        return {"lang": "en_US", "tz": False, "uid": call.uid}


class Companies(Model):
    name = "res.company"
    system_only = False
    fields: Mapping[str, Field] = {
        "name": Field("char"),
        "email": Field("char"),
        "default_from_email": Field("char"),
    }


class Parameters(Model):
    name = "ir.config_parameter"
    title = "System Parameter"
    order = "key"
    fields: Mapping[str, Field] = {"key": Field("char"), "value": Field("text")}

    def value(self, key: str) -> str | None:
        return next((row["value"] for row in self.rows.values() if row["key"] == key), None)

    def set_value(self, key: str, value: str) -> None:
        for row in self.rows.values():
            if row["key"] == key:
                row["value"] = value
                return
        self.add(key=key, value=value)


class ExternalIds(Model):
    name = "ir.model.data"
    title = "Model Data"
    fields: Mapping[str, Field] = {
        "module": Field("char"),
        "name": Field("char"),
        "model": Field("char"),
        "res_id": Field("integer", 0),
    }


class Crons(Model):
    name = "ir.cron"
    title = "Scheduled Actions"
    fields: Mapping[str, Field] = {
        "name": Field("char"),
        "active": Field("boolean", default=True),
        "nextcall": Field("datetime"),
    }


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
    fields: Mapping[str, Field] = {"model": Field("char")}


class _Recordset:
    """One record as the code of a server action sees it."""

    def __init__(self, call: Call, model: str, record_id: int) -> None:
        self._call = call
        self._model = call.odoo.models[model]
        self._id = record_id

    def __getitem__(self, field: str) -> Any:
        return self._model.rows[self._id][field]

    def write(self, vals: Row) -> None:
        self._model.write(self._call, [self._id], vals)


class _Environment:
    """`env` in the code of a server action: `env['model'].browse(id)`."""

    def __init__(self, call: Call, model: str = "") -> None:
        self._call = call
        self._model = model

    def __getitem__(self, model: str) -> "_Environment":
        return _Environment(self._call, model)

    def browse(self, record_id: int) -> _Recordset:
        return _Recordset(self._call, self._model, record_id)


class ServerActions(Model):
    """`ir.actions.server`: runs Python on the server."""

    name = "ir.actions.server"
    title = "Server Actions"
    fields: Mapping[str, Field] = {
        "name": Field("char", required=True),
        "model_id": Field("many2one", required=True, relation="ir.model"),
        "state": Field("selection", "code", selection=(("code", "Execute Code"),)),
        "code": Field("text"),
    }

    def run(self, call: Call, ids: Sequence[int]) -> bool:
        for row in self._existing(ids):
            exec(row["code"], {"env": _Environment(call)})
        return False


class ApiKeyWizard(Model):
    """Makes API keys, in a web session and behind a check of the identity. 17 has no expiry."""

    name = "res.users.apikeys.description"
    system_only = False

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        self.fields = {"name": Field("char", required=True)}
        if version == 19:
            durations = tuple((days, days) for days in ("0", "1", "7", "30", "90", "-1"))
            self.fields |= {
                "duration": Field("selection", "1", selection=durations),
                "expiration_date": Field("datetime"),
            }

    def make_key(self, call: Call, ids: Sequence[int]) -> dict[str, Any]:
        session = call.session
        if session is None:
            raise FaultError(USER, "This method can only be accessed over HTTP")
        if time.monotonic() > session.identity_checked_until:
            check_id = call.odoo.models[IdentityCheck.name].add(wizard_ids=list(ids))
            action = {"type": "ir.actions.act_window", "res_model": IdentityCheck.name}
            return action | {"res_id": check_id}
        (row,) = self._existing(ids)
        key = secrets.token_hex(20)
        call.odoo.api_keys[key] = {"uid": call.uid, "name": row["name"]} | {
            name: row.get(name) for name in ("duration", "expiration_date")
        }
        action = {"type": "ir.actions.act_window", "res_model": "res.users.apikeys.show"}
        return action | {"context": {"default_key": key}}


class IdentityCheck(Model):
    """Asks for the password once more: 17 as a field, 19 in the context."""

    name = "res.users.identitycheck"
    system_only = False
    fields: Mapping[str, Field] = {
        "password": Field("char"),
        "wizard_ids": Field("json", stored=False),
    }

    def write(self, call: Call, ids: Sequence[int], vals: Row) -> bool:
        if self.version == 19:
            raise UnknownError("the password as a field of res.users.identitycheck")
        return super().write(call, ids, vals)

    def run_check(self, call: Call, ids: Sequence[int]) -> dict[str, Any]:
        (row,) = self._existing(ids)
        given = call.context.get("password") if self.version == 19 else row["password"]
        if given != call.odoo.users.rows[call.uid]["password"] or call.session is None:
            raise FaultError(
                USER,
                "Incorrect Password, try again or click on Forgot Password to reset your password.",
            )
        call.session.identity_checked_until = time.monotonic() + IDENTITY_SECONDS
        wizard = call.odoo.models[ApiKeyWizard.name]
        assert isinstance(wizard, ApiKeyWizard)
        return wizard.make_key(call, row["wizard_ids"])
