"""`login`, `logout` and `debug`: the web session, and the parameter that it must not change."""

import stat
from pathlib import Path

import pyotp
import pytest
from pytest_mock import MockerFixture

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.sandbox.database import BASE_URL, CLERK
from remote_mailcfg.sandbox.server import Served
from tests.integration.instance import Instance

FREEZE = "web.base.url.freeze"
UNLINK = "ir.config_parameter.unlink"


def _sessions(instance: Instance) -> list[Path]:
    return [it for it in instance.state_files() if it.parent.name == "sessions"]


def _link(instance: Instance, mode: str = "1") -> str:
    if instance.version >= 18:
        return f"{instance.url}/odoo/action-base.action_ir_mail_server_list?debug={mode}"
    return f"{instance.url}/web?debug={mode}#action=base.action_ir_mail_server_list"


def test_a_login_is_kept_for_its_user_alone(instance: Instance) -> None:
    ran = instance.json("login")
    (kept,) = _sessions(instance)
    assert (ran.code, ran.data) == (0, {"mode": "", "link": _link(instance)})
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    instance.run("logout")


def test_a_logout_forgets_the_session(instance: Instance) -> None:
    instance.run("login")
    ran = instance.json("logout")
    assert (ran.code, ran.data, _sessions(instance)) == (0, {"mode": "", "link": None}, [])


def test_a_logout_without_a_session_is_done_already(some_instance: Instance) -> None:
    ran = some_instance.run("logout")
    assert (ran.code, ran.out) == (0, "Logged out; no web session is kept.\n")
    assert "there was no web session to end" in ran.err


