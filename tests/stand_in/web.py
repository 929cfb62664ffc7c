"""The routes of the web client: sessions, developer mode, menus, calls inside a session."""

import json
import secrets
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

import pyotp

from tests.stand_in.fault import ACCESS, EXPIRED, FaultError, NoDatabaseError, UnknownError
from tests.stand_in.message import HTML, Reply, Request, json_rpc
from tests.stand_in.model import Call
from tests.stand_in.odoo import Odoo, Session

KEPT_MODES = {"1", "assets", "tests"}
FORM = '<form><input type="hidden" name="csrf_token" value="{token}"/></form>'


class Web:
    """The routes of the web client, for the session of the request's cookie."""

    def __init__(self, odoo: Odoo, request: Request) -> None:
        self._odoo = odoo
        self._request = request
        cookies = SimpleCookie(request.headers.get("cookie", ""))
        self._id = cookies["session_id"].value if "session_id" in cookies else ""
        self._session = odoo.sessions.get(self._id)

    def answer(self) -> Reply:
        path = self._request.path
        if path == "/web/login":
            self._begin(Session())
            return self._with_cookie(Reply(303, HTML, b"", {"Location": "/web/login"}))
        if path == "/web/session/authenticate":
            return self._with_cookie(self._rpc(self._authenticate))
        if path == "/web/login/totp":
            return self._two_factor()
        if path.startswith("/web/webclient/load_menus"):
            return self._menus()
        if len(self._odoo.databases) > 1 and not (self._session and self._session.uid):
            raise NoDatabaseError
        if "debug" in self._request.query and self._session and self._odoo.keeps_debug:
            mode = self._request.query["debug"]
            self._session.debug = mode if mode in KEPT_MODES else ""
        if path.startswith("/web/dataset/call_kw/"):
            return self._rpc(self._call_kw)
        routes: dict[str, Callable[[], Any]] = {
            "/web/session/get_session_info": lambda: self._info(self._logged_in()),
            "/web/session/check": lambda: self._logged_in() and None,
            "/web/session/destroy": lambda: self._odoo.sessions.pop(self._id, None) and None,
        }
        if path not in routes:
            raise UnknownError(f"path {path}")
        return self._rpc(lambda _params: routes[path]())

    def _rpc(self, function: Callable[[dict[str, Any]], Any]) -> Reply:
        return json_rpc(self._odoo, self._request, function)

    def _begin(self, session: Session) -> Session:
        """Begin a session under a new id, as every login does."""
        self._odoo.sessions.pop(self._id, None)
        self._id = secrets.token_hex(20)
        self._odoo.sessions[self._id] = self._session = session
        return session

    def _with_cookie(self, reply: Reply) -> Reply:
        cookie = f"session_id={self._id}; Max-Age=604800; HttpOnly; Path=/"
        reply.headers.update({"Set-Cookie": cookie} if self._id else {})
        return reply

    def _authenticate(self, params: dict[str, Any]) -> Any:
        if params["db"] not in self._odoo.databases[:1]:
            raise FaultError(ACCESS, "Database not found.")
        host = self._request.headers["host"]
        uid = self._odoo.log_in(params["login"], params["password"], host)
        if self._odoo.users.rows[uid]["totp_secret"]:
            self._begin(Session(half_logged_in=uid))
            return {"uid": None}
        debug = self._session.debug if self._session else ""
        return self._info(self._begin(Session(uid, debug)))

    def _two_factor(self) -> Reply:
        """Show the form, whose token is the session's id here; take the code of the moment."""
        session = self._session
        if session is None or not session.half_logged_in:
            raise UnknownError("the two-factor form outside a login")
        if self._request.method == "GET":
            return Reply(200, HTML, FORM.format(token=self._id).encode())
        form = {name: values[0] for name, values in parse_qs(self._request.body.decode()).items()}
        secret = self._odoo.users.rows[session.half_logged_in]["totp_secret"]
        if form["csrf_token"] != self._id or not _is_code(secret, form["totp_token"]):
            return Reply(200, HTML, b"Verification failed, please double-check the 6-digit code")
        self._begin(Session(session.half_logged_in))
        return self._with_cookie(Reply(303, HTML, b"", {"Location": "/web"}))

    def _logged_in(self) -> Session:
        if self._session is None or not self._session.uid:
            raise FaultError(EXPIRED, "Session expired")
        return self._session

    def _info(self, session: Session) -> dict[str, Any]:
        user = self._odoo.users.rows[session.uid]
        bundle = {"lang": "en_US"} | ({"debug": session.debug} if session.debug else {})
        return {
            "uid": session.uid,
            "is_system": bool(user["is_system"]),
            "username": user["login"],
            "db": self._odoo.database,
            "server_version": f"{self._odoo.version}.0",
            "server_version_info": [self._odoo.version, 0, 0, "final", 0, ""],
            "bundle_params": bundle,
        }

    def _call_kw(self, params: dict[str, Any]) -> Any:
        session = self._logged_in()
        kwargs = dict(params["kwargs"])
        call = Call(self._odoo, session.uid, kwargs.pop("context", {}), session)
        return self._odoo.execute(call, params["model"], params["method"], params["args"], kwargs)

    def _menus(self) -> Reply:
        """17 wants a token in the path, 19 has none. Only developer mode shows the mail servers."""
        token = self._request.path.removeprefix("/web/webclient/load_menus").strip("/")
        if bool(token) != (self._odoo.version == 17) or self._session is None:
            return Reply(404, HTML, b"<title>404 Not Found</title>")
        shown = {"1": {"id": 1, "xmlid": "base.menu_administration"}}
        if self._session.debug and not self._odoo.hides_menu:
            shown["31"] = {"id": 31, "xmlid": "base.menu_mail_servers"}
        return Reply(200, "application/json", json.dumps({"root": {"id": "root"}} | shown).encode())


def _is_code(secret: str, code: str) -> bool:
    """Tell whether a code is of this half minute or of those beside it."""
    return pyotp.TOTP(secret).verify(code, valid_window=1)
