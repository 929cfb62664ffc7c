"""The servers that the contract holds for: sandboxes of 17 and 19, or a real one, on each protocol.

`REMOTE_MAILCFG_LIVE_URL`, `_DB`, `_LOGIN` and `_PASSWORD` name a real server; without `_API_KEY` a
key is made for the run. Everything that the tests make there is removed again.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from remote_mailcfg.instance.api_keys import make_key
from remote_mailcfg.instance.instance import Instance, open_instance
from remote_mailcfg.instance.mail_servers import create_server, unlink_servers
from remote_mailcfg.model.target import Protocol, Target
from remote_mailcfg.operations.web_login import borrowed_session
from remote_mailcfg.rpc.http import CookieJar, HttpClient
from remote_mailcfg.rpc.web import WebSession
from remote_mailcfg.sandbox.database import ADMIN
from remote_mailcfg.secret import Secret
from tests.sandbox import sandbox

VARIABLE = "REMOTE_MAILCFG_LIVE_"
LIVE = bool(os.environ.get(f"{VARIABLE}URL"))
WIRES: tuple[Protocol, ...] = ("jsonrpc", "xmlrpc", "json2")
KEYS = "res.users.apikeys"
#: What the names of everything made here begin with; another run, at the same time, has another.
MARK = f"remote-mailcfg contract {secrets.token_hex(4)}"
#: What is made here, by the field with the name.
MARKED = {
    "ir.mail_server": "name",
    "mail.mail": "subject",
    "res.users": "name",
    "res.partner": "name",
    KEYS: "name",
}
#: The first version with JSON-2.
JSON2 = 19

CreateServer = Callable[..., int]


@dataclass(frozen=True, slots=True)
class User:
    """A user without the role System Admin; `api_key` where the server has JSON-2."""

    id: int
    target: Target


def name() -> str:
    """Return a name that nothing else has."""
    return f"{MARK} {secrets.token_hex(6)}"


@pytest.fixture(scope="session")
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep state in a folder of the run: the machine's user may have a session of his own."""
    state: Path = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state))
        yield


@pytest.fixture(scope="session", params=["live"] if LIVE else [17, 19], ids=str)
def given(request: pytest.FixtureRequest, _own_state: None) -> Iterator[Target]:
    """The server under test, with the administrator's password."""
    if LIVE:
        names = ("URL", "DB", "LOGIN", "PASSWORD")
        yield _target(*(os.environ[f"{VARIABLE}{it}"] for it in names))
    else:
        with sandbox(request.param) as served:
            yield _target(served.url, served.database.name, *ADMIN)


def _target(url: str, database: str, login: str, password: str) -> Target:
    return Target(
        name="contract",
        url=url.rstrip("/"),
        database=database,
        login=login,
        password=Secret(password),
        protocol="jsonrpc",
    )


@pytest.fixture(scope="session")
def admin(given: Target) -> Iterator[Instance]:
    """The server under test, over JSON-RPC: what prepares and looks after the tests.

    In the end nothing with our mark is left there.
    """
    with open_instance(given) as instance:
        yield instance
        assert {model: ids for model in MARKED if (ids := marked(instance, model))} == {}


def marked(instance: Instance, model: str) -> list[int]:
    """Return the ids of a model's records that were made here, archived ones too."""
    domain = [[MARKED[model], "like", MARK]]
    found = instance.call(model, "search", domain=domain, context={"active_test": False})
    return list(found)


@pytest.fixture(scope="session")
def version(admin: Instance) -> int:
    """Odoo's major version."""
    return int(admin.connection.transport.fetch_version().partition(".")[0])


@pytest.fixture(scope="session")
def web(given: Target, admin: Instance) -> Iterator[WebSession]:
    """A web session of the administrator; making it leaves `web.base.url` alone."""
    with borrowed_session(given, admin) as session:
        yield session


@pytest.fixture(scope="session")
def api_key(
    given: Target, web: WebSession, admin: Instance, version: int
) -> Iterator[Secret | None]:
    """The administrator's key: the given one, else a new one; None where there is no JSON-2."""
    if written := os.environ.get(f"{VARIABLE}API_KEY"):
        yield Secret(written)
    elif version < JSON2:
        yield None
    else:
        assert given.password
        key_name = name()
        try:
            yield make_key(web, key_name, None, given.password).key
        finally:
            remove_key(web, admin, key_name)


