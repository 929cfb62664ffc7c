"""The routes of the web client inside one database: sessions, developer mode, menus, calls."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pyotp
from werkzeug.exceptions import NotFound
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from remote_mailcfg.sandbox.answers import Route, json_rpc, page
from remote_mailcfg.sandbox.database import Database
from remote_mailcfg.sandbox.fault import (
    ACCESS,
    ATTRIBUTE,
    DENIED,
    EXPIRED,
    TYPE,
    FaultError,
    UnknownError,
)
from remote_mailcfg.sandbox.model import Call
from remote_mailcfg.sandbox.odoo import Odoo
from remote_mailcfg.sandbox.sessions import Session
from remote_mailcfg.sandbox.told import load_told

#: The menu that only an administrator sees; its entries belong to the app of this name.
SETTINGS = "base.menu_administration"
#: What only an administrator's session info holds.
FOR_ADMINISTRATORS = ("web_tours", "tour_disable", "iap_company_enrich")
CLIENT_17, CLIENT_19 = "/web", "/odoo"


class Web:
    """Answers one request; `session` is its session, which a login replaces."""

    def __init__(
        self, odoo: Odoo, database: Database | None, session: Session, request: Request
    ) -> None:
        self._odoo = odoo
        self._database = database
        self._request = request
        self.session = session
        self._client = CLIENT_17 if odoo.version == 17 else CLIENT_19

    @property
    def _there(self) -> Database:
        """The database of a route that is only reached with one."""
        if self._database is None:
            raise NotFound
        return self._database

    def answer(self) -> Response | None:
        """Answer what the web client asks for; None where there is no such route."""
        path = self._request.path
        if path == "/web/session/authenticate":
            return self._rpc(self._authenticate)
        if path in {"/", "/web/session/logout"}:
            return self._to_client()
        if path in {"/web", "/web/login"} or (path + "/").startswith("/odoo/"):
            return self._page()
        return self._in_database(path) if self._database else None

    def _in_database(self, path: str) -> Response | None:
        if path == "/web/login/totp":
            return self._two_factor()
        if path.startswith("/web/webclient/load_menus"):
            return self._menus()
        routes: dict[str, Route] = {
            "/web/dataset/call_kw": self._call_kw,
            "/web/dataset/call_button": self._call_kw,
            "/web/session/get_session_info": lambda _params: self._touched_info(),
            "/web/session/check": lambda _params: self._check_logged_in(),
            "/web/session/destroy": lambda _params: self._log_out(),
            "/web/action/load": self._action,
        }
        route = routes.get("/".join(path.split("/")[:4]))
        return self._rpc(route) if route and self._request.method == "POST" else None

    def set_debug(self) -> None:
        """Take developer mode from the query, as Odoo does on any route with a database."""
        if "debug" in self._request.args and self._odoo.keeps_debug:
            self.session.set_debug(self._request.args["debug"])

    def _rpc(self, route: Route) -> Response:
        return json_rpc(self._odoo.version, self._request, route)

    # Logging in and out

    def _authenticate(self, params: dict[str, Any]) -> Any:
        for name in ("db", "login", "password"):
            if name not in params:
                text = f"missing 1 required positional argument: {name!r}"
                raise FaultError(TYPE, f"Session.authenticate() {text}")
        name = params["db"]
        if not isinstance(name, str):
            what = type(name).__name__ if name is not False else "bool"
            raise FaultError(TYPE, f"expected string or bytes-like object, got {what!r}")
        if self._database:
            self.set_debug()
        if self._odoo.openspp and self._database is None:
            text = "'NoneType' object has no attribute 'user'"
            raise FaultError(ATTRIBUTE, text)
        if name not in self._odoo.shown or name not in self._odoo.databases:
            raise FaultError(ACCESS, "Database not found.")
        uid = self._log_in(self._odoo.databases[name], params["login"], params["password"])
        return self._info() if uid else {"uid": None}

    def _log_in(self, database: Database, login: str, password: str) -> int:
        """Check a password and begin a session; return 0 where the second factor is open."""
        source = (self._request.remote_addr or "", database.name)
        self._odoo.cooldown.check(source)
        uid = database.authenticate(login, password, keys=False)
        self._odoo.cooldown.note(source, failed=not uid)
        if not uid:
            raise FaultError(DENIED, "Access Denied")
        database.note_base_url(uid, self._request.root_url.rstrip("/"))
        if database.users.rows[uid]["totp_secret"]:
            self.session.half_logged_in = uid
            self.session.is_changed = True
            return 0
        self._begin(database.name, uid)
        return uid

    def _begin(self, database: str, uid: int) -> None:
        """Begin a session under a new id, as every login and logout does; developer mode stays."""
        self._odoo.sessions.pop(self.session.id, None)
        self.session = Session(database=database, uid=uid, debug=self.session.debug)
        self.session.is_changed = True
        self._database = self._odoo.databases.get(database)

    def _log_out(self) -> None:
        self._check_logged_in()
        self._begin("", 0)

    def _two_factor(self) -> Response:
        """Show the form, whose token is the session's id here; take the code of the moment."""
        uid = self.session.half_logged_in
        if not uid:
            return redirect("/web/login", 303)
        self.session.is_changed = True
        if self._request.method == "GET":
            return self._form("")
        form, secret = self._request.form, self._there.users.rows[uid]["totp_secret"]
        code = form["totp_token"].replace(" ", "")
        if not pyotp.TOTP(secret).verify(code, valid_window=1):
            return self._form("Verification failed, please double-check the 6-digit code")
        self._begin(self._there.name, uid)
        return redirect(self._client, 303)

    # Pages

    def _to_client(self) -> Response:
        """End the session where that was asked for, and go to the client's first page."""
        if self._request.path == "/web/session/logout":
            if self._database and self.session.uid:
                self._begin(self._there.name, 0)
            self.session.is_changed = True
            return redirect(self._client, 303)
        if self._database:
            self.set_debug()
        return redirect(self._with_query(self._client), 303)

    def _page(self) -> Response:
        """Serve the client's page or the login form; both want a database first."""
        request, wanted = self._request, self._request.args.get("db", "")
        if wanted in self._odoo.databases and wanted != self.session.database:
            self.session.database = wanted
            self.session.is_changed = True
            return redirect(request.full_path, 302)
        if self._database is None:
            self.session.is_changed = True
            return redirect("/web/database/selector", 303)
        self.set_debug()
        if request.path == "/web/login":
            return self._login_page()
        self.session.is_changed = True
        if self.session.uid:
            debug = f'debug: "{self.session.debug}",'
            return page(200, f"<title>Odoo</title><script>var odoo = {{ {debug} }};</script>")
        return redirect(self._login_address(), 303)

    def _login_page(self) -> Response:
        if self._request.method == "GET":
            return self._form("")
        form = self._request.form
        try:
            uid = self._log_in(self._there, form["login"], form["password"])
        except FaultError:
            return self._form("Wrong login/password")
        return redirect(self._client if uid else "/web/login/totp", 303)

    def _form(self, message: str) -> Response:
        token = f'<input type="hidden" name="csrf_token" value="{self.session.id}"/>'
        return page(200, f"<title>Odoo</title><form>{token}<p>{message}</p></form>")

    def _login_address(self) -> str:
        if self._odoo.version == 17:
            return self._with_query("/web/login")
        return f"/web/login?redirect={quote(self._request.full_path, safe='')}"

    def _with_query(self, path: str) -> str:
        query = urlencode(self._request.args)
        return f"{path}?{query}" if query else path

    # Inside a session

    def _check_logged_in(self) -> None:
        if not self.session.uid:
            raise FaultError(EXPIRED, "Session expired")
        self.set_debug()
        if self._odoo.version == 19 and not self.session.is_traced:
            self.session.is_traced = self.session.is_changed = True

    def _touched_info(self) -> dict[str, Any]:
        self._check_logged_in()
        self.session.is_changed = True
        return self._info()

    def _info(self) -> dict[str, Any]:
        user = self._there.users.rows[self.session.uid]
        debug = {"debug": self.session.debug} if self.session.debug else {}
        known: dict[str, Any] = {
            "uid": user["id"],
            "is_system": bool(user["is_system"]),
            "is_admin": bool(user["is_system"]),
            "user_context": {"lang": "en_US", "tz": False, "uid": user["id"]},
            "db": self._there.name,
            "name": user["name"],
            "username": user["login"],
            "partner_id": user["partner_id"],
            "partner_display_name": user["name"],
            "web.base.url": self._there.parameters.value("web.base.url"),
            "bundle_params": {"lang": "en_US"} | debug,
        }
        told: dict[str, Any] = dict(load_told(self._odoo.version)["session_info"])
        if not user["is_system"]:
            for name in FOR_ADMINISTRATORS:
                told.pop(name, None)
        return told | known | self._branding()

    def _branding(self) -> dict[str, Any]:
        """Return what OpenSPP's branding kit makes of the session's info."""
        if not self._odoo.openspp:
            return {}
        if self._odoo.version == 17:
            return {"server_version_info": "17.0", "openspp_system_name": "OpenSPP Platform"}
        masked = ["OpenSPP", "19.0", "", "", ""]
        return {"server_version_info": masked, "spp_system_name": "OpenSPP Platform"}

    def _call_kw(self, params: dict[str, Any]) -> Any:
        self._check_logged_in()
        if "kwargs" not in params:
            text = "DataSet.call_button() missing 1 required positional argument: 'kwargs'"
            raise FaultError(TYPE, text)
        named = dict(params["kwargs"])
        context = named.pop("context", {})
        uid, debug = self.session.uid, self.session.debug
        call = Call(self._there, uid, context, self.session, in_request=True, debug=debug)
        model, method = params["model"], params["method"]
        return self._there.execute(call, model, method, params["args"], named)

    def _action(self, params: dict[str, Any]) -> Any:
        self._check_logged_in()
        action = load_told(self._odoo.version)["action"]
        if params["action_id"] not in {action["id"], action["xml_id"]}:
            raise UnknownError(f"action {params['action_id']}")
        return action

    def _menus(self) -> Response:
        """17 wants a token in the path, 19 has none. Only developer mode shows the mail servers."""
        token = self._request.path.removeprefix("/web/webclient/load_menus").strip("/")
        if bool(token) != (self._odoo.version == 17):
            raise NotFound
        if not self.session.uid:
            return redirect(self._login_address(), 303)
        told = load_told(self._odoo.version)
        menus = dict(told["menus"])
        if self.session.debug and not self._odoo.hides_menu:
            menus |= told["developer_menus"]
        (settings,) = (it["id"] for it in menus.values() if it["xmlid"] == SETTINGS)
        if not self._there.users.rows[self.session.uid]["is_system"]:
            menus = {k: it for k, it in menus.items() if it["appID"] != settings}
            shown = [it for it in menus["root"]["children"] if it != settings]
            menus["root"] = menus["root"] | {"children": shown}
        answer = Response(json.dumps(menus), content_type="application/json")
        answer.headers["Cache-Control"] = "public, max-age=31536000"
        return answer
