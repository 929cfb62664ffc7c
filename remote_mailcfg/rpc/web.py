"""The web session: the only place where developer mode lives, and where API keys are made.

It speaks the routes of the web client (`/web/session/*`, `/web/dataset/call_kw`), with cookies. The
header `X-Odoo-Database` is never sent here: 19 would answer without a cookie.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from remote_mailcfg.errors import ConfigurationError, LoginError
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.answers import (
    Reader,
    anything,
    by_name,
    check_shape,
    fields,
    session_info,
)
from remote_mailcfg.rpc.faults import (
    not_odoo,
    odoo_error,
    parse_json,
    parse_rpc,
    session_expired,
)
from remote_mailcfg.rpc.http import Answer, CookieJar, HttpClient
from remote_mailcfg.rpc.transport import Access, check_ids, is_read, positional
from remote_mailcfg.secret import Secret

#: The first version whose route of the menus has no cache token (19: web/controllers/home.py).
UNTOKENED_MENUS: Final = 19


class WebSession:
    """One web session of one user.

    `jar` holds its cookies, which may change with every answer; `info` is what the session last
    told about itself (`get_session_info`).
    """

    def __init__(self, http: HttpClient, target: Target, jar: CookieJar) -> None:
        self.target = target
        self.jar = jar
        self.info: Mapping[str, Any] = {}
        self._http = http
        self._access = Access(target.url, target.database, target.login, Secret(""), http.secrets)

    def log_in(self, password: Secret, totp_secret: Secret | None) -> None:
        """Log in with a password, and with a code where the account has two-factor login.

        `GET /web/login?db=` binds the session to the database first: with several databases
        OpenSPP's theme breaks the login of a session that has none. Raises
        `authentication-failed`, `two-factor-required` or `database-not-found`.
        """
        target = self.target
        self._get(f"/web/login?db={quote(target.database)}", "bind database")
        result = self._post(
            "/web/session/authenticate",
            {"db": target.database, "login": target.login, "password": password.reveal()},
        )
        uid = self._read(result, fields(uid=anything), "the login")["uid"]
        if uid is None:  # seen on 17.0 and 19.0: a two-factor account, half logged in
            self._complete_two_factor(totp_secret)
            self.fetch_info()
        else:
            self.info = self._read(result, session_info, "the login")

    def fetch_info(self) -> None:
        """Ask for `info`: the user, the version, developer mode (`bundle_params`)."""
        info = self._post("/web/session/get_session_info", {})
        self.info = self._read(info, session_info, "get_session_info")

    def set_debug(self, mode: str) -> None:
        """Set developer mode: `1`, `assets`, `tests`, or `0` for off."""
        self._post(f"/web/session/check?debug={quote(mode)}", {})

    def fetch_menus(self, version: int) -> dict[str, Any]:
        """Return the menus the web client would load, by id; `version` is Odoo's major version.

        Only this route is safe: `ir.ui.menu.load_menus` over RPC poisons the server's menu cache.
        17 wants a cache token in the path (any will do), 19 takes none.
        """
        route = "/web/webclient/load_menus"
        path = f"{route}/remote-mailcfg" if version < UNTOKENED_MENUS else route
        answer = self._get(path, "menus", repeatable=is_read(route))
        self._check_session(answer)
        answered = parse_json(answer, self.target.url + path, self._access)
        menus: dict[str, Any] = self._read(answered, by_name, "load_menus")
        return menus

    def call(
        self,
        model: str,
        method: str,
        ids: Sequence[int] = (),
        /,
        *,
        expect: Reader = anything,
        **params: Any,
    ) -> Any:
        """Call a method of a model inside this session; shaped like `Instance.call`."""
        check_ids(model, method, ids)
        args = positional(method, ids, params)
        answer = self._post(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": args, "kwargs": params},
            what=f"{model}.{method}",
            repeatable=is_read(method),
        )
        return self._read(answer, expect, f"{model}.{method}")

    def end(self) -> None:
        """End the session on the server. Developer mode would survive this: it goes first."""
        self.set_debug("0")
        self._post("/web/session/destroy", {})

    def _complete_two_factor(self, totp_secret: Secret | None) -> None:
        """Send the code of the moment through the form; its page carries the anti-forgery token."""
        if totp_secret is None:
            raise LoginError(
                "two-factor-required",
                f"the account {self.target.login!r} has two-factor login",
                "Set OPENSPP_TOTP_SECRET, or `totp_secret` in the inventory, to the secret of its"
                " authenticator app.",
            )
        page = self._get("/web/login/totp", "two-factor form")
        tag = page.body.partition(b'name="csrf_token"')[2].partition(b">")[0]
        token = tag.partition(b'value="')[2].partition(b'"')[0].decode(errors="replace")
        if not token:
            raise not_odoo(page, self.target.url + "/web/login/totp")
        code = _totp_code(totp_secret)
        self._http.secrets.add(code, totp_secret)
        form = {"csrf_token": token, "totp_token": code.reveal()}
        answer = self._http.request(
            "POST",
            "/web/login/totp",
            what="two-factor code",
            body=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            jar=self.jar,
        )
        if answer.status not in {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}:
            raise LoginError(
                "authentication-failed",
                f"the two-factor code of {self.target.login!r} was refused",
                "Odoo takes each code once: after another login wait 30 s."
                " Else check OPENSPP_TOTP_SECRET, or `totp_secret` in the inventory, and this"
                " machine's clock. Nothing was tried again.",
            )

    def _read(self, answer: Any, reader: Reader, what: str) -> Any:
        return check_shape(answer, reader, self.target.url, what)

    def _get(self, path: str, what: str, *, repeatable: bool = False) -> Answer:
        return self._http.request("GET", path, what=what, jar=self.jar, repeatable=repeatable)

    def _post(
        self, path: str, params: Mapping[str, Any], *, what: str = "", repeatable: bool = False
    ) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params, "id": 1})
        answer = self._http.request(
            "POST",
            path,
            what=what,
            body=body.encode(),
            headers={"Content-Type": "application/json"},
            jar=self.jar,
            repeatable=repeatable or is_read(path),
        )
        self._check_session(answer)
        message = parse_rpc(answer, self.target.url + path, self._access)
        if "error" in message:
            data = message["error"]["data"]
            raise odoo_error(data["name"], data["message"], self._access)
        return message.get("result")  # a null result has no key

    def _check_session(self, answer: Answer) -> None:
        """Without a session several databases make it an HTML 404."""
        if answer.status == HTTPStatus.NOT_FOUND and answer.content_type == "text/html":
            raise session_expired()


def _totp_code(secret: Secret) -> Secret:
    """Return the code of the moment; raises `ConfigurationError` for what is no such secret."""
    import pyotp  # noqa: PLC0415 - only two-factor accounts need it

    with suppress(ValueError):  # which may hold the secret, so it is not even kept as the context
        return Secret(pyotp.TOTP(secret.reveal().replace(" ", "")).now())
    raise ConfigurationError(
        "configuration",
        "the TOTP secret is not base32 text, or too short",
        "Odoo shows 32 letters and digits where two-factor login is set up: set"
        " OPENSPP_TOTP_SECRET, or `totp_secret` in the inventory, to them.",
    )
