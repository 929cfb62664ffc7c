"""The freeze of `web.base.url`: one login, logins at the same time in every order, leftovers."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance import base_url
from remote_mailcfg.instance.base_url import (
    BaseUrl,
    claim_freeze,
    fetch_base_url,
    new_claim,
    release_freeze,
)
from remote_mailcfg.instance.instance import Instance
from tests.fake_transport import Call, FakeTransport, make_instance

BASE_URL = "web.base.url"
FREEZE = "web.base.url.freeze"
ADDRESS = "https://registry.example.org"
#: What an instance has that no login is under way on.
AT_REST = {BASE_URL: ADDRESS}
NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


class KilledError(BaseException):
    """The process of a login is killed."""


class Server:
    """The system parameters of an instance, as Odoo 19 keeps them (tried there)."""

    def __init__(self, **values: str) -> None:
        self.now = NOW
        self.rows: dict[int, dict[str, Any]] = {}
        self.last_id = 0
        for key, value in (AT_REST | values).items():
            self.create(key, value)

    @property
    def values(self) -> dict[str, str]:
        return {row["key"]: row["value"] for row in self.rows.values()}

    def create(self, key: str, value: str) -> int:
        if key in self.values:
            raise OdooError(
                "refused-by-odoo", "The operation cannot be completed: Key must be unique."
            )
        self.last_id += 1
        times = {"create_date": self._time(), "write_date": self._time()}
        self.rows[self.last_id] = {"id": self.last_id, "key": key, "value": value} | times
        return self.last_id

    def answer(self, call: Call) -> Any:
        self.now += timedelta(milliseconds=50)
        match call.method:
            case "search_read":
                return [dict(row) for row in self.rows.values() if BASE_URL in row["key"]]
            case "create":
                return self.create(call.values["key"], call.values["value"])
            case "write":
                for row_id in call.ids:
                    if row_id in self.rows:
                        self.rows[row_id] |= dict(call.values) | {"write_date": self._time()}
            case "unlink":
                if not self.rows.keys() >= set(call.ids):
                    raise OdooError("refused-by-odoo", "Record does not exist or has been deleted.")
                for row_id in call.ids:
                    del self.rows[row_id]
        return True

    def _time(self) -> str:
        return f"{self.now:%Y-%m-%d %H:%M:%S}"


def connect(server: Server) -> Instance:
    return make_instance(FakeTransport(server.answer))


def log_in(server: Server) -> BaseUrl:
    """Claim the freeze and release it; return what the login saw at its end."""
    instance = connect(server)
    own = claim_freeze(instance, new_claim())
    assert server.values[FREEZE]
    return release_freeze(instance, own)


def mark(age: timedelta) -> str:
    """Return what version 1 wrote into the freeze for a login."""
    return "remote-mailcfg " + (datetime.now(UTC) - age).isoformat()


LONG_AGO = mark(timedelta(minutes=11))


# Alone


def test_a_freeze_is_there_during_a_login_and_not_after_it() -> None:
    server = Server()

    found = log_in(server)

    assert server.values == AT_REST
    assert found.address is not None
    assert found.address.value == ADDRESS


def test_an_empty_freeze_which_freezes_nothing_is_filled() -> None:
    server = Server(**{FREEZE: ""})

    log_in(server)

    assert server.values == AT_REST


@pytest.mark.parametrize("value", ["True", "by remote-mailcfg 2026"])
def test_the_administrators_own_freeze_is_told_and_stays(value: str) -> None:
    server = Server(**{FREEZE: value})

    assert fetch_base_url(connect(server)).is_frozen_by_others

    log_in(server)
    assert server.values == AT_REST | {FREEZE: value}


def test_a_claim_that_cannot_be_removed_is_an_error() -> None:
    server = Server()
    instance = make_instance(
        FakeTransport(lambda call: call.method == "unlink" or server.answer(call))
    )
    own = claim_freeze(instance, new_claim())

    with pytest.raises(OdooError, match="could not be removed") as caught:
        release_freeze(instance, own)

    assert (caught.value.code, FREEZE in server.values) == ("not-verified", True)


def test_what_odoo_refuses_the_removal_with_is_told() -> None:
    server = Server()

    def refuse(call: Call) -> Any:
        if call.method == "unlink":
            raise OdooError("access-denied", "Only administrators may.")
        return server.answer(call)

    instance = make_instance(FakeTransport(refuse))
    own = claim_freeze(instance, new_claim())

    with pytest.raises(OdooError, match="Only administrators may"):
        release_freeze(instance, own)


def test_what_odoo_refuses_the_freeze_with_is_told() -> None:
    server = Server()

    def refuse(call: Call) -> Any:
        if call.values.get("key") == FREEZE:
            raise OdooError("access-denied", "Only administrators may.")
        return server.answer(call)

    with pytest.raises(OdooError, match="Only administrators may"):
        claim_freeze(make_instance(FakeTransport(refuse)), new_claim())


def test_a_claim_that_the_instance_does_not_keep_stops_the_login() -> None:
    server = Server()
    instance = make_instance(
        FakeTransport(lambda call: 9 if call.method == "create" else server.answer(call))
    )

    with pytest.raises(OdooError, match="does not have it"):
        claim_freeze(instance, new_claim())


# At the same time


class Login:
    """A login on a machine of its own, which takes one step, a request, when it is told to."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ended = False
        self.error: BaseException | None = None
        self.was_frozen: bool | None = None
        self._killed = False
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._stopped.acquire()

    def step(self) -> None:
        if self.ended:
            return
        self._go.release()
        self._stopped.acquire()

    def kill(self) -> None:
        self._killed = True
        self.step()
        self._thread.join()

    def pause(self, _seconds: float = 0) -> None:
        """Let the others run before the next request."""
        self._stopped.release()
        self._go.acquire()
        if self._killed:
            raise KilledError

    def _run(self) -> None:
        try:
            _LOGIN.login = self
            self._log_in()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error
        finally:
            self.ended = True
            self._stopped.release()

    def _log_in(self) -> None:
        instance = make_instance(FakeTransport(self._answer))
        own = claim_freeze(instance, new_claim())
        self.pause()
        self.was_frozen = bool(self.server.values.get(FREEZE))
        release_freeze(instance, own)

    def _answer(self, call: Call) -> Any:
        self.pause()
        return self.server.answer(call)


