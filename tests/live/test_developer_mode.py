"""Developer mode of a real web session, kept between commands, and the session itself."""

import contextlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.command import Command
from tests.live.nginx import Nginx
from tests.live.odoo import Odoo, OdooRefusalError

MENU = "base.menu_mail_servers"
TWO_DATABASES = ("odoo19two_a", "odoo19two_b")


def info_of(odoo: Odoo, cookie: str) -> dict[str, Any]:
    """Ask the server, beside the program, what a session is."""
    return dict(odoo.post("/web/session/get_session_info", {}, session=cookie))


def mode_of(odoo: Odoo, cookie: str) -> str:
    return str(info_of(odoo, cookie)["bundle_params"].get("debug", ""))


def menus_of(odoo: Odoo, cookie: str) -> set[str]:
    cached = "" if odoo.version() >= 19 else "/live-tests"
    menus = json.loads(odoo.get(f"/web/webclient/load_menus{cached}", session=cookie))
    return {menu["xmlid"] for menu in menus.values() if isinstance(menu, dict)}


@pytest.fixture
def program(quick: Command, odoo: Odoo) -> Iterator[Command]:
    """The program; a session that a test keeps is ended afterwards."""
    yield quick
    for file in quick.session_files():
        with contextlib.suppress(OdooRefusalError):  # a test has ended it
            odoo.post("/web/session/destroy", {}, session=cookie_in(file))


@pytest.fixture
def logged_in(program: Command) -> Command:
    """The program with a kept session in which developer mode is off."""
    assert program.run("login").data["mode"] == ""
    return program


@pytest.mark.parametrize("mode", ["1", "assets", "tests"])
def test_it_is_on_in_the_kept_session(mode: str, logged_in: Command, odoo: Odoo) -> None:
    data = logged_in.run("debug", "on", "--mode", mode).data

    assert data["mode"] == mode
    assert mode_of(odoo, logged_in.cookie()) == mode


def test_it_logs_in_where_no_session_is_kept(program: Command, odoo: Odoo) -> None:
    program.run("debug", "on")

    assert info_of(odoo, program.cookie())["username"] == odoo.login
    assert mode_of(odoo, program.cookie()) == "1"


def test_it_shows_the_menu_that_was_not_there(logged_in: Command, odoo: Odoo) -> None:
    before = menus_of(odoo, logged_in.cookie())
    logged_in.run("debug", "on")

    assert MENU not in before
    assert MENU in menus_of(odoo, logged_in.cookie())


def test_off_switches_it_off_in_the_kept_session(logged_in: Command, odoo: Odoo) -> None:
    logged_in.run("debug", "on")

    assert logged_in.run("debug", "off").data["mode"] == ""
    assert mode_of(odoo, logged_in.cookie()) == ""
    assert MENU not in menus_of(odoo, logged_in.cookie())


def test_status_tells_what_is_set(logged_in: Command) -> None:
    logged_in.run("debug", "on", "--mode", "assets")

    assert logged_in.run("debug", "status").data["mode"] == "assets"


def test_status_opens_no_session(program: Command) -> None:
    assert program.run("debug", "status").data == {"mode": "", "link": None}
    assert program.session_files() == []


def test_the_link_opens_the_web_client_in_developer_mode(logged_in: Command, odoo: Odoo) -> None:
    link = logged_in.run("debug", "on").data["link"]
    logged_in.run("debug", "off")
    page = odoo.get(link.removeprefix(odoo.url), session=logged_in.cookie())

    assert "base.action_ir_mail_server_list" in link
    assert "odoo.__session_info__" in page
    assert mode_of(odoo, logged_in.cookie()) == "1"


def test_the_session_is_readable_by_its_user_alone(logged_in: Command) -> None:
    (file,) = logged_in.session_files()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_session_is_the_same_for_later_commands(logged_in: Command) -> None:
    cookie = logged_in.cookie()
    for words in (("login",), ("debug", "on"), ("check",), ("debug", "status")):
        logged_in.run(*words)

    assert logged_in.cookie() == cookie


def test_a_check_leaves_the_kept_session_in_its_mode(logged_in: Command, odoo: Odoo) -> None:
    logged_in.run("debug", "on", "--mode", "assets")
    logged_in.run("check")

    assert mode_of(odoo, logged_in.cookie()) == "assets"


def test_logout_ends_the_session_on_the_server_and_forgets_it(
    logged_in: Command, odoo: Odoo
) -> None:
    cookie = logged_in.cookie()
    logged_in.run("debug", "on")

    assert logged_in.run("logout").data["mode"] == ""
    assert logged_in.session_files() == []
    with pytest.raises(OdooRefusalError, match="Session expired"):
        info_of(odoo, cookie)


