"""What the live tests share: the Odoo of `REMOTE_MAILCFG_LIVE_*`, its observer, and the program."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from remote_mailcfg.sandbox.smtp_servers import SmtpPeers, smtp_peers
from tests.live.command import Command
from tests.live.nginx import Nginx, nginx
from tests.live.odoo import BASE_URL, FREEZE, Odoo

VARIABLE = "REMOTE_MAILCFG_LIVE_"
KEY_NAME = "remote-mailcfg live tests"


def setting(name: str) -> str:
    return os.environ.get(VARIABLE + name, "")


@pytest.fixture(scope="session")
def odoo() -> Iterator[Odoo]:
    """The server under test, through a client of the tests."""
    missing = [n for n in ("URL", "DB", "LOGIN", "PASSWORD") if not setting(n)]
    if missing:
        pytest.skip(f"{VARIABLE}{missing[0]} is not set: run `make live`")
    login, password = setting("LOGIN"), setting("PASSWORD")
    server = Odoo(setting("URL").rstrip("/"), setting("DB"), login, password)
    with server.open():
        (user_id,) = server.call("res.users", "search", [["login", "=", login]])
        server.api_key = setting("API_KEY") or server.make_key(user_id, KEY_NAME, days=60)
        yield server
        if not setting("API_KEY"):
            server.remove_keys(KEY_NAME)


@pytest.fixture(scope="session")
def local_odoo(odoo: Odoo) -> Odoo:
    """The server under test, where it can reach mail servers and nginx of this machine."""
    if urlsplit(odoo.url).hostname not in {"127.0.0.1", "localhost"}:
        pytest.skip("the server under test is another machine, which cannot reach the test's peers")
    return odoo


@pytest.fixture(scope="session")
def two_url() -> str:
    """The address of a second server, with the databases odoo19two_a and odoo19two_b."""
    if not setting("TWO_URL"):
        pytest.skip(f"{VARIABLE}TWO_URL is not set: there is no server with several databases")
    return setting("TWO_URL")


@pytest.fixture(autouse=True)
def _nothing_is_left(odoo: Odoo) -> Iterator[None]:
    """After every test the instance is as it was before."""

    def state() -> object:
        users = odoo.call("res.users", "search", [["active", "in", [True, False]]])
        mails = odoo.call("mail.mail", "search", [])
        return odoo.parameters(BASE_URL, FREEZE), odoo.server_names(), users, mails

    before = state()
    yield
    assert state() == before


@pytest.fixture
def command(odoo: Odoo, tmp_path: Path) -> Command:
    """The program, logging in with the password, over JSON-RPC since there is no key."""
    settings = {
        "OPENSPP_URL": odoo.url,
        "OPENSPP_DB": odoo.database,
        "OPENSPP_LOGIN": odoo.login,
        "OPENSPP_PASSWORD": odoo.password,
    }
    return Command(tmp_path / "program", settings)


@pytest.fixture
def quick(command: Command, odoo: Odoo) -> Command:
    """The program with a key beside the password: JSON-2 spares the server 0.3 s of hashing."""
    protocol = "json2" if odoo.version() >= 19 else "jsonrpc"
    return command.with_settings(OPENSPP_API_KEY=odoo.api_key, OPENSPP_PROTOCOL=protocol)


@pytest.fixture(params=["jsonrpc", "xmlrpc", "json2"])
def on_wire(request: pytest.FixtureRequest, command: Command, odoo: Odoo) -> Command:
    """The program on each protocol: with password and key on JSON-2, else with the password."""
    return on_protocol(request.param, command, odoo)


def on_protocol(protocol: str, command: Command, odoo: Odoo) -> Command:
    if protocol != "json2":
        return command.with_settings(OPENSPP_PROTOCOL=protocol)
    if odoo.version() < 19:
        pytest.skip("JSON-2 came with Odoo 19")
    return command.with_settings(OPENSPP_PROTOCOL=protocol, OPENSPP_API_KEY=odoo.api_key)


@pytest.fixture(scope="session")
def front(local_odoo: Odoo) -> Iterator[Nginx]:
    """nginx in front of the server under test."""
    yield from running_nginx(local_odoo)


def running_nginx(odoo: Odoo, *, read_timeout_seconds: int = 120) -> Iterator[Nginx]:
    """Run nginx, or skip where there is none to have."""
    if not odoo.url.startswith("http://"):
        pytest.skip("nginx is put in front of a plain HTTP address only")
    front = nginx(odoo.url, read_timeout_seconds=read_timeout_seconds)
    try:
        running = front.__enter__()  # its body may raise RuntimeError as well
    except RuntimeError as error:
        if "could not be obtained" not in str(error):
            raise
        pytest.skip(str(error))
    try:
        yield running
    finally:
        front.__exit__(None, None, None)


@pytest.fixture(scope="session")
def peers(local_odoo: Odoo) -> Iterator[SmtpPeers]:  # noqa: ARG001 - it skips where it must
    """Mail servers of every kind; the server under test runs on this machine and reaches them."""
    with smtp_peers(remembers=True) as running:
        yield running


@pytest.fixture
def base_url(odoo: Odoo) -> str:
    """`web.base.url`, which is an address that no test uses."""
    return odoo.parameters(BASE_URL)[BASE_URL]
