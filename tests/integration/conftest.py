"""The places that the suite runs against, and the mail servers that they send through.

Places are sandboxes of 17 and 19 over each wire that they have, or, where the variables
REMOTE_MAILCFG_LIVE_URL, _DB, _LOGIN and _PASSWORD name one, a real server instead; _API_KEY is its
API key, made and removed again where it is not given. The real server must be able to reach
127.0.0.1 of this machine, and be used by nobody else meanwhile: run it without `-n`.
"""

import os
import secrets
import socket
import xmlrpc.client
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from remote_mailcfg.sandbox.database import ADMIN
from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import SmtpPeers, smtp_peers
from tests.integration.fleet import Fleet, running_fleet
from tests.integration.instance import Instance
from tests.sandbox import sandbox

LIVE = {
    name: os.environ.get(f"REMOTE_MAILCFG_LIVE_{name}", "")
    for name in ("URL", "DB", "LOGIN", "PASSWORD", "API_KEY")
}
#: A real server has no part in these.
OWN = [
    "test_apply_fleet.py",
    "test_audit_runs.py",
    "test_dask.py",
    "test_demo.py",
    "test_export.py",
    "test_fleet.py",
    "test_guards.py",
    "test_killed.py",
    "test_lookup.py",
    "test_openspp.py",
    "test_plan.py",
    "test_sandbox_command.py",
]
collect_ignore = OWN if LIVE["URL"] else []
TOKEN = "mailcfg-test-"
WIRES = ("jsonrpc", "xmlrpc", "json2")

#: Version (0: the real server) and wire.
Place = tuple[int, str]
SANDBOXES: list[Place] = [(17, wire) for wire in WIRES[:2]] + [(19, wire) for wire in WIRES]
PLACES: list[Place] = [(0, wire) for wire in WIRES] if LIVE["URL"] else SANDBOXES
SOME_PLACES: list[Place] = [(0, "json2")] if LIVE["URL"] else [(17, "jsonrpc"), (19, "json2")]


def _place_id(place: Place) -> str:
    version, wire = place
    return f"{version or 'live'}-{wire}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out at a real server what only sandboxes can do."""
    if LIVE["URL"]:
        items[:] = [item for item in items if "faulty" not in getattr(item, "fixturenames", ())]


@pytest.fixture(autouse=True)
def _clean(clean_environment: None) -> None:
    """See `clean_environment`."""


@pytest.fixture
def one_second(mocker: MockerFixture) -> None:
    """Let all runs begin within one second, and the name of each sort before the one before."""
    clock = mocker.patch("remote_mailcfg.apply.run.datetime")
    clock.now.return_value = datetime.now(UTC)
    falling = (f"{number:06x}" for number in range(0xFFFFFF, 0, -1))
    chance = mocker.patch("remote_mailcfg.apply.run.secrets")
    chance.token_hex.side_effect = lambda _length: next(falling)


@pytest.fixture(scope="session")
def _peers() -> Iterator[SmtpPeers]:
    with smtp_peers(remembers=True) as peers:
        yield peers


@pytest.fixture
def smtp(_peers: SmtpPeers) -> SmtpPeers:
    """Real mail servers, with nothing received yet."""
    for peer in (_peers.plain, _peers.plain_auth, _peers.starttls_auth, _peers.tls_auth):
        for told in (peer.received, peer.senders, peer.recipients):
            told.clear()
    return _peers


