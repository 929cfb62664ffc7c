"""A run that was killed at any call is put right, whatever the call had done by then."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from remote_mailcfg.apply.recovery import recover
from remote_mailcfg.errors import RemoteMailcfgError, TransportError
from remote_mailcfg.plan.change import Change
from remote_mailcfg.store.journal import Journal, journal_folder
from remote_mailcfg.store.runs import JournaledRun, find_cut_off, load_runs
from tests.apply_stage import (
    REFUSED,
    SCENES,
    Stage,
    check_promise,
    live_row,
    refuse_everything,
    updating,
)
from tests.fake_transport import (
    SERVERS,
    TARGET,
    Call,
    FakeTransport,
    MailServerTable,
    connection_of,
    make_instance,
)

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


def kill_putting_back(stage: Stage) -> None:
    """Carry a stage out until it is about to put back what it wrote and could not read back."""
    state = "going"

    def answer(call: Call) -> Any:
        nonlocal state
        if state == "killed":
            raise KilledError
        writes_live = call.name == f"{SERVERS}.write" and call.ids == (7,)
        if state == "going" and writes_live:
            state = "written"
        elif state == "written":
            state = "fails"
            raise TransportError("timeout", "no answer")
        elif state == "fails" and (writes_live or call.name == "ir.actions.server.create"):
            state = "killed"
            patch.setattr(Journal, "note", lambda _self, **_entry: None)
            raise KilledError
        return stage.table(call)

    stage.transport = FakeTransport(answer)
    with pytest.MonkeyPatch.context() as patch, suppress(KilledError):
        stage.carry_out()
    assert state == "killed"
    stage.progress.notes.clear()


def write_elsewhere(
    stage: Stage,
    server_id: int,
    *,
    user: tuple[int, str],
    later: timedelta = timedelta(hours=1),
    **values: str | int,
) -> None:
    """Let somebody write a record some time later."""
    stage.table.user = user
    stage.table.now += later
    call = Call(SERVERS, "write", (server_id,), {"vals": values})
    stage.table(call)


BOB = (9, "Bob")
ANN = (2, "Ann")  # whom the runs log in as


def writes_of_live(transport: FakeTransport) -> list[str]:
    calls = [it for it in transport.calls if it.ids == (7,) and it.method in {"write", "unlink"}]
    actions = transport.named("ir.actions.server.create")
    return [
        *map(str, calls),
        *(it for call in actions if "browse(7).write" in (it := call.values["code"])),
    ]


def look(stage: Stage) -> tuple[JournaledRun, FakeTransport]:
    """Recover the run that was cut off; return it and what was asked for that."""
    (cut_off,) = find_cut_off(TARGET)
    transport = FakeTransport(stage.table)
    recover(make_instance(transport), stage.table.capabilities, stage.progress, cut_off)
    (ended,) = load_runs(TARGET)
    return ended, transport


@pytest.mark.parametrize("user", [BOB, ANN], ids=["another", "the-same-user"])
@pytest.mark.parametrize("done", [False, True], ids=["before-its-write", "after-its-write"])
@pytest.mark.parametrize("scene", ["update", "update-password", "update-host-and-password"])
def test_what_was_written_since_is_left_and_told(
    at: Callable[[str, str], int], scene: str, user: tuple[int, str], *, done: bool
) -> None:
    stage = SCENES[scene]()
    assert kill(stage, at(scene, "write"), done=done)
    write_elsewhere(stage, 7, user=user, smtp_host="relay.example.net", smtp_pass="th1rd")
    left = dict(stage.live)

    ended, transport = look(stage)

    assert stage.table.rows == {7: left}
    assert writes_of_live(transport) == []
    assert ended.state == "superseded"
    assert [change.outcome for change in ended.changes] == ["superseded"]
    assert f"last written by {user[1]} at 2026-01-02T04:04:" in " ".join(stage.progress.notes)


@pytest.mark.parametrize("done", [False, True], ids=["before-its-write", "after-its-write"])
@pytest.mark.parametrize("scene", ["update", "update-host-and-password"])
def test_what_the_same_user_wrote_a_minute_later_from_elsewhere_is_left(
    at: Callable[[str, str], int], scene: str, *, done: bool
) -> None:
    stage = SCENES[scene]()
    assert kill(stage, at(scene, "write"), done=done)
    write_elsewhere(stage, 7, user=ANN, later=timedelta(minutes=1), smtp_host="relay.example.net")
    left = dict(stage.live)

    ended, transport = look(stage)

    assert stage.table.rows == {7: left}
    assert writes_of_live(transport) == []
    assert ended.state == "superseded"


@pytest.mark.parametrize("scene", ["update", "update-host-and-password"])
def test_what_was_written_since_is_left_where_the_run_was_putting_back(scene: str) -> None:
    stage = SCENES[scene]()
    kill_putting_back(stage)
    write_elsewhere(stage, 7, user=BOB, smtp_host="relay.example.net")
    left = dict(stage.live)

    ended, transport = look(stage)

    assert stage.table.rows == {7: left}
    assert writes_of_live(transport) == []
    assert ended.state == "superseded"


@pytest.mark.parametrize("scene", ["update", "update-password", "update-host-and-password"])
def test_a_record_as_the_run_found_it_is_not_written(
    at: Callable[[str, str], int], scene: str
) -> None:
    stage = SCENES[scene]()
    assert kill(stage, at(scene, "write"), done=False)

    ended, transport = look(stage)

    assert stage.table.rows == stage.started
    assert writes_of_live(transport) == []
    assert [change.outcome for change in ended.changes] == ["undone"]


@pytest.mark.parametrize("scene", ["update-password", "update-host-and-password"])
def test_a_password_that_the_run_wrote_last_is_kept_with_its_backup(
    at: Callable[[str, str], int], scene: str
) -> None:
    stage = SCENES[scene]()
    assert kill(stage, at(scene, "write"), done=True)

    ended, transport = look(stage)

    assert stage.live["smtp_pass"] == "n3w"
    assert writes_of_live(transport) == []
    assert ended.state == "done"
    ((backup, _server),) = ended.backups.items()
    assert stage.table.rows.keys() == {7, backup}


def test_a_password_of_which_the_journal_tells_nothing_is_left(
    at: Callable[[str, str], int],
) -> None:
    stage = SCENES["update-password"]()
    assert kill(stage, at("update-password", "write"), done=True)
    (path,) = journal_folder(TARGET).iterdir()
    earlier = [json.loads(line) for line in path.read_text().splitlines()]
    for entry in earlier:
        entry.pop("last_write", None)  # as earlier versions noted it
    path.write_text("".join(json.dumps(entry) + "\n" for entry in earlier))

    ended, transport = look(stage)

    assert stage.live["smtp_pass"] == "n3w"
    assert writes_of_live(transport) == []
    assert ended.state == "superseded"


@pytest.mark.parametrize("scene", ["update", "update-password", "update-host-and-password"])
def test_putting_back_goes_on_once_the_old_values_are_proved(scene: str) -> None:
    stage = SCENES[scene]()
    kill_putting_back(stage)
    stage.table.proved.clear()

    ended, _ = look(stage)

    assert stage.table.rows == stage.started
    assert connection_of(stage.live) in stage.table.proved
    assert [change.outcome for change in ended.changes] == ["undone"]


@pytest.mark.parametrize("stands", [True, False], ids=["what-stands-passes", "neither-passes"])
@pytest.mark.parametrize("scene", ["update", "update-host-and-password"])
def test_old_values_that_fail_are_not_written_back(scene: str, *, stands: bool) -> None:
    stage = SCENES[scene]()
    kill_putting_back(stage)
    left = dict(stage.live)
    alive = "new.example.org" if stands else "none"
    stage.table.failure = lambda row: "" if row["smtp_host"] == alive else REFUSED

    ended, transport = look(stage)

    assert stage.live == left
    assert writes_of_live(transport) == []
    assert [change.outcome for change in ended.changes] == ["done"]
    told = " ".join(stage.progress.notes)
    assert "its old values do not pass their test (" in told
    assert ("What stands passes its test" in told) is stands
    assert ("What stands fails, too: look at it now (" in told) is not stands
    assert stage.candidates == []


def test_what_the_proof_does_not_cover_any_more_is_proved_as_it_stands(
    at: Callable[[str, str], int],
) -> None:
    stage = updating({"smtp_host": "new.example.org"})
    index = at("update", "write")
    assert kill(stage, index, done=True)
    write_elsewhere(stage, 7, user=BOB, smtp_port=2525)
    stage.table.proved.clear()

    ended, transport = look(stage)

    assert ended.state == "done"
    assert stage.table.proved == [connection_of(stage.live)]
    assert writes_of_live(transport) == []


@pytest.mark.parametrize("fails", [False, True], ids=["passes", "fails"])
def test_a_token_server_that_was_written_is_tested_now(
    at: Callable[[str, str], int], *, fails: bool
) -> None:
    stage = SCENES["update-gmail"]()
    assert kill(stage, at("update-gmail", "test_smtp_connection"), done=False)
    if fails:
        stage.table.failure = lambda row: REFUSED if row["from_filter"] else ""

    ended, _ = look(stage)

    assert [change.outcome for change in ended.changes] == ["undone" if fails else "done"]
    check_promise(stage)


def test_a_token_server_that_passes_neither_way_is_left_as_it_stands(
    at: Callable[[str, str], int],
) -> None:
    stage = SCENES["update-gmail"]()
    assert kill(stage, at("update-gmail", "test_smtp_connection"), done=False)
    left = dict(stage.live)
    stage.table.failure = refuse_everything

    look(stage)

    assert stage.live == left
    assert "What stands fails, too" in " ".join(stage.progress.notes)


def test_a_server_that_cannot_be_put_back_now_stays_for_the_next_time() -> None:
    stage = SCENES["update-password"]()
    kill_putting_back(stage)
    (cut_off,) = find_cut_off(TARGET)

    def refuse(call: Any) -> Any:
        if call.method == "run" and "browse(7)" in stage.table.actions[1]:
            raise RemoteMailcfgError("refused-by-odoo", "no")
        return stage.table(call)

    instance = make_instance(FakeTransport(refuse))
    with pytest.raises(RemoteMailcfgError, match="was cut off") as caught:
        recover(instance, stage.table.capabilities, stage.progress, cut_off)

    assert "could not be put back" in caught.value.hint
    assert [run.state for run in load_runs(TARGET)] == ["cut off"]
    assert put_right(stage).state == "failed"
    assert stage.table.rows == stage.started


# New, removed, archived and marked ones


def test_a_new_server_that_was_changed_since_is_left(at: Callable[[str, str], int]) -> None:
    stage = SCENES["create"]()
    assert kill(stage, at("create", "write"), done=True)
    write_elsewhere(stage, 8, user=BOB, smtp_host="elsewhere.example.org")

    ended, _ = look(stage)

    assert stage.table.rows[8]["smtp_host"] == "elsewhere.example.org"
    assert stage.table.rows[8]["active"] is True
    assert ended.state == "superseded"
    assert "last written by Bob" in " ".join(stage.progress.notes)


def test_a_new_server_that_was_removed_since_is_not_made_again(
    at: Callable[[str, str], int],
) -> None:
    stage = SCENES["create"]()
    assert kill(stage, at("create", "write") + 4, done=True)
    del stage.table.rows[8]

    ended, _ = look(stage)

    assert stage.table.rows == stage.started
    assert ended.state == "superseded"
    assert "mail server 8 was removed by somebody else since" in " ".join(stage.progress.notes)


@pytest.mark.parametrize(
    ("done", "outcome"), [(False, "undone"), (True, "done")], ids=["before", "after"]
)
def test_a_removal_is_taken_as_it_is(outcome: str, *, done: bool) -> None:
    stage = Stage(MailServerTable(live_row()), "delete", {}, keeps_backups=True)
    assert kill(stage, 1, done=done)
    if not done:
        write_elsewhere(stage, 7, user=BOB, smtp_host="relay.example.net")

    ended, transport = look(stage)

    assert [change.outcome for change in ended.changes] == [outcome]
    assert (7 in stage.table.rows) is not done
    assert writes_of_live(transport) == []
    assert len(stage.table.rows) == 1  # the server, or its backup


def test_a_server_that_was_archived_and_taken_in_use_by_somebody_stays_so() -> None:
    stage = Stage(MailServerTable(live_row()), "archive", {"active": False})
    assert kill(stage, 0, done=True)
    write_elsewhere(stage, 7, user=BOB, active=True)

    ended, transport = look(stage)

    assert stage.live["active"] is True
    assert writes_of_live(transport) == []
    assert [change.outcome for change in ended.changes] == ["undone"]


@pytest.mark.parametrize(
    ("points_to", "written", "state"),
    [
        pytest.param(None, ["create"], "done", id="not-made-yet"),
        pytest.param(7, [], "done", id="made"),
        pytest.param(8, [], "superseded", id="moved-by-somebody"),
    ],
)
def test_a_mark_that_somebody_moved_is_left(
    points_to: int | None, written: list[str], state: str
) -> None:
    marks = [{"name": "main", "res_id": points_to}] if points_to else []
    others = {"ir.model.data.search_read": marks, "ir.model.data.search": []}
    stage = Stage(
        MailServerTable(live_row(), others=others | {"ir.model.data.create": 1}), "adopt", {}
    )
    before = stage.before
    assert before is not None
    journal = Journal(TARGET, "20260102T030405Z-0a1b2c")
    change = Change(action="adopt", before=before, values={}, key="main")
    journal.begin(TARGET, (change,), command="apply", at="", undoes="", test=True)
    journal.note(change=0, step="mark", state="intended")

    ended, transport = look(stage)

    assert ended.state == state
    calls = [call for call in transport.calls if call.model == "ir.model.data"]
    assert [call.method for call in calls if not call.method.startswith("search")] == written
