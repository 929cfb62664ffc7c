"""What OpenSPP's modules change, and that the commands work all the same."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from remote_mailcfg.sandbox.database import ADMIN
from remote_mailcfg.sandbox.server import Served
from tests.integration.instance import Instance
from tests.sandbox import sandbox


@pytest.fixture(params=[17, 19], ids=str)
def openspp(request: pytest.FixtureRequest) -> Iterator[Served]:
    with sandbox(request.param, ("one", "two"), openspp=True) as served:
        yield served


@pytest.fixture
def instance(openspp: Served) -> Instance:
    return Instance(
        url=openspp.url,
        database="one",
        login=ADMIN[0],
        password=ADMIN[1],
        api_key="",
        protocol="jsonrpc",
        version=openspp.odoo.version,
        token="unused",
        sandbox=openspp,
    )


def call(url: str, **params: Any) -> dict[str, Any]:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "params": params}).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        envelope: dict[str, Any] = json.load(answer)
    return envelope


def test_a_login_without_a_chosen_database_breaks_in_the_theme(openspp: Served) -> None:
    url = f"{openspp.url}/web/session/authenticate"
    answer = call(url, db="one", login=ADMIN[0], password=ADMIN[1])
    assert answer["error"]["data"]["message"] == "'NoneType' object has no attribute 'user'"


def test_developer_mode_works_all_the_same(instance: Instance) -> None:
    assert instance.json("debug", "on").data["mode"] == "1"
    assert instance.json("debug", "off").data["mode"] == ""


def test_the_version_is_masked_and_wants_a_database(openspp: Served) -> None:
    url = f"{openspp.url}/web/webclient/version_info"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        call(url)
    openspp.odoo.shown = ("one",)
    told = call(url)["result"]
    serie = f"{openspp.odoo.version}.0"
    masked = {"server_version": "OpenSPP Platform", "server_serie": serie, "protocol_version": 1}
    assert told == masked


def test_check_tells_the_version_and_openspp(instance: Instance) -> None:
    ran = instance.run("check")
    assert f"Odoo {instance.version}.0, with OpenSPP" in ran.out
