"""The stand-in as a WSGI application: finds session and database of a request, and its route."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.exceptions import Forbidden, HTTPException, NotFound
from werkzeug.wrappers import Request, Response

from remote_mailcfg.sandbox.answers import Route, json_answer, json_rpc, page
from remote_mailcfg.sandbox.database import Database
from remote_mailcfg.sandbox.fault import UnknownError
from remote_mailcfg.sandbox.json2 import answer_json2
from remote_mailcfg.sandbox.odoo import Odoo
from remote_mailcfg.sandbox.services import answer_json_rpc, answer_xml_rpc, list_databases
from remote_mailcfg.sandbox.sessions import Session
from remote_mailcfg.sandbox.web import Web

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

COOKIE = "session_id"
COOKIE_SECONDS = 604800
DATABASE_HEADER = "X-Odoo-Database"
VERSIONS = {"/web/version", "/json/version"}
ABOUT_SERVER = {*VERSIONS, "/web/database/list", "/web/webclient/version_info"}
NO_DATABASE_19 = """<!DOCTYPE html>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>No database is selected and the requested URL was not found in the server-wide controllers.</p>
<p>Please verify the hostname, <a href=/web/login>login</a> and try again.</p>

<!-- Alternatively, use the X-Odoo-Database header. -->
"""


class Application:
    """Serves one Odoo server; keeps the requests it got if it `remembers`, for a test."""

    def __init__(self, odoo: Odoo, *, remembers: bool = False) -> None:
        self.odoo = odoo
        self._remembers = remembers
        self.requests: list[Request] = []

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        request = Request(environ)
        request.get_data()
        if self._remembers:
            self.requests.append(request)
        return self.answer(request)(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Answer one request; raises `BrokenOffError` where a test wants no answer."""
        switches = self.odoo.first.switches
        switches.break_off(self.odoo.break_before, request.path)
        try:
            answer = self._without_session(request) or self._with_session(request)
        except UnknownError as unknown:
            return Response(f"the sandbox does not know {unknown}\n", 501, mimetype="text/plain")
        except HTTPException as error:
            return Response.force_type(error.get_response(request.environ), request.environ)
        switches.break_off(self.odoo.break_after, request.path)
        return answer

    def _without_session(self, request: Request) -> Response | None:
        """Answer what needs neither session nor database."""
        path, odoo = request.path, self.odoo
        if path == "/jsonrpc":
            return answer_json_rpc(odoo, request)
        if path.startswith("/xmlrpc/2/"):
            return answer_xml_rpc(odoo, request)
        if path == "/web/health":
            return Response(json.dumps({"status": "pass"}), content_type="application/json")
        return None

    def _with_session(self, request: Request) -> Response:
        session = self._session(request)
        database = self._database(request, session)
        if request.path.startswith("/json/2") and self.odoo.version == 19:
            if database is None:
                return self._no_database()
            return answer_json2(database, session, request)
        web = Web(self.odoo, database, session, request)
        if database and request.path in ABOUT_SERVER:
            web.set_debug()
        answer = self._about_server(request, database) or web.answer()
        if answer is None:
            if database is None:
                return self._no_database()
            raise NotFound
        self._keep(web.session, request, answer)
        return answer

    def _about_server(self, request: Request, database: Database | None) -> Response | None:
        """Answer what the server tells of itself to a session of nobody.

        OpenSPP's branding kit masks the version, and tells it in a database alone.
        """
        odoo = self.odoo
        info = odoo.info
        if odoo.openspp:
            info["server_version"] = "OpenSPP Platform"
            del info["server_version_info"]
        routes: dict[str, Route] = {
            "/web/database/list": lambda _params: list_databases(odoo),
            "/web/webclient/version_info": lambda _params: info,
        }
        if request.path in VERSIONS and odoo.version == 19:
            names = ("server_version_info", "version_info"), ("server_version", "version")
            return json_answer({short: odoo.info[name] for name, short in names})
        route = routes.get(request.path)
        if route is None or (odoo.openspp and database is None and "version" in request.path):
            return None
        return json_rpc(odoo.version, request, route)

    def _session(self, request: Request) -> Session:
        """Return the cookie's session; Odoo adopts an id that it does not know."""
        given = request.cookies.get(COOKIE, "")
        if given in self.odoo.sessions:
            return self.odoo.sessions[given]
        return Session(id=given) if given else Session(is_changed=True)

    def _database(self, request: Request, session: Session) -> Database | None:
        """Return the database of a request: of header (19), session, or the only one shown."""
        odoo = self.odoo
        named = request.headers.get(DATABASE_HEADER, "") if odoo.version == 19 else ""
        if named:
            if session.database not in {"", named}:
                raise Forbidden(
                    "Cannot use both the session_id cookie and the x-odoo-database header."
                )
            return odoo.databases[named] if named in odoo.shown else None
        name = session.database if session.database in odoo.shown else ""
        if not name and len(odoo.shown) == 1:
            (name,) = odoo.shown
        if session.uid and name != session.database:
            session.uid = 0
        session.database = name
        return odoo.databases.get(name)

    def _no_database(self) -> Response:
        if self.odoo.version == 17:
            raise NotFound
        return page(404, NO_DATABASE_19)

    def _keep(self, session: Session, request: Request, answer: Response) -> None:
        """Keep a session that was changed and tell its cookie; an error on the way tells none."""
        is_new = session.id not in self.odoo.sessions
        if not session.is_changed or DATABASE_HEADER in request.headers:
            return
        if is_new and not session.uid and "error" in (answer.get_json(silent=True) or {}):
            return
        self.odoo.sessions[session.id] = session
        session.is_changed = False
        answer.set_cookie(COOKIE, session.id, max_age=COOKIE_SECONDS, httponly=True)
