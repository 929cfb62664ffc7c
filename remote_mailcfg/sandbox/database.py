"""One database of the stand-in: its models, users and API keys, and a method call on them."""

import inspect
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from remote_mailcfg.sandbox.api_keys import ApiKeys, ApiKeyWizard, IdentityCheck
from remote_mailcfg.sandbox.crons import Crons
from remote_mailcfg.sandbox.fault import (
    ACCESS,
    ATTRIBUTE,
    DENIED,
    INDEX,
    BrokenOffError,
    FaultError,
    UnknownError,
)
from remote_mailcfg.sandbox.field import Field
from remote_mailcfg.sandbox.groups import Notifications
from remote_mailcfg.sandbox.mail_servers import MailServers
from remote_mailcfg.sandbox.mails import Mails
from remote_mailcfg.sandbox.model import Call, Model, Version
from remote_mailcfg.sandbox.refusal import missing_record
from remote_mailcfg.sandbox.server_actions import ServerActions
from remote_mailcfg.sandbox.settings import (
    AliasDomains,
    ExternalIds,
    IncomingServers,
    ModelNames,
    Modules,
    Parameters,
    Templates,
)
from remote_mailcfg.sandbox.users import Companies, Partners, Users17, Users19

ADMIN: Final = ("admin", "admin-Secret-1")
CLERK: Final = ("bob", "bob-Secret-1")
TWO_FACTOR: Final = ("carol", "carol-Secret-1")
#: What an authenticator app of the two-factor account is set up with.
TOTP_SECRET: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 - it opens nothing else
COMPANY_EMAIL: Final = "info@example.org"
BASE_URL: Final = "https://registry.example.org"
#: Records that Odoo ships, by their external ids of the module base.
SHIPPED: Final = (
    ("main_partner", "res.partner", 1),
    ("user_root", "res.users", 1),
    ("user_admin", "res.users", 2),
)
PARAMETERS: Final = {
    "base.login_cooldown_after": "10",
    "base.login_cooldown_duration": "60",
    "database.uuid": "931b1fb4-e68f-11f1-9331-02fc00000001",
    "web.base.url": BASE_URL,
}
MODELS: Final[tuple[type[Model], ...]] = (
    *(Partners, Companies, Modules, ModelNames, AliasDomains, ApiKeyWizard, IdentityCheck),
    *(Templates, Notifications, ServerActions, IncomingServers),
)


@dataclass(slots=True)
class Switches:
    """What tests make a database do that a healthy one does not.

    What is in `break_before` and `break_after` (`model.method`) gets no answer, once: the value
    says whether the request is held rather than reset. Writes to `ignored_fields` and calls of
    `ignored_calls` change nothing; `odd_answers` takes the place of results.
    """

    break_before: dict[str, bool] = field(default_factory=dict)
    break_after: dict[str, bool] = field(default_factory=dict)
    ignored_fields: set[str] = field(default_factory=set)
    ignored_calls: set[str] = field(default_factory=set)
    odd_answers: dict[str, Any] = field(default_factory=dict)
    remove_at_write: bool = False
    ignores_freeze: bool = False

    def break_off(self, wanted: dict[str, bool], name: str) -> None:
        """Leave this call without an answer where a test wants that."""
        if name in wanted:
            raise BrokenOffError(hang=wanted.pop(name))


