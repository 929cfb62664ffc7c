"""`web.base.url` is after every command, and at every moment of it, what it was before.

Odoo rewrites it at every web login of an administrator to the address that was used.
"""

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live.command import Command
from tests.live.odoo import BASE_URL, FREEZE, Odoo
from tests.pass_through import DEADLINE_SECONDS, Where, pass_through

#: What a login asks for, once it is logged in over RPC, which JSON-2 does not need to be; a test
#: below holds the number to what is counted.
LOGIN_REQUESTS = (
    "read the parameters",
    "claim the freeze",
    "look for logins that leave",
    "set the freeze",
    "bind the database",
    "log in to the web client",
    "say that it leaves",
    "look for logins that stay",
    "remove the freeze",
    "read all back",
)
CLAIM = LOGIN_REQUESTS.index("claim the freeze") + 1
SET_FREEZE = LOGIN_REQUESTS.index("set the freeze") + 1
WEB_LOGIN = LOGIN_REQUESTS.index("log in to the web client") + 1
REMOVE_FREEZE = LOGIN_REQUESTS.index("remove the freeze") + 1
REMOVED = "removed web.base.url.freeze"


@dataclass(slots=True)
class Watch:
    """What a thread saw `web.base.url` to be, again and again."""

    seen: list[str] = field(default_factory=list)

    @property
    def values(self) -> set[str]:
        return set(self.seen)


@contextlib.contextmanager
def watching(odoo: Odoo) -> Iterator[Watch]:
    """Ask for `web.base.url` in a tight loop, a few milliseconds a time."""
    watch = Watch()
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            watch.seen.append(odoo.parameters(BASE_URL)[BASE_URL])

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield watch
    finally:
        done.set()
        thread.join()


@contextlib.contextmanager
def frozen_by_an_administrator(odoo: Odoo, value: str = "True") -> Iterator[None]:
    odoo.set_parameter(FREEZE, value)
    try:
        yield
    finally:
        odoo.remove_parameter(FREEZE)


def all_freezes(odoo: Odoo) -> dict[str, str]:
    """Return the freeze, and whatever is kept beside it."""
    fields = ["key", "value"]
    rows = odoo.call("ir.config_parameter", "search_read", [["key", "=like", FREEZE + "%"]], fields)
    return {row["key"]: row["value"] for row in rows}


@pytest.fixture
def elsewhere(quick: Command, odoo: Odoo) -> Iterator[Command]:
    """The program, which uses another address of the instance than the stored one."""
    with pass_through(odoo.url) as through:
        assert odoo.parameters(BASE_URL)[BASE_URL] != through.url
        yield quick.with_settings(OPENSPP_URL=through.url)


def place_of(number: int, program: Command) -> int:
    """Return the place among all requests of one of `LOGIN_REQUESTS`, numbered from 1."""
    return number + (program.settings.get("OPENSPP_PROTOCOL") != "json2")


def kill(process: subprocess.Popen[str], held: threading.Event) -> None:
    """Kill the program with SIGKILL once one of its requests is held."""
    with process:
        assert held.wait(DEADLINE_SECONDS)
        process.kill()
        process.communicate()


def test_a_browsers_login_is_seen_to_change_it_even_for_a_moment(odoo: Odoo, base_url: str) -> None:
    with pass_through(odoo.url) as through, watching(odoo) as watch:
        browser = Odoo(through.url, odoo.database, odoo.login, odoo.password)
        session = browser.browser_login()
        odoo.set_parameter(BASE_URL, base_url)
        browser.post("/web/session/destroy", {}, session=session)

    assert watch.values == {base_url, through.url}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("login",), id="login"),
        pytest.param(("debug", "on"), id="debug on"),
        pytest.param(("check",), id="check"),
        pytest.param(("apikey", "create", "live test of the address"), id="apikey create"),
    ],
)
def test_it_is_the_same_at_every_moment_of_a_command(
    words: tuple[str, ...], elsewhere: Command, odoo: Odoo, base_url: str
) -> None:
    with watching(odoo) as watch:
        elsewhere.run(*words)
    odoo.remove_keys("live test of the address")

    assert watch.values == {base_url}
    assert len(watch.seen) > 50
    assert all_freezes(odoo) == {}


