"""Users, their partners and companies, and how they prove who they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from remote_mailcfg.sandbox.fault import USER, FaultError, UnknownError
from remote_mailcfg.sandbox.field import Field, Row
from remote_mailcfg.sandbox.model import Call, Model, for_model, for_records

#: Groups by their external id; every internal user is in the others that are asked for.
SYSTEM_GROUPS = {"base.group_system", "base.group_erp_manager"}
DEVELOPER_GROUP = "base.group_no_one"


class Users(Model):
    name = "res.users"
    title = "User"
    system_only = False
    fields: Mapping[str, Field] = {
        "name": Field("char"),
        "login": Field("char"),
        "password": Field("char"),
        "email": Field("char"),
        "active": Field("boolean", default=True),
        "tz": Field("char"),
        "lang": Field("char", default="en_US"),
        "company_id": Field("many2one", 1, relation="res.company"),
        "partner_id": Field("many2one", relation="res.partner"),
        "groups_id": Field("json"),
        "outgoing_mail_server_id": Field("many2one", relation="ir.mail_server"),
        "is_system": Field("boolean"),
        "totp_secret": Field("char"),
    }

    @for_model
    def context_get(self, call: Call) -> dict[str, Any]:
        return {"lang": "en_US", "tz": False, "uid": call.uid}

    @for_model
    def create(self, call: Call, vals_list: Row | Sequence[Row] | None) -> int | list[int]:
        if not isinstance(vals_list, dict):
            raise UnknownError("several users at once")
        partner = {name: vals_list.get(name, False) for name in ("name", "email")}
        partner_id = call.database.models["res.partner"].add(**partner)
        return super().create(call, vals_list | {"partner_id": partner_id})

    @for_records
    def unlink(self, call: Call, ids: Sequence[int]) -> bool:
        keys = call.database.api_keys.rows
        for key_id in [it for it, row in keys.items() if row["user_id"] in ids]:
            del keys[key_id]
        return super().unlink(call, ids)

    def has_group(self, call: Call, ids: Sequence[int], group_ext_id: str) -> bool:
        """Tell whether a user is in a group. On 19 developer mode decides about its own."""
        (user,) = self._existing(ids)
        if group_ext_id == DEVELOPER_GROUP:
            return self.version == 17 or bool(call.in_request and call.debug)
        if group_ext_id in SYSTEM_GROUPS:
            return bool(user["is_system"])
        raise UnknownError(f"group {group_ext_id}")

    @for_records
    def api_key_wizard(self, call: Call, ids: Sequence[int]) -> dict[str, Any]:
        """Open the wizard for a key, on 17, behind the check of the identity."""
        del ids
        checked = call.database.api_keys.check_identity(call, self.name, "api_key_wizard")
        return checked or {
            "type": "ir.actions.act_window",
            "res_model": "res.users.apikeys.description",
            "name": "New API Key",
            "target": "new",
            "views": [[False, "form"]],
        }

    def user_has_groups(self, call: Call, groups: str) -> bool:
        if groups != DEVELOPER_GROUP:
            raise UnknownError(f"group {groups}")
        return bool(call.in_request and call.debug)


class Users17(Users):
    @for_model
    def has_group(self, call: Call, group_ext_id: str) -> bool:  # type: ignore[override]
        return super().has_group(call, [call.uid], group_ext_id)

    @for_model
    def user_has_groups(self, call: Call, groups: str) -> bool:
        return super().user_has_groups(call, groups)


class Users19(Users):
    fields: Mapping[str, Field] = {
        **Users.fields,
        "outgoing_mail_server_id": Field("many2one", relation="ir.mail_server"),
    }

    @for_records
    def has_group(self, call: Call, ids: Sequence[int], group_ext_id: str) -> bool:
        return super().has_group(call, ids, group_ext_id)


class Partners(Model):
    name = "res.partner"
    title = "Contact"
    system_only = False
    fields: Mapping[str, Field] = {
        "name": Field("char"),
        "email": Field("char"),
        "active": Field("boolean", default=True),
    }


class Companies(Model):
    """`default_from_email` and its like follow from the alias domain, as on a real server."""

    name = "res.company"
    system_only = False
    fields: Mapping[str, Field] = {
        "name": Field("char"),
        "email": Field("char"),
        "partner_id": Field("many2one", relation="res.partner"),
        "alias_domain_id": Field("many2one", relation="mail.alias.domain"),
        "default_from_email": Field("char", stored=False),
        "bounce_email": Field("char", stored=False),
        "catchall_email": Field("char", stored=False),
    }

    def _computed(self, call: Call, row: Row, name: str) -> Any:
        domain = call.database.models["mail.alias.domain"].rows.get(row["alias_domain_id"])
        if domain is None:
            return False if name == "default_from_email" else ""
        return domain[name]


def only_over_http() -> FaultError:
    return FaultError(USER, "This method can only be accessed over HTTP")
