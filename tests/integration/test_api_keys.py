"""`apikey create`."""

import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import keyring
import keyring.backend
import pytest

from remote_mailcfg.sandbox.server import Served
from tests.integration.instance import Instance


@pytest.fixture
def keyring_in_memory() -> Iterator[dict[tuple[str, str], str]]:
    held: dict[tuple[str, str], str] = {}

    class Memory(keyring.backend.KeyringBackend):
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return held.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            held[service, username] = password

    before = keyring.get_keyring()
    keyring.set_keyring(Memory())  # type: ignore[no-untyped-call]  # keyring's own
    yield held
    keyring.set_keyring(before)


def test_an_api_key_is_made_and_shown_once(instance: Instance) -> None:
    ran = instance.run_unchecked("apikey", "create", instance.name(), "-o", "json")
    assert ran.code == 0, ran.err
    assert ran.data | {"key": ""} == {
        "name": instance.name(),
        "expires": None,
        "saved": None,
        "key": "",
    }
    used = instance.run("server", "list", OPENSPP_API_KEY=ran.data["key"], OPENSPP_PASSWORD="")
    assert used.code == 0


def test_an_api_key_is_saved_where_the_reference_points(instance: Instance, tmp_path: Path) -> None:
    place = tmp_path / "api.key"
    ran = instance.json("apikey", "create", instance.name(), "--save", f"file:{place}")
    assert (ran.code, ran.data["saved"], "key" in ran.data) == (0, f"file:{place}", False)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    key = place.read_text().strip()
    assert instance.run("server", "list", OPENSPP_API_KEY=key, OPENSPP_PASSWORD="").code == 0


def test_an_api_key_is_saved_in_the_keyring(
    some_instance: Instance, keyring_in_memory: dict[tuple[str, str], str]
) -> None:
    words = ("apikey", "create", some_instance.name(), "--save", "keyring:openspp/cron")
    assert some_instance.run(*words).code == 0
    key = keyring_in_memory["openspp", "cron"]
    used = some_instance.run("server", "list", OPENSPP_API_KEY=key, OPENSPP_PASSWORD="")
    assert used.code == 0


def test_people_see_a_new_key_and_when_it_ends(some_instance: Instance) -> None:
    ran = some_instance.run_unchecked("apikey", "create", some_instance.name())
    assert (ran.code, "does not expire" in ran.out) == (0, True)


def test_people_see_where_a_key_is_saved(some_instance: Instance, tmp_path: Path) -> None:
    reference = f"file:{tmp_path / 'api.key'}"
    ran = some_instance.run("apikey", "create", some_instance.name(), "--save", reference)
    assert (ran.code, reference in ran.out) == (0, True)


def test_a_key_of_19_expires_after_the_days(some_instance: Instance) -> None:
    if some_instance.version < 19:
        pytest.skip("keys of 17 do not expire")
    words = ("apikey", "create", some_instance.name(), "--days", "30", "-o", "json")
    ran = some_instance.run_unchecked(*words)
    assert ran.code == 0, ran.err
    expires = datetime.fromisoformat(ran.data["expires"])
    left = expires - datetime.now(expires.tzinfo)
    assert timedelta(days=29) < left <= timedelta(days=30)


def test_17_refuses_days_and_makes_no_key(some_instance: Instance) -> None:
    if some_instance.version >= 19:
        pytest.skip("keys of 19 expire")
    ran = some_instance.json("apikey", "create", some_instance.name(), "--days", "30")
    assert (ran.code, ran.error["code"]) == (2, "invalid-value")
    assert some_instance.sandbox
    assert some_instance.sandbox.database.api_keys.rows == {}


@pytest.mark.parametrize("reference", ["exists", "no-folder", "keyring:x", "vault:x/y"])
def test_a_place_that_cannot_be_saved_to_is_refused_before_there_is_a_key(
    faulty: tuple[Instance, Served], tmp_path: Path, reference: str
) -> None:
    instance, sandbox = faulty
    (tmp_path / "taken").touch()
    places = {"exists": f"file:{tmp_path}/taken", "no-folder": f"file:{tmp_path}/no/where"}
    where = places.get(reference, reference)
    ran = instance.json("apikey", "create", instance.name(), "--save", where)
    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert sandbox.database.api_keys.rows == {}


def test_a_key_needs_the_password(some_instance: Instance) -> None:
    ran = some_instance.json(
        "apikey", "create", some_instance.name(), OPENSPP_PASSWORD="", OPENSPP_API_KEY="0" * 40
    )
    assert (ran.code, ran.error["code"]) == (2, "configuration")


def test_an_answer_without_a_key_is_told(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    sandbox.database.switches.odd_answers["res.users.apikeys.description.make_key"] = {
        "context": {}
    }
    ran = instance.json("apikey", "create", instance.name())
    assert (ran.code, ran.error["code"]) == (1, "refused-by-odoo")


def test_a_session_that_is_not_kept_is_ended_also_where_the_key_fails(
    faulty: tuple[Instance, Served],
) -> None:
    instance, sandbox = faulty
    sandbox.database.switches.break_before["res.users.apikeys.description.make_key"] = False
    ran = instance.json("apikey", "create", instance.name())
    assert (ran.code, ran.error["code"]) == (1, "unreachable")
    assert [it for it in sandbox.odoo.sessions.values() if it.uid] == []


def test_a_key_is_made_in_the_kept_session_which_stays(instance: Instance) -> None:
    instance.run("login")
    ran = instance.run_unchecked("apikey", "create", instance.name())
    kept = [it for it in instance.state_files() if it.parent.name == "sessions"]
    instance.run("logout")
    assert (ran.code, len(kept)) == (0, 1)


def test_a_key_that_cannot_be_saved_is_revoked(
    faulty: tuple[Instance, Served], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    instance, sandbox = faulty
    assert instance.run_unchecked("apikey", "create", instance.name()).code == 0
    earlier = list(sandbox.database.api_keys.rows)

    def full(reference: str, *_: object, **__: object) -> None:
        raise OSError(28, f"No space left on device: {reference}")

    monkeypatch.setattr("remote_mailcfg.operations.create_api_key.save_secret", full)
    words = ("apikey", "create", instance.name(), "--save", f"file:{tmp_path / 'api.key'}")
    ran = instance.json(*words)

    assert (ran.code, ran.error["code"]) == (1, "not-saved")
    assert "and was revoked" in ran.error["message"]
    assert list(sandbox.database.api_keys.rows) == earlier


def test_a_new_key_is_in_the_journal(some_instance: Instance, tmp_path: Path) -> None:
    reference = f"file:{tmp_path / 'api.key'}"
    assert some_instance.run("apikey", "create", "cron", "--save", reference).code == 0

    (run,) = some_instance.json("runs").data["runs"]
    undo = some_instance.json("rollback", "--yes")

    assert (run["command"], run["state"], run["changes"]) == ("apikey create cron", "done", [])
    assert (undo.code, undo.error["code"]) == (1, "not-found")
