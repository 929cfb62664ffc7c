"""Make an API key inside a web session, the only place where Odoo makes one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from remote_mailcfg.errors import ConfigurationError, OdooError
from remote_mailcfg.rpc.answers import anything, by_name, check_shape, fields, record_id, record_ids
from remote_mailcfg.rpc.web import WebSession
from remote_mailcfg.secret import Secret

KEYS: Final = "res.users.apikeys"
WIZARD: Final = "res.users.apikeys.description"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; `expires` is None for one that does not."""

    key: Secret
    expires: datetime | None


def make_key(session: WebSession, name: str, days: int | None, password: Secret) -> NewKey:
    """Make a key for the session's user.

    Odoo asks for the password once more (an identity check, valid for ten minutes): 17 takes it
    as the check's field, 19 from the context. 17 has no expiry; `days` is refused there with
    `invalid-value`.
    """
    has_expiry = "duration" in session.call(
        WIZARD, "fields_get", attributes=["type"], expect=by_name
    )
    if days is not None and not has_expiry:
        raise ConfigurationError(
            "invalid-value",
            "--days: API keys of this version of Odoo do not expire",
            "Leave --days out, and remove the key when it is no longer used.",
        )
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days) if days else None
    values: dict[str, Any] = {"name": name}
    if has_expiry:
        values["duration"] = "-1" if expires else "0"  # a date of its own, or none
    if expires:
        values["expiration_date"] = f"{expires:%Y-%m-%d %H:%M:%S}"
    wizard_id = session.call(WIZARD, "create", vals_list=values, expect=record_id)
    action = session.call(WIZARD, "make_key", (wizard_id,), expect=by_name)
    if action.get("res_model") == "res.users.identitycheck":
        action = _check_identity(session, action, password, in_context=has_expiry)
    context = action.get("context")
    key = context.get("default_key") if isinstance(context, dict) else None
    if not isinstance(key, str) or not key:
        raise OdooError(
            "refused-by-odoo",
            "Odoo answered without a key",
            "Make it by hand: Preferences > Account Security > New API Key.",
        )
    return NewKey(Secret(key), expires)


def revoke_newest_key(session: WebSession, name: str) -> bool:
    """Remove the newest key of this name of the session's user; tell whether it is removed.

    Odoo asks for no password again: making a key has passed its identity check.
    """
    domain = [["name", "=", name], ["user_id", "=", session.info.get("uid")]]
    ids = session.call(KEYS, "search", domain=domain, expect=record_ids)
    if not ids:
        return False
    session.call(KEYS, "remove", (max(ids),), expect=anything)
    return max(ids) not in session.call(KEYS, "search", domain=domain, expect=record_ids)


def _check_identity(
    session: WebSession, action: dict[str, Any], password: Secret, *, in_context: bool
) -> dict[str, Any]:
    """Pass the identity check that an action opens; return what it was in front of."""
    url = session.target.url
    check_id = check_shape(action, fields(res_id=record_id), url, f"{WIZARD}.make_key")["res_id"]
    model = "res.users.identitycheck"
    plain = password.reveal()
    if in_context:
        context = {"context": {"password": plain}}
    else:
        context = {}
        session.call(model, "write", (check_id,), vals={"password": plain}, expect=anything)
    passed: dict[str, Any] = session.call(
        model, "run_check", (check_id,), expect=by_name, **context
    )
    return passed
