import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import Timeout

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.target import Target
from remote_mailcfg.store.freezes import forget_freeze, load_freeze, login_lock, note_freeze
from remote_mailcfg.store.sessions import forget_session, load_session, save_session
from remote_mailcfg.store.state import load_private, private_file, save_private

TARGET = Target(name="spp", url="https://spp.example", database="openspp", login="ann")
COOKIES = {"session_id": "5e551000"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the state folder of `clean_environment`; it does not exist yet."""
    path = tmp_path / "state" / "remote-mailcfg"
    assert not path.exists()
    return path


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let new files be readable by everyone unless our code says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# Small private files


def test_a_file_is_kept_in_the_state_folder_without_naming_the_instance(folder: Path) -> None:
    path = private_file("sessions", "https://spp.example", "openspp", "ann")

    assert path.parent == folder / "sessions"
    assert path.suffix == ".json"
    assert "spp" not in path.name


def test_what_is_named_together_has_its_own_file() -> None:
    identities = [("a", "b"), ("ab",), ("b", "a"), ("a", "b", "")]

    assert len({private_file("sessions", *it) for it in identities}) == len(identities)


@pytest.mark.usefixtures("open_umask")
def test_only_the_user_can_read_what_is_saved(folder: Path) -> None:
    path = private_file("sessions", "x")

    save_private(path, {"a": 1})

    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert mode(folder) == 0o700


def test_what_was_saved_is_loaded() -> None:
    path = private_file("sessions", "x")
    save_private(path, {"text": "ὀδοός", "none": None})

    assert load_private(path) == {"text": "ὀδοός", "none": None}


def test_saving_again_replaces_what_was_there() -> None:
    path = private_file("sessions", "x")
    save_private(path, {"a": "a longer text than the next"})
    save_private(path, {"b": 2})

    assert load_private(path) == {"b": 2}


def test_a_file_that_is_open_keeps_its_old_content_whole() -> None:
    path = private_file("sessions", "x")
    save_private(path, {"a": 1})

    with path.open() as reading:
        save_private(path, {"b": 2})
        assert json.load(reading) == {"a": 1}


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else() -> None:
    path = private_file("sessions", "x")
    save_private(path, {"a": 1})

    with pytest.raises(TypeError):
        save_private(path, {"a": object()})

    assert load_private(path) == {"a": 1}
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"a": ', id="cut-off"),
        pytest.param(b"[1]", id="no-object"),
        pytest.param(b"\xff", id="no-text"),
    ],
)
def test_what_is_damaged_is_an_error_that_names_the_file(content: bytes) -> None:
    path = private_file("sessions", "x")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    with pytest.raises(RemoteMailcfgError) as caught:
        load_private(path)

    assert caught.value.code == "state-damaged"
    assert str(path) in caught.value.message


def test_what_was_never_saved_is_nothing() -> None:
    assert load_private(private_file("sessions", "x")) is None


# Sessions


def test_a_session_is_kept_until_it_is_forgotten() -> None:
    assert load_session(TARGET) is None

    save_session(TARGET, COOKIES)
    assert load_session(TARGET) == COOKIES

    forget_session(TARGET)
    assert load_session(TARGET) is None


def test_forgetting_a_session_that_is_not_kept_is_nothing() -> None:
    forget_session(TARGET)

    assert load_session(TARGET) is None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(TARGET, url="https://other.example"), id="address"),
        pytest.param(replace(TARGET, database="other"), id="database"),
        pytest.param(replace(TARGET, login="bob"), id="login"),
    ],
)
def test_a_session_belongs_to_one_address_database_and_login(other: Target) -> None:
    save_session(TARGET, COOKIES)

    assert load_session(other) is None


@pytest.mark.parametrize("content", [{"other": 1}, {"cookies": [1]}, {"cookies": {"a": 1}}])
def test_a_session_file_of_another_kind_is_damaged(content: dict[str, Any]) -> None:
    save_private(private_file("sessions", TARGET.url, "openspp", "ann"), content)

    with pytest.raises(RemoteMailcfgError, match="is damaged"):
        load_session(TARGET)


def test_a_session_is_saved_without_the_password(folder: Path) -> None:
    save_session(TARGET, COOKIES)

    (path,) = (folder / "sessions").iterdir()
    assert json.loads(path.read_text()).keys() == {"url", "database", "cookies"}
    assert mode(path) == 0o600


# Freezes


def test_a_freeze_is_noted_until_it_is_forgotten() -> None:
    assert load_freeze(TARGET) is None

    note_freeze(TARGET, "remote-mailcfg 2026")
    assert load_freeze(TARGET) == "remote-mailcfg 2026"

    forget_freeze(TARGET)
    assert load_freeze(TARGET) is None


def test_forgetting_a_freeze_that_is_not_noted_is_nothing() -> None:
    forget_freeze(TARGET)

    assert load_freeze(TARGET) is None


def test_a_freeze_is_the_databases_whoever_logs_in() -> None:
    note_freeze(TARGET, "remote-mailcfg 2026")

    assert load_freeze(replace(TARGET, login="bob")) == "remote-mailcfg 2026"
    assert load_freeze(replace(TARGET, database="other")) is None


@pytest.mark.parametrize("content", [{"other": 1}, {"value": 3}])
def test_a_freeze_file_of_another_kind_is_damaged(content: dict[str, Any]) -> None:
    save_private(private_file("freezes", TARGET.url, "openspp"), content)

    with pytest.raises(RemoteMailcfgError, match="is damaged"):
        load_freeze(TARGET)


def test_one_login_holds_the_lock_of_its_database(folder: Path) -> None:
    with login_lock(TARGET), pytest.raises(Timeout):
        login_lock(replace(TARGET, login="bob")).acquire(timeout=0)

    with login_lock(TARGET), login_lock(replace(TARGET, database="other")).acquire(timeout=0):
        assert mode(folder / "freezes") == 0o700


def test_a_state_folder_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    with pytest.raises(RemoteMailcfgError, match="cannot be written: Not a directory") as caught:
        save_private(private_file("sessions", "x"), {})

    assert caught.value.code == "not-saved"
    assert "XDG_STATE_HOME" in caught.value.hint
