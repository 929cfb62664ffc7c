"""An account with two-factor login: RPC takes only its key, the web client also a code."""

from collections.abc import Iterator

import pyotp
import pytest

from tests.live.command import Command
from tests.live.odoo import Odoo, User


@pytest.fixture
def user(odoo: Odoo) -> Iterator[User]:
    """An administrator with two-factor login; its own in each test, as a code works only once."""
    if "totp_enabled" not in odoo.call("res.users", "fields_get", [], ["type"]):
        pytest.skip("the server under test has no two-factor login (module auth_totp)")
    with odoo.user(totp=True) as made:
        yield made


@pytest.fixture
def theirs(command: Command, user: User) -> Command:
    """The program as that user, with key and password."""
    return command.with_settings(
        OPENSPP_LOGIN=user.login, OPENSPP_PASSWORD=user.password, OPENSPP_API_KEY=user.api_key
    )


def test_a_password_alone_is_refused_and_the_hint_names_two_factor_login(theirs: Command) -> None:
    ran = theirs.with_settings(OPENSPP_API_KEY="").run("debug", "on")

    assert ran.exit_code == 1
    assert ran.error["code"] == "authentication-failed"
    assert "two-factor" in ran.error["hint"]
    assert "OPENSPP_API_KEY" in ran.error["hint"]
    assert "OPENSPP_TOTP_SECRET" in ran.error["hint"]


def test_a_key_and_a_password_are_not_enough_for_the_web_client(theirs: Command) -> None:
    ran = theirs.run("debug", "on")

    assert ran.exit_code == 1
    assert ran.error["code"] == "two-factor-required"
    assert "OPENSPP_TOTP_SECRET" in ran.error["hint"]
    assert theirs.session_files() == []


def test_the_secret_completes_the_login(theirs: Command, user: User) -> None:
    complete = theirs.with_settings(OPENSPP_TOTP_SECRET=user.totp_secret)

    assert complete.run("debug", "on").data["mode"] == "1"
    assert complete.run("debug", "status").data["mode"] == "1"
    assert complete.run("logout").exit_code == 0


def test_a_wrong_secret_is_told_and_not_tried_again(theirs: Command) -> None:
    ran = theirs.with_settings(OPENSPP_TOTP_SECRET=pyotp.random_base32()).run("debug", "on")

    assert ran.exit_code == 1
    assert ran.error["code"] == "authentication-failed"
    assert "two-factor code" in ran.error["message"]
    assert "OPENSPP_TOTP_SECRET" in ran.error["hint"]
    assert theirs.session_files() == []


def test_the_key_alone_reads_the_mail_servers(theirs: Command) -> None:
    assert theirs.with_settings(OPENSPP_PASSWORD="").run("server", "list").exit_code == 0