def test_it_is_the_same_at_every_moment_of_a_login_that_is_refused_late(
    command: Command, odoo: Odoo, base_url: str
) -> None:
    with odoo.user(totp=True) as user, pass_through(odoo.url) as through:
        half = command.with_settings(
            OPENSPP_URL=through.url,
            OPENSPP_LOGIN=user.login,
            OPENSPP_PASSWORD=user.password,
            OPENSPP_API_KEY=user.api_key,
        )
        with watching(odoo) as watch:
            ran = half.run("login")

    assert ran.error["code"] == "two-factor-required"
    assert watch.values == {base_url}
    assert all_freezes(odoo) == {}


def test_a_login_makes_the_requests_that_are_killed_below(quick: Command, odoo: Odoo) -> None:
    with pass_through(odoo.url) as through:
        quick.with_settings(OPENSPP_URL=through.url).run("login")

    assert len(through.requests) == place_of(len(LOGIN_REQUESTS), quick)
    assert through.requests[place_of(WEB_LOGIN, quick) - 1] == "POST /web/session/authenticate"


@pytest.mark.parametrize(
    ("where", "number"),
    [
        *(
            pytest.param("request", n, id=f"before {what}")
            for n, what in enumerate(LOGIN_REQUESTS, 1)
        ),
        *(
            pytest.param("answer", n, id=f"after {LOGIN_REQUESTS[n - 1]}")
            for n in (CLAIM, SET_FREEZE, WEB_LOGIN, REMOVE_FREEZE)
        ),
    ],
)
def test_a_killed_login_does_not_change_it_and_the_next_command_removes_its_freeze(
    where: Where, number: int, quick: Command, odoo: Odoo, base_url: str
) -> None:
    with pass_through(odoo.url, hold=place_of(number, quick), where=where) as through:
        program = quick.with_settings(OPENSPP_URL=through.url)
        kill(program.start("login"), through.held)
        killed = odoo.parameters(BASE_URL, FREEZE)
        ran = program.run("server", "list")

    assert killed[BASE_URL] == base_url
    assert ran.exit_code == 0
    assert (REMOVED in ran.stderr) >= (FREEZE in killed)  # said wherever there was one
    assert (odoo.parameters(BASE_URL), all_freezes(odoo)) == ({BASE_URL: base_url}, {})


def test_only_the_first_command_after_a_killed_login_speaks_of_its_freeze(
    quick: Command, odoo: Odoo
) -> None:
    with pass_through(odoo.url, hold=place_of(WEB_LOGIN, quick), where="answer") as through:
        program = quick.with_settings(OPENSPP_URL=through.url)
        kill(program.start("login"), through.held)
        first = program.run("server", "list")
        second = program.run("server", "list")

    assert REMOVED in first.stderr
    assert REMOVED not in second.stderr


def test_an_administrators_own_freeze_stays(elsewhere: Command, odoo: Odoo, base_url: str) -> None:
    with frozen_by_an_administrator(odoo):
        with watching(odoo) as watch:
            ran = elsewhere.run("login")
        after = odoo.parameters(FREEZE)

    assert ran.exit_code == 0
    assert after == {FREEZE: "True"}
    assert watch.values == {base_url}


@pytest.mark.parametrize(
    ("where", "number"),
    [
        pytest.param("answer", 1, id="after reading the parameters"),
        pytest.param("request", 3, id="before the web login"),
        pytest.param("answer", 3, id="after the web login"),
    ],
)
def test_an_administrators_own_freeze_stays_when_a_login_is_killed(
    where: Where, number: int, quick: Command, odoo: Odoo, base_url: str
) -> None:
    with (
        frozen_by_an_administrator(odoo),
        pass_through(odoo.url, hold=place_of(number, quick), where=where) as through,
    ):
        program = quick.with_settings(OPENSPP_URL=through.url)
        kill(program.start("login"), through.held)
        ran = program.run("server", "list")
        after = odoo.parameters(BASE_URL, FREEZE)

    assert ran.exit_code == 0
    assert REMOVED not in ran.stderr
    assert after == {BASE_URL: base_url, FREEZE: "True"}