_LOGIN = threading.local()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of sleeping, let the other logins go on."""
    monkeypatch.setattr(base_url, "sleep", lambda seconds: _LOGIN.login.pause(seconds))  # noqa: PLW0108 - of its thread


@contextmanager
def logins(server: Server, count: int) -> Iterator[list[Login]]:
    running = [Login(server) for _ in range(count)]
    try:
        yield running
    finally:
        for login in running:
            login.kill()


def run_mixed(running: list[Login], choose: random.Random) -> None:
    """Take a step of any login until all have ended, bursts of one included."""
    while waiting := [login for login in running if not login.ended]:
        login = choose.choice(waiting)
        for _ in range(choose.choice((1, 1, 1, 3, 8))):
            login.step()


@pytest.mark.parametrize("count", [2, 3, 5])
def test_logins_in_any_order_are_frozen_and_leave_nothing(count: int) -> None:
    for seed in range(150):
        server = Server()
        with logins(server, count) as running:
            run_mixed(running, random.Random(seed))

        assert [login.error for login in running] == [None] * count, seed
        assert [login.was_frozen for login in running] == [True] * count, seed
        assert server.values == AT_REST, seed


def test_a_login_that_is_killed_anywhere_takes_no_freeze_from_the_others() -> None:
    for seed in range(60):
        choose = random.Random(seed)
        server = Server()
        with logins(server, 3) as running:
            for _ in range(seed % 12):
                running[0].step()
                running[choose.choice((1, 2))].step()
            running[0].kill()
            run_mixed(running[1:], choose)

        assert [login.error for login in running[1:]] == [None] * 2, seed
        assert [login.was_frozen for login in running[1:]] == [True] * 2, seed
        server.now += timedelta(minutes=10)
        log_in(server)
        assert server.values == AT_REST, seed


def test_a_login_does_not_wait_long_for_one_that_was_killed_while_it_left() -> None:
    server = Server()
    killed = server.create(new_claim(), "leaving")

    with logins(server, 1) as (login,):
        steps = 0
        while not login.ended:
            login.step()
            steps += 1
    assert (login.error, login.was_frozen) == (None, True)
    assert steps < 1000

    server.now += timedelta(seconds=31)
    with logins(server, 1) as (login,):
        for _ in range(12):
            login.step()
        assert login.ended
    assert {row["key"] for row in server.rows.values()} == {BASE_URL, server.rows[killed]["key"]}


# What was left


@pytest.mark.parametrize(
    "freeze",
    [
        pytest.param(LONG_AGO, id="one"),
        pytest.param(", ".join([LONG_AGO] * 12), id="many"),
        pytest.param(mark(timedelta(days=-2)), id="by a clock that was wrong"),
        pytest.param("remote-mailcfg by hand", id="without a time"),
        pytest.param("remote-mailcfg 2026-11-01T10:00:00", id="without a time zone"),
    ],
)
def test_marks_of_earlier_versions_are_removed_by_the_next_login(freeze: str) -> None:
    server = Server(**{FREEZE: freeze})

    log_in(server)

    assert server.values == AT_REST


def test_the_mark_of_a_login_by_an_earlier_version_that_is_under_way_stays() -> None:
    theirs = mark(timedelta(seconds=5))
    server = Server(**{FREEZE: f"{LONG_AGO}, {theirs}"})

    log_in(server)

    assert server.values == AT_REST | {FREEZE: theirs}


def test_a_claim_stays_until_its_login_must_have_ended() -> None:
    server = Server()
    claim = new_claim()
    claim_freeze(connect(server), claim)

    log_in(server)
    assert server.values.keys() == {BASE_URL, FREEZE, claim}

    server.now += timedelta(minutes=10)
    log_in(server)
    assert server.values == AT_REST


def test_a_login_that_takes_too_long_ends_without_its_claim() -> None:
    server = Server()
    instance = connect(server)
    own = claim_freeze(instance, new_claim())
    server.now += timedelta(minutes=10)
    log_in(server)

    release_freeze(instance, own)

    assert server.values == AT_REST


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ({}, []),
        ({FREEZE: "True"}, []),
        ({FREEZE: "remote-mailcfg 2026-11-28T08:59:00+00:00"}, []),
        (
            {
                FREEZE: "remote-mailcfg 2026-11-27T08:00:00+00:00,"
                " remote-mailcfg 2026-11-28T08:59:00+00:00"
            },
            [datetime(2026, 11, 27, 8, tzinfo=UTC)],
        ),
        ({FREEZE: "remote-mailcfg: until its logins have ended"}, [NOW - timedelta(minutes=20)]),
        ({FREEZE + ".remote-mailcfg.5e55": "leaving"}, [NOW - timedelta(minutes=20)]),
    ],
)
def test_what_logins_left_is_found_with_its_time(
    values: dict[str, str], left: list[datetime]
) -> None:
    server = Server()
    server.now = NOW - timedelta(minutes=20)
    for key, value in values.items():
        server.create(key, value)

    assert fetch_base_url(connect(server)).left_at(NOW) == left
