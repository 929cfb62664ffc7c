import os
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring.backends.fail
import pytest

from remote_mailcfg.config.secret_reference import check_savable, save_secret
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.secret import Secret
from tests import keyrings
from tests.keyrings import MemoryKeyring

KEY = Secret("canary-9bd1")


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    with keyrings.memory_keyring() as memory:
        yield memory


def refusal(reference: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        check_savable(reference)
    return caught.value


def test_a_secret_is_saved_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "key"
    check_savable(f"file:{path}")

    save_secret(f"file:{path}", KEY)

    assert path.read_text() == "canary-9bd1\n"


def test_only_the_user_can_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    before = os.umask(0)
    try:
        save_secret(f"file:{path}", KEY)
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_may_stand_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    check_savable("file:~/key")

    save_secret("file:~/key", KEY)

    assert (tmp_path / "key").exists()


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("before")

    assert refusal(f"file:{path}").message == f"--save: {path} exists and is not overwritten"


def test_a_file_that_appeared_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    check_savable(f"file:{path}")
    path.write_text("before")

    with pytest.raises(FileExistsError):
        save_secret(f"file:{path}", KEY)

    assert path.read_text() == "before"


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    error = refusal(f"file:{tmp_path}/no/key")

    assert f"{tmp_path}/no is not a folder that you may write to" in error.message


def test_a_secret_is_saved_in_the_keyring(memory_keyring: MemoryKeyring) -> None:
    check_savable("keyring:openspp/ann")

    save_secret("keyring:openspp/ann", KEY)

    assert memory_keyring.kept == {("openspp", "ann"): "canary-9bd1"}


def test_a_keyring_that_refuses_is_an_error_that_does_not_show_the_secret(
    memory_keyring: MemoryKeyring,
) -> None:
    memory_keyring.locked = True

    with pytest.raises(OSError, match="the keyring is locked") as caught:
        save_secret("keyring:openspp/ann", KEY)

    assert KEY.reveal() not in repr(caught.value)


def test_a_machine_without_a_keyring_service_is_told_before_there_is_a_secret() -> None:
    with keyrings.in_use(keyring.backends.fail.Keyring()):  # type: ignore[no-untyped-call]
        error = refusal("keyring:openspp/ann")

    assert "has no keyring service" in error.message


def test_without_the_keyring_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    error = refusal("keyring:openspp/ann")

    assert error.message == "--save: the Python package keyring is not installed"
    assert "remote-mailcfg[keyring]" in error.hint


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "key.txt",
        "file:",
        "env:NAME",
        "keyring:openspp",
        "keyring:a/b/c",
        "command:pass x",
        "a-pasted-key",
    ],
)
def test_what_cannot_hold_a_new_secret_is_refused(reference: str) -> None:
    error = refusal(reference)

    assert error.code == "configuration"
    assert "is not file:PATH or keyring:SERVICE/USER" in error.message
    assert reference in {"", "file:"} or reference not in error.message  # it may be a key