def test_logout_switches_it_off_before_it_ends_the_session(program: Command, front: Nginx) -> None:
    through = program.with_settings(OPENSPP_URL=front.http_url)
    through.run("debug", "on")
    seen = len(front.access_log())
    through.run("logout")

    paths = [entry.request.split(" ")[1] for entry in front.access_log()[seen:]]
    assert paths[-2:] == ["/web/session/check?debug=0", "/web/session/destroy"]


def test_logout_without_a_session_is_fine(program: Command) -> None:
    assert program.run("logout").exit_code == 0


def test_an_expired_session_is_replaced_where_a_password_is_given(
    logged_in: Command, odoo: Odoo
) -> None:
    expired = logged_in.cookie()
    odoo.post("/web/session/destroy", {}, session=expired)

    assert logged_in.run("debug", "on").data["mode"] == "1"
    assert logged_in.cookie() != expired
    assert mode_of(odoo, logged_in.cookie()) == "1"


def test_an_expired_session_without_a_password_names_what_is_missing(
    logged_in: Command, odoo: Odoo
) -> None:
    odoo.post("/web/session/destroy", {}, session=logged_in.cookie())
    ran = logged_in.with_settings(OPENSPP_PASSWORD="", OPENSPP_API_KEY=odoo.api_key).run(
        "debug", "on"
    )

    assert ran.exit_code == 1
    assert ran.error["code"] == "api-key-not-accepted"
    assert "OPENSPP_PASSWORD" in ran.error["hint"]


def test_an_expired_session_counts_as_off(logged_in: Command, odoo: Odoo) -> None:
    logged_in.run("debug", "on")
    odoo.post("/web/session/destroy", {}, session=logged_in.cookie())

    assert logged_in.run("debug", "status").data == {"mode": "", "link": None}


def test_a_kept_session_needs_no_password(logged_in: Command, odoo: Odoo) -> None:
    ran = logged_in.with_settings(OPENSPP_PASSWORD="", OPENSPP_API_KEY=odoo.api_key).run(
        "debug", "on"
    )

    assert ran.data["mode"] == "1"


@pytest.fixture
def of_two(command: Command, two_url: str) -> Iterator[tuple[Command, Command]]:
    """The program for each of the databases of one server, with one state folder."""
    programs = [
        command.with_settings(
            OPENSPP_URL=two_url,
            OPENSPP_DB=database,
            OPENSPP_LOGIN="admin",
            OPENSPP_PASSWORD="admin",
        )
        for database in TWO_DATABASES
    ]
    yield programs[0], programs[1]
    for program in programs:
        program.run("logout")


def test_each_database_of_a_server_has_its_own_session(
    of_two: tuple[Command, Command], two_url: str
) -> None:
    for program in of_two:
        assert program.run("login").exit_code == 0

    observer = Odoo(two_url, "", "", "")
    cookies = [cookie_in(file) for file in of_two[0].session_files()]
    assert {info_of(observer, cookie)["db"] for cookie in cookies} == set(TWO_DATABASES)


def test_it_is_on_in_the_session_of_its_database_alone(of_two: tuple[Command, Command]) -> None:
    first, second = of_two
    second.run("login")

    assert first.run("debug", "on").data["mode"] == "1"
    assert second.run("debug", "status").data["mode"] == ""


def test_an_expired_session_is_replaced_on_a_server_with_several_databases(
    of_two: tuple[Command, Command], two_url: str
) -> None:
    program = of_two[0]
    program.run("login")
    expired = program.cookie()
    Odoo(two_url, "", "", "").post("/web/session/destroy", {}, session=expired)

    assert program.run("debug", "on").data["mode"] == "1"
    assert program.cookie() != expired


@pytest.mark.parametrize(
    "words",
    [pytest.param(("server", "list"), id="server list"), pytest.param(("login",), id="login")],
)
def test_a_database_that_is_not_given_is_asked_for_with_the_names_there_are(
    words: tuple[str, ...], of_two: tuple[Command, Command]
) -> None:
    ran = of_two[0].with_settings(OPENSPP_DB="").run(*words)

    assert ran.exit_code == 1
    assert ran.error["code"] == "database-not-given"
    assert all(database in ran.error["message"] for database in TWO_DATABASES)
    assert "OPENSPP_DB" in ran.error["hint"]


def cookie_in(session_file: Path) -> str:
    return str(json.loads(session_file.read_text())["cookies"]["session_id"])
