"""A running Odoo as the live tests see it: through a client of their own, beside the program's."""

import contextlib
import http.client
import json
import secrets
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import pyotp

DEADLINE_SECONDS = 90
BASE_URL = "web.base.url"
FREEZE = "web.base.url.freeze"


class OdooRefusalError(Exception):
    """Odoo answered with an error; the text is its own."""


class FrozenError(Exception):
    """The instance has `web.base.url.freeze`, set by its administrators."""


@dataclass(frozen=True, slots=True)
class User:
    """A user made for a test; `totp_secret` where it has two-factor login."""

    id: int
    login: str
    password: str
    api_key: str
    totp_secret: str = ""


@dataclass(slots=True)
class Odoo:
    """One database, as its administrator.

    Calls go through a web session, `open` makes it: a password and even a key over the older wires
    cost the server 0.3 s of hashing after every write of a parameter. `api_key` is for the program.
    """

    url: str
    database: str
    login: str
    password: str
    api_key: str = ""
    session: str = ""
    _opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(urllib.request.ProxyHandler({}))
    )

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Log in, with `web.base.url` frozen meanwhile, and end the session afterwards.

        Raises `FrozenError`, with nothing changed, where the instance has a freeze of its own.
        """
        login = (self.database, self.login, self.password)
        user = (self.database, self.rpc("common", "authenticate", *login, {}), self.password)

        def execute(method: str, *args: object) -> Any:
            model = "ir.config_parameter"
            return self.rpc("object", "execute_kw", *user, model, method, args)

        if execute("search_count", [["key", "=", FREEZE]]):
            raise FrozenError(f"the server under test has {FREEZE}, which the tests would remove")
        execute("set_param", FREEZE, "live tests")
        try:
            self.session = self.browser_login()
        finally:
            execute("set_param", FREEZE, False)  # noqa: FBT003 - how Odoo removes a parameter
        try:
            yield
        finally:
            self.post("/web/session/destroy", {}, session=self.session)

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of a model by position, as `execute_kw` takes it."""
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        path = f"/web/dataset/call_kw/{model}/{method}"
        return self.post(path, params, session=self.session)

    def rpc(self, service: str, method: str, *args: Any) -> Any:
        params = {"service": service, "method": method, "args": args}
        return self.post("/jsonrpc", params)

    def post(self, path: str, params: Mapping[str, Any], *, session: str = "") -> Any:
        """Post a JSON-RPC message, in a web session if given; raise `OdooRefusalError`."""
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params, "id": 1})
        with self._open(path, body.encode(), session) as answer:
            message = json.load(answer)
        if "error" in message:
            raise OdooRefusalError(message["error"]["data"]["message"])
        return message.get("result")

    def get(self, path: str, *, session: str) -> str:
        """Return a page of a web session, after redirects."""
        with self._open(path, None, session) as answer:
            return str(answer.read().decode())

    def _open(self, path: str, body: bytes | None, session: str) -> http.client.HTTPResponse:
        headers = {"Content-Type": "application/json"}
        if session:
            headers["Cookie"] = f"session_id={session}"
        request = urllib.request.Request(self.url + path, body, headers)
        answer: http.client.HTTPResponse = self._opener.open(request, timeout=DEADLINE_SECONDS)
        return answer

    def version(self) -> int:
        """Return the major version."""
        told = self.rpc("common", "version")["server_version"]
        return int(told.partition(".")[0])

    def parameters(self, *keys: str) -> dict[str, str]:
        domain = [["key", "in", list(keys)]]
        rows = self.call("ir.config_parameter", "search_read", domain, ["key", "value"])
        return {row["key"]: row["value"] for row in rows}

    def set_parameter(self, key: str, value: str) -> None:
        self.call("ir.config_parameter", "set_param", key, value)

    def remove_parameter(self, key: str) -> None:
        self.call("ir.config_parameter", "set_param", key, value=False)

    def server_names(self) -> dict[int, str]:
        """Return the names of all mail servers by id, archived ones too."""
        rows = self.call(
            "ir.mail_server", "search_read", [["active", "in", [True, False]]], ["name"]
        )
        return {row["id"]: row["name"] for row in rows}

    def run_code(self, code: str) -> dict[str, Any]:
        """Run Python on the server, as a server action that exists for this call; return `action`.

        It makes what no plain call can make: keys and two-factor secrets without a web login.
        """
        (model_id,) = self.call("ir.model", "search", [["model", "=", "res.users"]])
        values = {"name": "live test", "model_id": model_id, "state": "code", "code": code}
        action_id = self.call("ir.actions.server", "create", values)
        try:
            result = self.call("ir.actions.server", "run", [action_id])
        finally:
            self.call("ir.actions.server", "unlink", [action_id])
        return dict(result or {})

    def make_key(self, user_id: int, name: str, *, days: int = 1) -> str:
        """Make an API key that ends in some days."""
        end = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d %H:%M:%S}"
        has_expiry = "expiration_date" in self.call("res.users.apikeys", "fields_get", [], ["type"])
        arguments = f"None, {name!r}, {end!r}" if has_expiry else f"None, {name!r}"
        keys = f"env['res.users.apikeys'].with_user({user_id}).sudo()"
        return str(self.run_code(f"action = {{'key': {keys}._generate({arguments})}}")["key"])

    def remove_keys(self, name: str) -> None:
        """Remove all keys of this name."""
        self.run_code(
            f"env['res.users.apikeys'].sudo().search([('name', '=', {name!r})])._remove()"
        )

    @contextlib.contextmanager
    def user(self, *, role: bool = True, totp: bool = False) -> Iterator[User]:
        """Make a user, with the role System Admin or without, and remove it afterwards."""
        login = f"live-{secrets.token_hex(4)}@example.org"
        password = "Live-" + secrets.token_hex(8)
        totp_secret = pyotp.random_base32() if totp else ""
        values = {"name": login, "login": login, "email": login, "password": password}
        user_id = self.call("res.users", "create", values, context={"no_reset_password": True})
        try:
            self.run_code(
                f"user = env['res.users'].browse({user_id}).sudo()\n"
                "groups = 'group_ids' if 'group_ids' in user._fields else 'groups_id'\n"
                f"if {role}:\n    user.write({{groups: [(4, env.ref('base.group_system').id)]}})\n"
                f"if {totp}:\n    user.write({{'totp_secret': {totp_secret!r}}})\n"
            )
            key = self.make_key(user_id, login)
            yield User(user_id, login, password, key, totp_secret)
        finally:
            self._remove_user(user_id, login)

    def _remove_user(self, user_id: int, login: str) -> None:
        self.remove_keys(login)
        (user,) = self.call("res.users", "read", [user_id], ["partner_id"])
        self.call("res.users", "unlink", [user_id])
        self.call("res.partner", "unlink", [user["partner_id"][0]])

    def browser_login(self) -> str:
        """Log in as a browser does, which rewrites `web.base.url`; return the session's cookie."""
        body = json.dumps(
            {
                "jsonrpc": "2.0",
                "method": "call",
                "params": {"db": self.database, "login": self.login, "password": self.password},
            }
        )
        with self._open("/web/session/authenticate", body.encode(), "") as answer:
            cookies: SimpleCookie = SimpleCookie()
            for line in answer.headers.get_all("Set-Cookie") or ():
                cookies.load(line)
        return cookies["session_id"].value