def test_a_logout_ends_the_session_on_the_server(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    instance.run("debug", "on")
    instance.run("logout")
    assert [it for it in sandbox.odoo.sessions.values() if it.uid or it.debug] == []


def test_a_login_that_cannot_be_kept_is_ended_on_the_server(
    faulty: tuple[Instance, Served], mocker: MockerFixture
) -> None:
    instance, sandbox = faulty
    refusal = RemoteMailcfgError("not-saved", "the folder is full", "")
    mocker.patch("remote_mailcfg.operations.web_login.save_session", side_effect=refusal)
    ran = instance.json("login")
    assert (ran.code, ran.error["code"]) == (1, "not-saved")
    assert [it for it in sandbox.odoo.sessions.values() if it.uid] == []


@pytest.mark.parametrize("step", ["save_session", "forget_session"])
def test_a_status_that_cannot_be_kept_is_told_all_the_same(
    faulty: tuple[Instance, Served], mocker: MockerFixture, step: str
) -> None:
    instance, sandbox = faulty
    instance.run("login")
    if step == "forget_session":
        sandbox.odoo.sessions.clear()
    refusal = RemoteMailcfgError("not-saved", "the folder is full", "")
    mocker.patch(f"remote_mailcfg.operations.web_login.{step}", side_effect=refusal)
    ran = instance.run("debug", "status")
    assert (ran.code, "the folder is full" in ran.err) == (0, True)
    assert "Developer mode" in ran.out


@pytest.mark.parametrize("mode", ["1", "assets", "tests"])
def test_developer_mode_is_switched_on_and_stays(instance: Instance, mode: str) -> None:
    on = instance.json("debug", "on", "--mode", mode)
    status = instance.json("debug", "status")
    instance.run("logout")
    expected = {"mode": mode, "link": _link(instance, mode)}
    assert (on.code, on.data, status.data) == (0, expected, expected)


def test_developer_mode_is_switched_off_again(instance: Instance) -> None:
    instance.run("debug", "on")
    off = instance.json("debug", "off")
    status = instance.json("debug", "status")
    instance.run("logout")
    assert (off.code, off.data["mode"], status.data["mode"]) == (0, "", "")


def test_without_a_session_developer_mode_is_off(some_instance: Instance) -> None:
    ran = some_instance.json("debug", "status")
    assert (ran.code, ran.data) == (0, {"mode": "", "link": None})


def test_people_are_given_the_link(some_instance: Instance) -> None:
    ran = some_instance.run("debug", "on")
    some_instance.run("logout")
    assert "is on (1)" in ran.out
    assert _link(some_instance) in ran.out


def test_a_session_that_the_server_forgot_is_forgotten_here(
    faulty: tuple[Instance, Served],
) -> None:
    instance, sandbox = faulty
    instance.run("debug", "on")
    sandbox.odoo.sessions.clear()
    ran = instance.json("debug", "status")
    assert (ran.code, ran.data["mode"], _sessions(instance)) == (0, "", [])


def test_developer_mode_that_does_not_stay_is_not_verified(
    faulty: tuple[Instance, Served],
) -> None:
    instance, sandbox = faulty
    sandbox.odoo.keeps_debug = False
    ran = instance.json("debug", "on")
    assert (ran.code, ran.error["code"]) == (1, "not-verified")


def test_developer_mode_without_the_menu_is_not_verified(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    sandbox.odoo.hides_menu = True
    ran = instance.json("debug", "on")
    assert (ran.code, ran.error["code"]) == (1, "not-verified")
    assert _link(instance) in ran.error["hint"]


def test_a_key_alone_opens_no_web_session(instance: Instance) -> None:
    if not instance.api_key:
        pytest.skip("this place logs in with a password")
    ran = instance.json("debug", "on", OPENSPP_PASSWORD="")
    assert (ran.code, ran.error["code"]) == (1, "api-key-not-accepted")


def test_a_wrong_password_is_tried_once_and_nowhere_else(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    sandbox.requests.clear()
    ran = instance.json("login", OPENSPP_PASSWORD="nope-1")
    assert (ran.code, ran.error["code"]) == (1, "authentication-failed")
    assert [it.path.startswith("/web") for it in sandbox.requests] == [False]


def test_a_web_login_of_a_user_without_the_role_is_refused(
    faulty: tuple[Instance, Served],
) -> None:
    instance, _sandbox = faulty
    ran = instance.json("login", OPENSPP_LOGIN=CLERK[0], OPENSPP_PASSWORD=CLERK[1])
    assert (ran.code, ran.error["code"]) == (1, "access-denied")


def test_a_killed_login_leaves_the_address_and_the_next_command_removes_the_freeze(
    faulty: tuple[Instance, Served],
) -> None:
    instance, sandbox = faulty
    sandbox.odoo.break_after["/web/session/authenticate"] = True
    process = instance.spawn("login")
    assert sandbox.held.wait(30)
    assert instance.run("server", "list").code == 0  # the login is under way: not its business
    process.kill()
    instance.finish(process)
    assert len(_freezes(sandbox)) == 2
    assert sandbox.database.parameters.value("web.base.url") == BASE_URL
    ran = instance.run("server", "list")
    assert (ran.code, _freezes(sandbox), _notes(instance)) == (0, [], [])
    assert "removed web.base.url.freeze" in ran.err


def test_a_login_says_that_it_leaves_a_freeze_and_notes_it_until_it_is_removed(
    faulty: tuple[Instance, Served],
) -> None:
    instance, sandbox = faulty
    sandbox.database.switches.ignored_calls.add(UNLINK)
    ran = instance.json("login")
    assert (ran.code, ran.error["code"], len(_notes(instance))) == (1, "not-verified", 1)
    assert FREEZE in ran.error["message"]
    sandbox.database.switches.ignored_calls.clear()
    instance.run("server", "list")
    assert (_freezes(sandbox), _notes(instance)) == ([], [])


def test_a_freeze_whose_removal_was_not_seen_stays_noted(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    sandbox.database.switches.break_after[UNLINK] = False
    ran = instance.json("login")
    assert (ran.code, ran.error["code"], len(_notes(instance))) == (1, "unreachable", 1)
    ran = instance.run("server", "list")
    assert (ran.code, _freezes(sandbox), _notes(instance)) == (0, [], [])


def _freezes(sandbox: Served) -> list[str]:
    """Return the keys of the freeze, and of what logins keep beside it."""
    keys = [row["key"] for row in sandbox.database.parameters.rows.values()]
    return [it for it in keys if FREEZE in it]


def _notes(instance: Instance) -> list[Path]:
    return [it for it in instance.state_files() if it.match("freezes/*.json")]


def test_two_factor_is_completed_with_its_secret(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    key, secret = _two_factor(instance, sandbox)
    words = ("debug", "on")
    ran = instance.json(*words, OPENSPP_API_KEY=key, OPENSPP_TOTP_SECRET=secret)
    assert (ran.code, ran.data["mode"]) == (0, "1")


@pytest.mark.parametrize(
    ("secret", "exit_code", "code"),
    [
        ("", 1, "two-factor-required"),
        ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 1, "authentication-failed"),
        ("not base32!", 2, "configuration"),
    ],
    ids=["none", "wrong", "not-base32"],
)
def test_two_factor_without_the_right_secret_opens_no_session(
    faulty: tuple[Instance, Served], secret: str, exit_code: int, code: str
) -> None:
    instance, sandbox = faulty
    key, _secret = _two_factor(instance, sandbox)
    ran = instance.json("login", OPENSPP_API_KEY=key, OPENSPP_TOTP_SECRET=secret)
    assert (ran.code, ran.error["code"]) == (exit_code, code)
    assert _sessions(instance) == []


def test_two_factor_with_a_password_alone_looks_like_a_wrong_one(
    faulty: tuple[Instance, Served],
) -> None:
    instance, sandbox = faulty
    _two_factor(instance, sandbox)
    sandbox.requests.clear()
    ran = instance.json("login")
    assert (ran.code, ran.error["code"], len(sandbox.requests)) == (1, "authentication-failed", 1)
    assert "OPENSPP_TOTP_SECRET" in ran.error["hint"]


def _two_factor(instance: Instance, sandbox: Served) -> tuple[str, str]:
    """Switch two-factor login on for the administrator; return an API key and the secret."""
    secret = pyotp.random_base32()
    key = sandbox.database.add_api_key(instance.login)
    sandbox.database.users.rows[2]["totp_secret"] = secret
    instance.records.credential = key
    return key, secret


def test_a_freeze_of_the_administrators_stays(instance: Instance) -> None:
    with instance.parameter(FREEZE, "True"):
        ran = instance.run("login")
        instance.run("logout")
        assert (ran.code, instance.records.parameter(FREEZE)) == (0, "True")


def test_a_web_login_that_breaks_off_leaves_no_freeze(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    sandbox.odoo.break_before["/web/session/authenticate"] = False
    ran = instance.json("login")
    assert (ran.code, ran.error["code"]) == (1, "unreachable")
    assert sandbox.database.parameters.value(FREEZE) is None


def test_an_address_that_changed_all_the_same_is_set_back_and_told(
    faulty: tuple[Instance, Served],
) -> None:
    instance, sandbox = faulty
    sandbox.database.switches.ignores_freeze = True
    ran = instance.json("login")
    assert (ran.code, ran.error["code"]) == (1, "not-verified")
    assert sandbox.database.parameters.value("web.base.url") == BASE_URL
