from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance.developer_mode import (
    deep_link,
    has_menu,
    is_openspp,
    major_version,
    mode_of,
    switch_debug,
)
from remote_mailcfg.rpc.http import CookieJar, HttpClient
from remote_mailcfg.rpc.web import WebSession
from tests.recorded import Version, exchange
from tests.replay_server import ReplayServer, Step, json_reply, recorded, replay

INFO = {"17.0": "session-info", "19.0": "b-off-get_session_info"}
INFO_IN_DEBUG = {"17.0": "session-info-debug-1", "19.0": "b-on-get_session_info"}
CHECKED = {
    "17.0": recorded("17.0", "check-qs-debug1"),
    "19.0": recorded("19.0", "b2-session-check-debug-query"),
}
BOTH: list[Version] = ["17.0", "19.0"]


def info(version: Version, name: str, **changes: Any) -> dict[str, Any]:
    result: dict[str, Any] = exchange(version, name).response.body["result"]
    return result | changes


@contextmanager
def session(*script: Step) -> Iterator[tuple[WebSession, ReplayServer]]:
    with replay(*script) as server, HttpClient(server.target()) as http:
        yield WebSession(http, server.target(), CookieJar()), server


# What a session says


@pytest.mark.parametrize(
    ("version", "name", "mode"),
    [
        ("17.0", "session-info", ""),
        ("17.0", "session-info-debug-1", "1"),
        ("17.0", "session-info-debug-assets", "assets"),
        ("17.0", "session-info-debug-tests", "tests"),
        ("17.0", "session-info-debug-assets+tests", "assets,tests"),
        ("17.0", "auth-ok", ""),
        ("17.0", "totp-session-info", "1"),
        ("19.0", "b-off-get_session_info", ""),
        ("19.0", "b-on-get_session_info", "1"),
    ],
)
def test_developer_mode_is_read_from_the_session(version: Version, name: str, mode: str) -> None:
    assert mode_of(info(version, name)) == mode


def test_a_session_that_tells_nothing_is_not_in_developer_mode() -> None:
    assert mode_of({}) == ""


@pytest.mark.parametrize(
    ("told", "version"),
    [
        pytest.param(info("17.0", "session-info"), 17, id="17"),
        pytest.param(info("19.0", "b-off-get_session_info"), 19, id="19"),
        pytest.param(
            info(
                "19.0",
                "b-off-get_session_info",
                server_version="OpenSPP Platform",
                server_version_info=["OpenSPP", "19.0", "", "", ""],
            ),
            19,
            id="openspp-2",
        ),
        pytest.param(
            info(
                "17.0",
                "session-info",
                server_version="OpenSPP Platform",
                server_version_info=["OpenSPP", "17.0", "", "", ""],
            ),
            17,
            id="openspp-17",
        ),
        pytest.param({"server_version": "saas~18.2"}, 18, id="saas"),
        pytest.param({"server_version_info": [17, 0, 0, "final", 0, ""]}, 17, id="numbers-alone"),
        pytest.param({"server_version": "OpenSPP Platform"}, 0, id="masked-for-good"),
        pytest.param({}, 0, id="nothing"),
    ],
)
def test_the_version_is_found_behind_a_brand(told: dict[str, Any], version: int) -> None:
    assert major_version(told) == version


@pytest.mark.parametrize(
    ("told", "openspp"),
    [
        pytest.param(info("19.0", "b-off-get_session_info"), False, id="odoo"),
        pytest.param({"spp_system_name": "OpenSPP"}, True, id="openspp-2"),
        pytest.param({"openspp_system_name": "OpenSPP"}, True, id="openspp-17"),
    ],
)
def test_openspp_is_told_from_plain_odoo(told: dict[str, Any], *, openspp: bool) -> None:
    assert is_openspp(told) is openspp


@pytest.mark.parametrize(
    ("version", "mode", "link"),
    [
        (17, "1", "https://spp.example/x/web?debug=1#action=base.action_ir_mail_server_list"),
        (
            17,
            "assets",
            "https://spp.example/x/web?debug=assets#action=base.action_ir_mail_server_list",
        ),
        (18, "1", "https://spp.example/x/odoo/action-base.action_ir_mail_server_list?debug=1"),
        (19, "", "https://spp.example/x/odoo/action-base.action_ir_mail_server_list?debug=1"),
        (
            19,
            "assets,tests",
            "https://spp.example/x/odoo/action-base.action_ir_mail_server_list?debug=assets,tests",
        ),
    ],
)
def test_the_link_opens_the_list_in_developer_mode(version: int, mode: str, link: str) -> None:
    assert deep_link("https://spp.example/x", version, mode) == link


# What a session is told to do


@pytest.mark.parametrize("version", BOTH)
def test_developer_mode_is_set_and_read_back(version: Version) -> None:
    script = (CHECKED[version], recorded(version, INFO_IN_DEBUG[version]))

    with session(*script) as (web, server):
        switch_debug(web, "1")

    assert server.paths == [
        "POST /web/session/check?debug=1",
        "POST /web/session/get_session_info",
    ]
    assert mode_of(web.info) == "1"


def test_off_is_sent_as_zero() -> None:
    script = (recorded("17.0", "check-qs-debug0"), recorded("17.0", "session-info"))

    with session(*script) as (web, server):
        switch_debug(web, "")

    assert server.paths[0] == "POST /web/session/check?debug=0"


def test_several_modes_are_sent_as_they_are_named() -> None:
    script = (CHECKED["17.0"], recorded("17.0", "session-info-debug-assets"))

    with session(*script) as (web, server):
        switch_debug(web, "assets")

    assert server.paths[0] == "POST /web/session/check?debug=assets"


@pytest.mark.parametrize("version", BOTH)
def test_developer_mode_that_does_not_hold_is_not_verified(version: Version) -> None:
    script = (CHECKED[version], recorded(version, INFO[version]))

    with session(*script) as (web, _server), pytest.raises(OdooError) as caught:
        switch_debug(web, "1")

    assert caught.value.code == "not-verified"
    assert caught.value.message == "developer mode is '' after it was set to '1'"


MENU = {"name": "Outgoing Mail Servers", "xmlid": "base.menu_mail_servers", "children": []}


@pytest.mark.parametrize(
    ("version", "name"),
    [("17.0", "load_menus-debug-off"), ("19.0", "b-off-http-load_menus")],
)
def test_without_developer_mode_the_menu_is_missing(version: Version, name: str) -> None:
    with session(recorded(version, name)) as (web, _server):
        web.info = info(version, INFO[version])
        assert has_menu(web) is False


@pytest.mark.parametrize(
    ("version", "name"),
    [("17.0", "load_menus-debug-off"), ("19.0", "b-off-http-load_menus")],
)
def test_in_developer_mode_the_menu_is_there(version: Version, name: str) -> None:
    menus = exchange(version, name).response.body | {"999": MENU}
    with session(json_reply(menus)) as (web, _server):
        web.info = info(version, INFO_IN_DEBUG[version])
        assert has_menu(web) is True


def test_the_menus_of_17_are_asked_for_with_a_token_where_the_brand_masks_the_version() -> None:
    with session(json_reply({"1": MENU, "root": {"children": [1]}})) as (web, server):
        web.info = {"server_version_info": ["OpenSPP", "17.0", "", "", ""]}
        has_menu(web)

    assert server.paths == ["GET /web/webclient/load_menus/remote-mailcfg"]
