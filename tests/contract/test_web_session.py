"""What a web session does, against a real server."""

from dataclasses import replace

import pytest

from remote_mailcfg.errors import LoginError
from remote_mailcfg.instance.developer_mode import (
    has_menu,
    major_version,
    mode_of,
    switch_debug,
)
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.parameters import fetch_parameters
from remote_mailcfg.rpc.http import CookieJar, HttpClient
from remote_mailcfg.rpc.web import WebSession
from tests.contract.conftest import User


def test_a_session_is_the_administrators(web: WebSession, admin: Instance) -> None:
    web.fetch_info()

    assert web.info["uid"] == admin.connection.transport.fetch_uid()
    assert web.info["is_system"] is True


def test_a_session_tells_the_version(web: WebSession, version: int) -> None:
    web.fetch_info()

    assert major_version(web.info) == version


@pytest.mark.parametrize("mode", ["1", "assets", "tests", ""])
def test_developer_mode_is_what_it_was_set_to(web: WebSession, mode: str) -> None:
    switch_debug(web, mode)

    web.fetch_info()
    assert mode_of(web.info) == mode


@pytest.mark.parametrize("mode", ["1", ""])
def test_the_menu_is_there_in_developer_mode_alone(web: WebSession, mode: str) -> None:
    switch_debug(web, mode)

    assert has_menu(web) is (mode == "1")


def test_a_session_calls_methods_as_the_wires_do(web: WebSession, missing_id: int) -> None:
    model = "ir.mail_server"

    assert web.call(model, "search", domain=[["id", "=", missing_id]]) == []
    assert web.call(model, "read", (missing_id,), fields=["name"]) == []


def test_a_session_sees_the_parameters_that_the_wires_see(web: WebSession, admin: Instance) -> None:
    assert fetch_parameters(web, "web.base.url") == fetch_parameters(admin, "web.base.url")


def test_a_session_that_is_ended_has_expired(clerk: User) -> None:
    target = clerk.target
    assert target.password
    with HttpClient(target) as http:
        session = WebSession(http, target, CookieJar())
        session.log_in(target.password, None)
        session.end()

        with pytest.raises(LoginError) as caught:
            session.fetch_info()

    assert caught.value.code == "session-expired"


def test_a_session_that_never_was_has_expired(clerk: User) -> None:
    with HttpClient(clerk.target) as http:
        session = WebSession(http, clerk.target, CookieJar({"session_id": "0" * 40}))

        with pytest.raises(LoginError) as caught:
            session.fetch_info()

    assert caught.value.code == "session-expired"


def test_a_database_that_does_not_exist_is_named(clerk: User) -> None:
    target = replace(clerk.target, database="no_such_database")
    assert target.password
    with HttpClient(target) as http:
        session = WebSession(http, target, CookieJar())

        with pytest.raises(LoginError) as caught:
            session.log_in(target.password, None)

    assert caught.value.code == "database-not-found"