def remove_key(session: WebSession, admin: Instance, key_name: str) -> None:
    """Remove the session's user's key of this name.

    Ten minutes after the login Odoo asks for the password in place of removing it, and the whole
    run may take longer: then a server action does it.
    """
    named = [["name", "=", key_name]]
    ids = session.call(KEYS, "search", domain=named)
    if ids:
        session.call(KEYS, "remove", ids)
    if left := session.call(KEYS, "search", domain=named):
        (model_id,) = admin.call("ir.model", "search", domain=[["model", "=", KEYS]])
        code = f"env['{KEYS}'].sudo().browse({left}).unlink()"
        values = {"name": key_name, "model_id": model_id, "state": "code", "code": code}
        action = admin.call("ir.actions.server", "create", vals_list=values)
        admin.call("ir.actions.server", "run", (action,))
        admin.call("ir.actions.server", "unlink", (action,))


@pytest.fixture(scope="session", params=WIRES)
def target(
    request: pytest.FixtureRequest, given: Target, api_key: Secret | None, version: int
) -> Target:
    """The server under test on each protocol: with a key on JSON-2, else with the password."""
    if request.param != "json2":
        return replace(given, protocol=request.param)
    if version < JSON2:
        pytest.skip(f"JSON-2 came with Odoo {JSON2}, this is {version}")
    return replace(given, protocol="json2", api_key=api_key, password=None)


@pytest.fixture(scope="session")
def instance(target: Target) -> Iterator[Instance]:
    """The server under test, logged in to on each protocol."""
    with open_instance(target) as opened:
        yield opened


@pytest.fixture
def create(instance: Instance, admin: Instance) -> Iterator[CreateServer]:
    """A function that creates an archived mail server, which is removed after the test."""
    made: list[int] = []

    def create_archived(**values: Any) -> int:
        usual: dict[str, Any] = {"name": name(), "active": False, "smtp_host": "smtp.invalid"}
        made.append(create_server(instance, usual | values))
        return made[-1]

    yield create_archived
    if made:
        unlink_servers(admin, made)


@pytest.fixture(scope="session")
def missing_id(admin: Instance) -> int:
    """The id of a mail server that is gone."""
    gone = create_server(admin, {"name": name(), "active": False})
    unlink_servers(admin, (gone,))
    return gone


@pytest.fixture(scope="session")
def clerk(given: Target, admin: Instance, version: int) -> Iterator[User]:
    """A user who has no role."""
    password = Secret(secrets.token_urlsafe(16))
    login = f"{secrets.token_hex(6)}@contract.invalid"
    values = {"name": name(), "login": login, "password": password.reveal()}
    context = {"no_reset_password": True}
    user_id = admin.call("res.users", "create", vals_list=values, context=context)
    (row,) = admin.call("res.users", "read", (user_id,), fields=["partner_id"])
    login_of = replace(given, login=login, password=password)
    try:
        key = make_clerks_key(login_of) if version >= JSON2 else None
        yield User(user_id, replace(login_of, api_key=key))
    finally:
        admin.call("res.users", "unlink", (user_id,))  # and the key with it
        admin.call("res.partner", "unlink", (row["partner_id"][0],))


def make_clerks_key(target: Target) -> Secret:
    """Make a key for a day; the login of a user without a role leaves `web.base.url` alone."""
    assert target.password
    with HttpClient(target) as http:
        session = WebSession(http, target, CookieJar())
        session.log_in(target.password, None)
        try:
            return make_key(session, name(), 1, target.password).key
        finally:
            session.end()


@pytest.fixture
def clerks(target: Target, clerk: User) -> Iterator[Instance]:
    """The server under test, as the user without a role, on each protocol."""
    with open_instance(as_user(target, clerk)) as opened:
        yield opened


def as_user(target: Target, user: User) -> Target:
    """Return a target as another user, with the credential that its protocol takes."""
    its = user.target
    if target.protocol == "json2":
        return replace(target, login=its.login, api_key=its.api_key, password=None)
    return replace(target, login=its.login, api_key=None, password=its.password)