@pytest.fixture(params=PLACES, ids=_place_id)
def instance(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """Run the test at every place, over every wire."""
    yield from _open(request)


@pytest.fixture(params=SOME_PLACES, ids=_place_id)
def some_instance(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """Run a test that no wire makes a difference to once for each version."""
    yield from _open(request)


@pytest.fixture(params=SANDBOXES[::3], ids=_place_id)
def faulty(request: pytest.FixtureRequest) -> Iterator[tuple[Instance, Served]]:
    """Run a test at sandboxes alone: it switches something on them that a real server has not."""
    for instance in _open(request):
        assert instance.sandbox
        yield instance, instance.sandbox


@pytest.fixture
def alone(request: pytest.FixtureRequest) -> None:
    """Skip where other mail servers are active, on a real server that is not fresh."""
    names = {"instance", "some_instance"} & {*request.fixturenames}
    instance = request.getfixturevalue(names.pop())
    if instance.records.servers(["active", "=", True]):
        pytest.skip("the server has other active mail servers")


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Run four sandboxes of 19 that an inventory lists."""
    with running_fleet(tmp_path) as fleet:
        yield fleet


@pytest.fixture
def six(tmp_path: Path) -> Iterator[Fleet]:
    """Run six instances, enough for shares to be counted."""
    with running_fleet(tmp_path, [f"district-{number}" for number in range(1, 7)]) as fleet:
        yield fleet


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """Listen where a mail server would; `accept` tells when the instance connects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        yield listener


def _open(request: pytest.FixtureRequest) -> Iterator[Instance]:
    """Open the place, and look afterwards that the test left nothing behind."""
    version, wire = request.param
    token = TOKEN + secrets.token_hex(4)
    if version:
        with sandbox(version) as server:
            key = server.database.add_api_key(ADMIN[0]) if wire == "json2" else ""
            instance = Instance(
                url=server.url,
                database=server.database.name,
                login=ADMIN[0],
                password=ADMIN[1],
                api_key=key,
                protocol=wire,
                version=version,
                token=token,
                sandbox=server,
            )
            yield from _watched(instance)
    else:
        key = request.getfixturevalue("live_api_key")
        instance = _live(key if wire == "json2" else "", wire, token)
        instance.records.credential = key  # a password costs the server half a second
        try:
            yield from _watched(instance)
        finally:
            _remove_all(instance, token)


def _watched(instance: Instance) -> Iterator[Instance]:
    kept = ("web.base.url", "web.base.url.freeze")
    before = [instance.records.parameter(key) for key in kept]
    yield instance
    assert [instance.records.parameter(key) for key in kept] == before
    copies = ["name", "ilike", "remote-mailcfg candidate %" + instance.token]
    assert instance.records.servers(copies) == []
    for path in instance.state_files():
        held = path.read_bytes()
        assert not [it for it in instance.secrets if it.encode() in held], path.name


def _live(key: str, wire: str, token: str) -> Instance:
    url = LIVE["URL"].rstrip("/")
    with xmlrpc.client.ServerProxy(f"{url}/xmlrpc/2/common") as common:
        told = common.version()
    assert isinstance(told, dict)
    version = int(str(told["server_serie"]).partition(".")[0])
    if wire == "json2" and version < 19:
        pytest.skip("this version has no JSON-2")
    return Instance(
        url=url,
        database=LIVE["DB"],
        login=LIVE["LOGIN"],
        password=LIVE["PASSWORD"],
        api_key=key,
        protocol=wire,
        version=version,
        token=token,
    )


@pytest.fixture(scope="session")
def live_api_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the real server's API key; one that is made here is removed again."""
    if LIVE["API_KEY"]:
        yield LIVE["API_KEY"]
        return
    token = TOKEN + secrets.token_hex(4)
    instance = _live("", "jsonrpc", token)
    saved = tmp_path_factory.mktemp("key") / "api.key"
    state = {"XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}
    made = instance.run("apikey", "create", token, "--save", f"file:{saved}", **state)
    assert made.code == 0, made.err
    yield saved.read_text().strip()
    _remove_all(instance, token)


def _remove_all(instance: Instance, token: str) -> None:
    """Remove what a test made on a real server; API keys by a server action that runs once."""
    records = instance.records
    for model, name in (
        ("ir.mail_server", "name"),
        ("mail.mail", "subject"),
        ("mail.template", "name"),
    ):
        domain = [[name, "ilike", token]]
        ids = records.call(model, "search", domain=domain, context={"active_test": False})
        if ids:
            records.call(model, "unlink", ids)
    keys = records.find("res.users.apikeys", ["name", "ilike", token])
    if keys:
        (model_id,) = records.find("ir.model", ["model", "=", "res.users.apikeys"])
        code = f"env['res.users.apikeys'].sudo().browse({keys}).unlink()"
        values = {"name": token, "model_id": model_id, "state": "code", "code": code}
        action = records.call("ir.actions.server", "create", values)
        records.call("ir.actions.server", "run", [action])
        records.call("ir.actions.server", "unlink", [action])