def test_a_freeze_with_an_empty_value_which_freezes_nothing_is_not_taken_for_one(
    elsewhere: Command, odoo: Odoo, base_url: str
) -> None:
    with frozen_by_an_administrator(odoo, ""), watching(odoo) as watch:
        ran = elsewhere.run("login")

    assert ran.exit_code == 0
    assert watch.values == {base_url}


def run_at_once(programs: list[Command]) -> list[int]:
    """Run logins at once; return their exit codes."""
    processes = [program.start("login") for program in programs]
    for process in processes:
        with process:
            process.communicate(timeout=DEADLINE_SECONDS * len(programs))
    return [process.returncode for process in processes]


def test_two_logins_at_once_leave_it_and_no_freeze(
    elsewhere: Command, odoo: Odoo, base_url: str
) -> None:
    with watching(odoo) as watch:
        exit_codes = run_at_once([elsewhere, elsewhere])

    assert exit_codes == [0, 0]
    assert watch.values == {base_url}
    assert all_freezes(odoo) == {}


def test_a_login_waits_for_the_one_that_is_under_way(
    command: Command, odoo: Odoo, base_url: str
) -> None:
    hold = place_of(WEB_LOGIN, command)
    with pass_through(odoo.url, hold=hold) as through, watching(odoo) as watch:
        program = command.with_settings(OPENSPP_URL=through.url)
        with program.start("login") as first:
            assert through.held.wait(DEADLINE_SECONDS)
            with program.start("login") as second:
                while len(through.requests) == hold:  # until it has logged in over RPC
                    assert second.poll() is None
                through.release.set()
                second.communicate(timeout=DEADLINE_SECONDS)
            first.communicate(timeout=DEADLINE_SECONDS)

    assert (first.returncode, second.returncode) == (0, 0)
    assert watch.values == {base_url}
    assert all_freezes(odoo) == {}


def test_a_login_that_begins_and_ends_within_that_of_another_machine_takes_no_freeze_away(
    quick: Command, odoo: Odoo, base_url: str, tmp_path: Path
) -> None:
    other = quick.on_another_machine(tmp_path / "other")
    hold = place_of(WEB_LOGIN, quick)
    with (
        pass_through(odoo.url, hold=hold) as through,
        watching(odoo) as watch,
        quick.with_settings(OPENSPP_URL=through.url).start("login") as first,
    ):
        assert through.held.wait(DEADLINE_SECONDS)
        other.run("login")
        through.release.set()
        first.communicate(timeout=DEADLINE_SECONDS)

    assert watch.values == {base_url}
    assert all_freezes(odoo) == {}


@pytest.mark.timeout(900)  # forty logins cost the server half a minute of hashing
def test_forty_logins_from_four_machines_leave_it_and_no_freeze(
    elsewhere: Command, odoo: Odoo, base_url: str, tmp_path: Path
) -> None:
    machines = [elsewhere.on_another_machine(tmp_path / f"machine {n}") for n in range(4)]
    with watching(odoo) as watch:
        exit_codes = run_at_once(machines * 10)

    assert exit_codes == [0] * 40
    assert watch.values == {base_url}
    assert all_freezes(odoo) == {}
    assert list(tmp_path.rglob("freezes/*.json")) == []


def test_marks_that_an_earlier_version_left_are_found_and_the_next_login_removes_them(
    quick: Command, odoo: Odoo
) -> None:
    marks = ", ".join(f"remote-mailcfg 2026-11-{day:02}T10:00:00.5+00:00" for day in range(1, 13))
    with frozen_by_an_administrator(odoo, marks):
        found = quick.run("audit", "--no-test").result["data"]["findings"]
        ran = quick.run("login")
        after = all_freezes(odoo)
        clean = quick.run("audit", "--no-test").result["data"]["findings"]

    messages = [it["message"] for it in found if it["rule"] == "left-freeze"]
    assert len(messages) == 1
    assert "left by 12 web logins" in messages[0]
    assert (ran.exit_code, after) == (0, {})
    assert [it for it in clean if it["rule"] == "left-freeze"] == []
