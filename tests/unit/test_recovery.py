"""A run that was killed at any call is put right, whatever the call had done by then."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from remote_mailcfg.apply.recovery import recover
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.store.journal import Journal
from remote_mailcfg.store.runs import JournaledRun, find_cut_off, load_runs
from tests.apply_stage import SCENES, Stage, check_promise, refuse_everything
from tests.fake_transport import TARGET, Call, FakeTransport, make_instance

MOST_CALLS = 30
MOST_ENTRIES = 12


class KilledError(BaseException):
    """What stands for SIGKILL: from here on nothing is sent and nothing is noted."""


def kill(stage: Stage, index: int, *, done: bool) -> bool:
    """Carry a stage out until its call `index`; False: it makes fewer."""
    count = 0

    def answer(call: Call) -> Any:
        nonlocal count
        count += 1
        if count <= index or (count == index + 1 and done):
            answered = stage.table(call)
        if count <= index:
            return answered
        patch.setattr(Journal, "note", lambda _self, **_entry: None)
        raise KilledError

    stage.transport = FakeTransport(answer)
    with pytest.MonkeyPatch.context() as patch, suppress(KilledError):
        stage.carry_out()
    return count > index


def put_right(stage: Stage) -> JournaledRun:
    """Recover the run that was cut off and return it as it ended."""
    (cut_off,) = find_cut_off(TARGET)
    instance = make_instance(FakeTransport(stage.table))
    recover(instance, stage.table.capabilities, stage.progress, cut_off)
    (ended,) = load_runs(TARGET)
    return ended


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("index", range(MOST_CALLS))
def test_a_killed_run_is_put_right(
    scene: str,
    index: int,
    done: bool,  # noqa: FBT001 - a row's value
) -> None:
    stage = SCENES[scene]()
    if not kill(stage, index, done=done):
        return

    ended = put_right(stage)

    check_promise(stage)
    assert stage.candidates == []
    assert stage.table.actions == {}
    assert ended.state in {"done", "failed"}
    assert [change.outcome for change in ended.changes] in (["done"], ["undone"])
    stands = ended.changes[0].outcome == "done"
    if not stands:
        assert stage.table.rows == stage.started
    assert any("was cut off" in note for note in stage.progress.notes)


def tear(stage: Stage, number: int, length: int) -> bool:
    """Carry a stage out until its entry `number`, of which so much is written; False: it has fewer.

    A negative length leaves so much of the entry out.
    """
    count = 0
    write = os.write

    def cut(handle: int, line: bytes) -> int:
        nonlocal count
        count += 1
        if count > number:
            raise KilledError
        return write(handle, line if count < number else line[:length])

    def answer(call: Call) -> Any:
        if count >= number:
            raise KilledError
        return stage.table(call)

    stage.transport = FakeTransport(answer)
    with pytest.MonkeyPatch.context() as patch, suppress(KilledError, RemoteMailcfgError):
        patch.setattr("remote_mailcfg.store.journal.os.write", cut)
        stage.carry_out()
    return count >= number


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("number", range(2, MOST_ENTRIES))
@pytest.mark.parametrize("length", [20, -2, -1])
def test_a_run_with_a_torn_entry_is_put_right_once(scene: str, number: int, length: int) -> None:
    stage = SCENES[scene]()
    if not tear(stage, number, length):
        return

    if find_cut_off(TARGET):  # an end without its line feed is one, too
        put_right(stage)

    check_promise(stage)
    (ended,) = load_runs(TARGET, changing=True)
    assert ended.state in {"done", "failed"}
    assert stage.candidates == []


def steps_of(scene: str, method: str) -> list[int]:
    """Return the indexes of the calls of a method."""
    stage = SCENES[scene]()
    stage.carry_out()
    return [n for n, call in enumerate(stage.transport.calls) if call.method == method]


@pytest.fixture
def at(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], int]:
    """Tell which call of a scene is the last of a method, with a journal out of the way."""

    def last(scene: str, method: str) -> int:
        with monkeypatch.context() as environment:
            environment.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
            return steps_of(scene, method)[-1]

    return last


def test_what_was_written_and_is_complete_is_kept(at: Callable[[str, str], int]) -> None:
    stage = SCENES["update"]()
    assert kill(stage, at("update", "write"), done=True)

    ended = put_right(stage)

    assert stage.live["smtp_host"] == "new.example.org"
    assert ended.state == "done"


def test_a_password_that_may_be_written_is_put_back(at: Callable[[str, str], int]) -> None:
    stage = SCENES["update-password"]()
    assert kill(stage, at("update-password", "write"), done=True)

    put_right(stage)

    assert stage.table.rows == stage.started


@pytest.mark.parametrize(("fails", "outcome"), [(False, "done"), (True, "undone")], ids=str)
def test_a_token_server_that_was_written_is_tested_now(
    at: Callable[[str, str], int],
    fails: bool,  # noqa: FBT001 - a row's value
    outcome: str,
) -> None:
    stage = SCENES["update-gmail"]()
    assert kill(stage, at("update-gmail", "test_smtp_connection"), done=False)
    if fails:
        stage.table.failure = refuse_everything

    ended = put_right(stage)

    assert [change.outcome for change in ended.changes] == [outcome]
    check_promise(stage)


def test_a_server_that_cannot_be_put_back_now_stays_for_the_next_time(
    at: Callable[[str, str], int],
) -> None:
    stage = SCENES["update-password"]()
    assert kill(stage, at("update-password", "write"), done=True)
    stage.table.ignored = ["smtp_pass", "active"]
    (cut_off,) = find_cut_off(TARGET)

    def refuse(call: Any) -> Any:
        if call.method == "run":
            raise RemoteMailcfgError("refused-by-odoo", "no")
        return stage.table(call)

    instance = make_instance(FakeTransport(refuse))
    with pytest.raises(RemoteMailcfgError, match="was cut off") as caught:
        recover(instance, stage.table.capabilities, stage.progress, cut_off)

    assert "could not be put back" in caught.value.hint
    assert [run.state for run in load_runs(TARGET)] == ["cut off"]
    stage.table.ignored = []
    assert put_right(stage).state == "failed"
    assert stage.table.rows == stage.started


def test_a_new_server_that_is_not_as_it_was_to_be_is_removed(
    at: Callable[[str, str], int],
) -> None:
    stage = SCENES["create"]()
    assert kill(stage, at("create", "write"), done=True)
    stage.table.rows[8]["smtp_host"] = "elsewhere.example.org"

    put_right(stage)

    assert stage.table.rows == stage.started