class Database:
    """A fresh database with the users ADMIN, CLERK, who lacks the role, and TWO_FACTOR.

    They are pairs of login and password; TWO_FACTOR wants the code of TOTP_SECRET as well.
    """

    def __init__(self, name: str, version: Version, smtp_timeout_seconds: float) -> None:
        self.name = name
        self.version = version
        self.smtp_timeout_seconds = smtp_timeout_seconds
        self.switches = Switches()
        self.users = Users17(version) if version == 17 else Users19(version)
        self.servers = MailServers(version)
        self.mails = Mails(version)
        self.api_keys = ApiKeys(version)
        self.external_ids = ExternalIds(version)
        self.crons = Crons(version)
        self.parameters = Parameters(version)
        own: tuple[Model, ...] = (self.users, self.servers, self.mails, self.api_keys)
        own = (*own, self.external_ids, self.crons, self.parameters)
        own = (*own, *(it(version) for it in MODELS))
        self.models = {it.name: it for it in own}
        self._fill()

    def _fill(self) -> None:
        company = {"name": "My Company", "email": COMPANY_EMAIL}
        partner_id = self.models["res.partner"].add(**company)
        self.models["res.company"].add(**company, partner_id=partner_id)
        for login, password, is_system in (
            ("__system__", "", True),
            (*ADMIN, True),
            (*CLERK, False),
            (*TWO_FACTOR, True),
        ):
            email = f"{login}@example.org" if password else False
            name = "Administrator" if (login, password) == ADMIN else login
            told: dict[str, Any] = {"name": name, "email": email}
            partner_id = self.models["res.partner"].add(**told)
            access: dict[str, Any] = {"login": login, "password": password, "is_system": is_system}
            active = login != "__system__"
            secret = TOTP_SECRET if (login, password) == TWO_FACTOR else False
            access |= {"active": active, "totp_secret": secret}
            self.users.add(**told, **access, partner_id=partner_id)
        for name in self.models:
            self.models["ir.model"].add(model=name)
        for name in ("base", "mail", "web"):
            self.models["ir.module.module"].add(name=name, state="installed")
        self.crons.fill(self.external_ids)
        for name, model, record_id in SHIPPED:
            self.external_ids.add(module="base", name=name, model=model, res_id=record_id)
        for key, value in PARAMETERS.items():
            self.parameters.set_value(key, value)

    @property
    def notifications_email(self) -> str:
        """The default sender of the company, as its alias domain has it."""
        company = self.models["res.company"].rows[1]
        domain = self.models["mail.alias.domain"].rows.get(company["alias_domain_id"])
        return str(domain["default_from_email"]) if domain else ""

    def add_api_key(self, login: str) -> str:
        """Make an API key past the wizard."""
        key = secrets.token_hex(20)
        (uid,) = (row["id"] for row in self.users.rows.values() if row["login"] == login)
        self.api_keys.add(name="given", user_id=uid, key=key)
        return key

    def manage_by_environment(self, field_name: str) -> None:
        """Do as OCA's module mail_environment does: a flag beside the field, and writes ignored."""
        flag = f"x_{field_name}_env_is_editable"
        self.servers.fields = {**self.servers.fields, flag: Field("boolean")}
        for row in self.servers.rows.values():
            row[flag] = False
        self.switches.ignored_fields.add(field_name)

    def authenticate(self, login: str, credential: str, *, keys: bool = True) -> int:
        """Return the user's id, 0 where login and password (or API key) do not fit."""
        for row in self.users.rows.values():
            if row["login"] != login or not credential:
                continue
            if keys and self.api_keys.owner(credential) == row["id"]:
                return int(row["id"])
            takes_password = not (keys and row["totp_secret"])  # RPC takes none with two-factor
            if takes_password and credential == row["password"]:
                return int(row["id"])
        return 0

    def check_user(self, uid: int, credential: str) -> None:
        """Refuse a call over RPC whose credential is not the user's."""
        if uid not in self.users.rows:
            if self.version == 17:
                raise missing_record("res.users", uid, uid)
            raise FaultError(DENIED, "Access Denied")
        if not self.authenticate(self.users.rows[uid]["login"], credential):
            raise FaultError(DENIED, "Access Denied")

    def note_base_url(self, uid: int, base_url: str) -> None:
        """Do what a login of an administrator does: `web.base.url` is where he came from."""
        frozen = self.parameters.value("web.base.url.freeze") and not self.switches.ignores_freeze
        if self.users.rows[uid]["is_system"] and not frozen:
            self.parameters.set_value("web.base.url", base_url)

    def method(self, model: str, method: str) -> Callable[..., Any]:
        """Return what a method of a model does; it is `rpc` for the model or for records."""
        if model not in self.models:
            raise UnknownError(f"model {model}")
        if method.startswith("_"):
            such = method if self.version == 17 else f"'{model}.{method}'"
            text = f"Private methods (such as {such}) cannot be called remotely."
            raise FaultError(ACCESS, text)
        function: Callable[..., Any] | None = getattr(self.models[model], method, None)
        if function is not None and hasattr(function, "rpc"):
            return function
        left_out = self.models[model].methods_left_out
        if left_out is None or method in left_out:
            raise UnknownError(f"method {model}.{method}")
        if self.version == 17:
            text = f"The method '{method}' does not exist on the model '{model}'"
        else:
            text = f"The method '{model}.{method}' does not exist"
        raise FaultError(ATTRIBUTE, text)

    def execute(
        self, call: Call, model: str, method: str, args: Sequence[Any], params: Mapping[str, Any]
    ) -> Any:
        """Call a method of a model, with ids and arguments by position and by name."""
        function = self.method(model, method)
        if function.rpc == "records" and not args:  # type: ignore[attr-defined]
            raise FaultError(INDEX, "list index out of range")
        name = f"{model}.{method}"
        try:
            inspect.signature(function).bind(call, *args, **params)
        except TypeError as error:
            raise UnknownError(f"{name} with these arguments: {error}") from error
        self.switches.break_off(self.switches.break_before, name)
        ignored = name in self.switches.ignored_calls
        result = ignored or function(call, *args, **params)
        self.switches.break_off(self.switches.break_after, name)
        return self.switches.odd_answers.get(name, result)
