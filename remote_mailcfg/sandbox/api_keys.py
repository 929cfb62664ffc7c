"""API keys: the wizard that makes them, in a web session and behind a check of the identity."""

import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from remote_mailcfg.sandbox.fault import USER, VALIDATION, FaultError, UnknownError
from remote_mailcfg.sandbox.field import Field, Row
from remote_mailcfg.sandbox.model import Call, Model, Version, for_model, for_records, now
from remote_mailcfg.sandbox.refusal import refused
from remote_mailcfg.sandbox.told import told_fields
from remote_mailcfg.sandbox.users import only_over_http

IDENTITY_SECONDS = 600
MOST_DAYS = 90.0


class ApiKeys(Model):
    """`res.users.apikeys`; `key` is what a client sends and RPC never shows."""

    name = "res.users.apikeys"
    title = "Users API Keys"
    system_only = False
    fields: Mapping[str, Field] = {
        "name": Field("char"),
        "user_id": Field("many2one", relation="res.users"),
        "scope": Field("char"),
        "create_date": Field("datetime"),
    }

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        if version == 19:
            self.fields = {**self.fields, "expiration_date": Field("datetime")}
        self.fields = {**self.fields, "display_name": Field("char", stored=False)}

    def owner(self, key: str) -> int:
        """Return the user whose valid key this is, 0 where it is nobody's."""
        for row in self.rows.values():
            expires = row.get("expiration_date")
            if row["key"] == key and not (expires and expires < now()):
                return int(row["user_id"])
        return 0

    @for_model
    def create(self, call: Call, vals_list: Any) -> int | list[int]:
        del call, vals_list
        raise refused("create", self.title, self.name, "No group currently allows this operation.")

    @for_records
    def remove(self, call: Call, ids: Sequence[int]) -> dict[str, Any]:
        if check := self.check_identity(call, self.name, "remove"):
            return check
        for row in list(self._existing(ids)):
            del self.rows[row["id"]]
        return {"type": "ir.actions.act_window_close"}

    def check_identity(
        self, call: Call, model: str, method: str, ids: Sequence[int] = ()
    ) -> dict[str, Any] | None:
        """Return None in a session that proved itself, else the action that asks for it."""
        if call.session is None:
            raise only_over_http()
        if time.monotonic() < call.session.identity_checked_until:
            return None
        checks = call.database.models[IdentityCheck.name]
        action: dict[str, Any] = {
            "type": "ir.actions.act_window",
            "res_model": IdentityCheck.name,
            "res_id": checks.add(then=(model, method, list(ids))),
            "name": "Security Control" if self.version == 17 else "Access Control",
            "target": "new",
            "views": [[False, "form"]],
        }
        return action if self.version == 17 else action | {"context": {"dialog_size": "medium"}}


class ApiKeyWizard(Model):
    """17 has no expiry."""

    name = "res.users.apikeys.description"
    system_only = False

    def __init__(self, version: Version) -> None:
        super().__init__(version)
        self.fields = {"name": Field("char", required=True)}
        if version == 19:
            self.fields = told_fields(19, self.name, {"duration": "1"})

    @for_records
    def make_key(self, call: Call, ids: Sequence[int]) -> dict[str, Any]:
        if check := call.database.api_keys.check_identity(call, self.name, "make_key", ids):
            return check
        (row,) = self._existing(ids)
        key = secrets.token_hex(20)
        expiry = {"expiration_date": self._expiry(row)} if self.version == 19 else {}
        call.database.api_keys.add(name=row["name"], user_id=call.uid, key=key, **expiry)
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.users.apikeys.show",
            "name": "API Key Ready",
            "views": [[False, "form"]],
            "target": "new",
            "context": {"default_key": key},
        }

    def _check_row(self, call: Call, row: Row) -> None:
        if self.version == 17 or call.is_system:
            return
        if row["duration"] == "0":
            raise FaultError(VALIDATION, "The API key must have an expiration date")
        if row["duration"] != "-1" and float(row["duration"]) > MOST_DAYS:
            raise FaultError(VALIDATION, f"You cannot exceed {MOST_DAYS} days.")

    def _expiry(self, row: Row) -> str | bool:
        """Return when the key ends: at the midnight after its days, or False for never."""
        if row["duration"] == "-1":
            return str(row["expiration_date"])
        if row["duration"] == "0":
            return False
        return f"{datetime.now(UTC) + timedelta(days=int(row['duration'])):%Y-%m-%d} 00:00:00"


class IdentityCheck(Model):
    """Asks for the password once more: 17 as a field, 19 in the context."""

    name = "res.users.identitycheck"
    system_only = False
    fields: Mapping[str, Field] = {"password": Field("char"), "then": Field("json", stored=False)}

    @for_records
    def write(self, call: Call, ids: Sequence[int], vals: Row) -> bool:
        if self.version == 19:
            raise UnknownError("the password as a field of res.users.identitycheck")
        return super().write(call, ids, vals)

    @for_records
    def run_check(self, call: Call, ids: Sequence[int]) -> Any:
        (row,) = self._existing(ids)
        given = call.context.get("password") if self.version == 19 else row["password"]
        row["password"] = False
        if given != call.database.users.rows[call.uid]["password"] or call.session is None:
            raise FaultError(
                USER,
                "Incorrect Password, try again or click on Forgot Password to reset your password.",
            )
        call.session.identity_checked_until = time.monotonic() + IDENTITY_SECONDS
        call.session.is_changed = True
        model, method, then_ids = row["then"]
        return getattr(call.database.models[model], method)(call, then_ids)
