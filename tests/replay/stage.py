"""The sandbox with what the recordings' servers held, and the recorded requests sent to it."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyotp

from remote_mailcfg.sandbox.database import Database
from remote_mailcfg.sandbox.odoo import Odoo
from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.sessions import Session
from remote_mailcfg.sandbox.smtp_servers import SmtpPeers
from tests.recorded import Exchange

TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
#: How long the sandbox waits for a mail server that says nothing; Odoo waits 60 s.
SMTP_TIMEOUT_SECONDS = 1.5


@dataclass(slots=True)
class Stage:
    """A running sandbox in the state in which the recorded server was.

    `ports` are the recorded mail servers' ports with those of ours. `who` has the cookie and the
    key that the next request carries (`key_of`: whose key instead), `host` is its Host header.
    """

    served: Served
    peers: SmtpPeers
    ports: dict[int, int]
    who: str = "admin"
    key_of: str = ""
    host: str = ""
    sessions: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def odoo(self) -> Odoo:
        return self.served.odoo

    @property
    def database(self) -> Database:
        return self.odoo.first

    def add_server(self, record_id: int, name: str, port: int = 0, **values: Any) -> None:
        """Add a mail server that was made between the recordings; `port` is a recorded one."""
        given: dict[str, Any] = {"name": name, "smtp_host": "127.0.0.1"}
        given["smtp_port"] = self.ports.get(port, port)
        self.database.servers.add(id=record_id, **given | values)

    def add_user(
        self, record_id: int, login: str, database: Database | None = None, **values: Any
    ) -> None:
        """Add a user whose password is his login, as in the recordings."""
        there = database or self.database
        partner_id = there.models["res.partner"].add(name=login)
        given = {"name": login, "login": login, "password": login, "partner_id": partner_id}
        there.users.add(id=record_id, **given, **values)

    def add_database(self, name: str) -> Database:
        """Add a database that the filter does not show."""
        database = Database(name, self.odoo.version, SMTP_TIMEOUT_SECONDS)
        self.odoo.databases[name] = database
        return database

    def log_in(self, who: str, uid: int = 2, database: str = "", debug: str = "") -> None:
        """Begin a web session that was begun between the recordings; 0 is nobody's yet."""
        session = Session(database=database or self.database.name, uid=uid, debug=debug)
        self.odoo.sessions[session.id] = session
        self.sessions[who] = session.id
        self.who = who

    @property
    def session(self) -> Session:
        return self.odoo.sessions[self.sessions[self.who]]

    def set_debug(self, mode: str) -> None:
        self.session.debug = mode

    def add_key(self, login: str, database: Database | None = None) -> None:
        self.keys[login] = (database or self.database).add_api_key(login)

    def play(self, exchange: Exchange) -> tuple[int, Mapping[str, str], str]:
        """Send a recorded request; return status, headers and body of the answer."""
        request = exchange.request
        given = request.body
        body = given if isinstance(given, str) else json.dumps(self._own_ports(given))
        headers = dict(request.headers)
        if self.host:
            headers["Host"] = self.host
        if "Cookie" in headers:
            headers["Cookie"] = f"session_id={self.sessions.get(self.who, 'stale')}"
        key = self.keys.get(self.key_of or self.who, "no-key")
        if headers.get("Authorization", "").lower().startswith("bearer <"):
            headers["Authorization"] = headers["Authorization"].split()[0] + f" {key}"
        code = f"totp_token={pyotp.TOTP(TOTP_SECRET).now()}"
        body = body.replace("<40-hex>", key).replace("totp_token=829132", code)
        content = b"" if given is None else body.encode()
        path = request.path.replace("<64-hex>", "0" * 64)
        status, told, text = _send(self.served.url + path, request.method, headers, content)
        self._keep_cookie(told)
        if made := re.search(r'"default_key": "([0-9a-f]{40})"', text):
            self.keys[self.who] = made[1]
        return status, told, self._recorded_ports(text)

    def _own_ports(self, value: Any) -> Any:
        """Replace the ports of the recorded mail servers by those of ours."""
        if isinstance(value, dict):
            return {
                name: self.ports.get(it, it)
                if name == "smtp_port" and _is_int(it)
                else self._own_ports(it)
                for name, it in value.items()
            }
        return [self._own_ports(it) for it in value] if isinstance(value, list) else value

    def _recorded_ports(self, text: str) -> str:
        for recorded, own in self.ports.items():
            text = text.replace(f'"smtp_port": {own}', f'"smtp_port": {recorded}')
            text = text.replace(f"<int>{own}</int>", f"<int>{recorded}</int>")
        return text

    def _keep_cookie(self, headers: Mapping[str, str]) -> None:
        name, _, value = headers.get("Set-Cookie", "").partition(";")[0].partition("=")
        if name:
            self.sessions[self.who] = value


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
Change = Callable[[Stage], None]


def _send(
    url: str, method: str, headers: Mapping[str, str], content: bytes
) -> tuple[int, Mapping[str, str], str]:
    request = urllib.request.Request(url, content or None, dict(headers), method=method)
    if method == "POST" and "Content-Type" not in headers:
        request.add_unredirected_header("Content-type", "")
    try:
        with _OPENER.open(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read().decode()


def _is_int(value: Any) -> bool:
    return type(value) is int
