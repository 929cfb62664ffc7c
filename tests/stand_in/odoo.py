"""The stand-in's one database: its models, users, API keys and web sessions."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.stand_in.base import (
    ApiKeyWizard,
    Companies,
    Crons,
    ExternalIds,
    IdentityCheck,
    ModelNames,
    Modules,
    Parameters,
    ServerActions,
    Users,
)
from tests.stand_in.fault import ACCESS, DATABASE, DENIED, BrokenOffError, FaultError, UnknownError
from tests.stand_in.mail import AliasDomains, Mails, MailServers, Templates
from tests.stand_in.model import MODEL_METHODS, Call, Field, Model, Version

ADMIN: Final = ("admin", "admin-Secret-1")
CLERK: Final = ("bob", "bob-Secret-1")
COMPANY_EMAIL: Final = "info@example.org"
BASE_URL: Final = "https://registry.example.org"
CRON: Final = "ir_cron_mail_scheduler_action"
MODELS: Final[tuple[type[Model], ...]] = (
    *(Users, Companies, Parameters, ExternalIds, Crons, Modules, ApiKeyWizard, IdentityCheck),
    *(MailServers, Mails, Templates, AliasDomains, ModelNames, ServerActions),
)


@dataclass(slots=True)
class Session:
    """A web session; `uid` is 0 while nobody is logged in."""

    uid: int = 0
    debug: str = ""
    identity_checked_until: float = 0.0
    half_logged_in: int = 0


@dataclass(slots=True)
class Odoo:
    """What the server knows. Tests look into it and change it between calls.

    Users are ADMIN and CLERK, who lacks the role (login and password). `databases` are the names
    that the server shows, of which only the first can be entered. What is in `break_before` and
    `break_after` (`model.method`, or the path of a web route) gets no answer, once: the value says
    whether the request is held rather than closed. Writes to `ignored_fields` and `ignored_calls`
    change nothing;
    `odd_answers` takes the place of results.
    """

    version: Version
    databases: tuple[str, ...]
    smtp_timeout_seconds: float
    models: dict[str, Model] = field(default_factory=dict)
    api_keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    break_before: dict[str, bool] = field(default_factory=dict)
    break_after: dict[str, bool] = field(default_factory=dict)
    ignored_fields: set[str] = field(default_factory=set)
    ignored_calls: set[str] = field(default_factory=set)
    odd_answers: dict[str, Any] = field(default_factory=dict)
    lists_databases: bool = True
    honours_freeze: bool = True
    keeps_debug: bool = True
    hides_menu: bool = False
    remove_at_write: bool = False

    def __post_init__(self) -> None:
        for kind in MODELS:
            self.models[kind.name] = kind(self.version)
        self.models["res.company"].add(name="Example", email=COMPANY_EMAIL)
        self.users.add(name="System", login="__system__")
        for (login, password), is_system in ((ADMIN, True), (CLERK, False)):
            told = {"name": login, "login": login, "email": f"{login}@example.org"}
            self.users.add(**told, password=password, is_system=is_system)
        for name in self.models:
            self.models["ir.model"].add(model=name)
        self.models["ir.module.module"].add(name="mail", state="installed")
        self.models["ir.module.module"].add(name="spp_base", state="uninstalled")
        due = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
        cron_id = self.models["ir.cron"].add(name="Mail: Email Queue Manager", nextcall=due)
        self.models["ir.model.data"].add(module="mail", name=CRON, model="ir.cron", res_id=cron_id)
        self.parameters.set_value("web.base.url", BASE_URL)

    @property
    def database(self) -> str:
        return self.databases[0]

    @property
    def users(self) -> Model:
        return self.models["res.users"]

    @property
    def servers(self) -> Model:
        return self.models["ir.mail_server"]

    @property
    def parameters(self) -> Parameters:
        model = self.models["ir.config_parameter"]
        assert isinstance(model, Parameters)
        return model

    def add_api_key(self, login: str) -> str:
        """Make an API key past the wizard."""
        key = secrets.token_hex(20)
        (uid,) = (row["id"] for row in self.users.rows.values() if row["login"] == login)
        self.api_keys[key] = {"uid": uid, "name": "given", "duration": "0"}
        return key

    def manage_by_environment(self, field_name: str) -> None:
        """Do as the module mail_environment does: a flag beside the field, and writes ignored."""
        flag = {f"x_{field_name}_env_is_editable": Field("boolean", stored=False)}
        self.servers.fields = {**self.servers.fields, **flag}
        for row in self.servers.rows.values():
            row.update(dict.fromkeys(flag, False))
        self.ignored_fields.add(field_name)

    def check_database(self, name: str) -> None:
        if name != self.database:
            raise FaultError(
                DATABASE, f'connection failed: FATAL:  database "{name}" does not exist\n'
            )

    def authenticate(self, login: str, credential: str, *, keys: bool = True) -> int:
        """Return the user's id, 0 where login and password (or API key) do not fit."""
        for row in self.users.rows.values():
            key = self.api_keys.get(credential) if keys else None
            fits = key["uid"] == row["id"] if key else credential == row["password"]
            if keys and not key and row["totp_secret"]:
                fits = False  # RPC takes no password of an account with two-factor login
            if row["login"] == login and credential and fits:
                return int(row["id"])
        return 0

    def check_user(self, uid: int, credential: str) -> None:
        user = self.users.rows.get(uid, {"login": ""})
        if not self.authenticate(user["login"], credential):
            raise FaultError(DENIED, "Access Denied")

    def log_in(self, login: str, password: str, host: str) -> int:
        """Check the password of a web login, which rewrites `web.base.url` for administrators."""
        uid = self.authenticate(login, password, keys=False)
        if not uid:
            raise FaultError(DENIED, "Access Denied")
        frozen = self.honours_freeze and self.parameters.value("web.base.url.freeze")
        if self.users.rows[uid]["is_system"] and not frozen:
            self.parameters.set_value("web.base.url", f"http://{host}")
        return uid

    def execute(
        self, call: Call, model: str, method: str, args: Sequence[Any], params: Mapping[str, Any]
    ) -> Any:
        """Call a method of a model; ids and the values of `create` come by position."""
        if model not in self.models:
            raise UnknownError(f"model {model}")
        if method.startswith("_"):
            text = f"Private methods (such as '{model}.{method}') cannot be called remotely."
            raise FaultError(ACCESS, text)
        function = getattr(self.models[model], method, None)
        if function is None or method in {"add", "display_name", "value", "set_value"}:
            raise UnknownError(f"method {model}.{method}")
        name = f"{model}.{method}"
        if name in self.break_before:
            raise BrokenOffError(hang=self.break_before.pop(name))
        try:
            result = name in self.ignored_calls or function(call, *args, **params)
        except TypeError as error:
            raise UnknownError(f"{name} with these arguments: {error}") from error
        if name in self.break_after:
            raise BrokenOffError(hang=self.break_after.pop(name))
        return self.odd_answers.get(name, result)

    def execute_named(
        self, call: Call, model: str, method: str, ids: Sequence[int], params: Mapping[str, Any]
    ) -> Any:
        """Call a method the way JSON-2 does: everything has a name."""
        if method == "create":
            values = params["vals_list"]
            made = self.execute(call, model, method, [values], {})
            return made if isinstance(made, list) else [made]
        args = [] if method in MODEL_METHODS else [list(ids)]
        return self.execute(call, model, method, args, params)
