import pickle
from functools import partial
from pathlib import Path

import pytest

from remote_mailcfg.config.entry import Entry
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.fleet.worker import Unattended, check_travels, work_there
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.secret import Secret

TARGET = Target(name="north", url="https://north.example", login="admin")


def password_of(target: Target, progress: Progress) -> str:
    progress.working("nobody sees it")
    progress.note("nobody sees it")
    assert target.password
    return target.password.reveal()


def entry(reference: str) -> Entry:
    return Entry(target=TARGET, references=(("password", reference),), folder=Path())


def test_a_worker_resolves_secrets_from_its_own_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NORTH_PASSWORD", "of-the-worker")
    travelled = pickle.loads(pickle.dumps(entry("env:NORTH_PASSWORD")))

    assert work_there(password_of, "run 1", travelled) == "of-the-worker"


def test_a_worker_resolves_a_secret_once_for_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORTH_PASSWORD", "first")
    assert work_there(password_of, "run 2", entry("env:NORTH_PASSWORD")) == "first"
    monkeypatch.setenv("NORTH_PASSWORD", "second")

    assert work_there(password_of, "run 2", entry("env:NORTH_PASSWORD")) == "first"
    assert work_there(password_of, "run 3", entry("env:NORTH_PASSWORD")) == "second"


def test_nobody_can_be_asked_on_a_worker() -> None:
    with pytest.raises(ConfigurationError, match="prompt"):
        work_there(password_of, "run 4", entry("prompt:"))


def test_a_worker_does_not_answer_questions() -> None:
    with pytest.raises(ConfigurationError, match="not asked: "):
        Unattended().confirm("not asked: really?")


def test_an_operation_that_holds_a_secret_does_not_travel() -> None:
    check_travels(password_of)

    with pytest.raises(ConfigurationError, match="cannot be sent") as caught:
        check_travels(partial(str, Secret("s3cret")))
    assert "s3cret" not in str(caught.value)
    assert "--executor" in caught.value.hint
