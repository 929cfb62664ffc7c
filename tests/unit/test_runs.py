"""The journal of runs: on the disk before anything is sent, and without a secret."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.target import Target
from remote_mailcfg.plan.change import Change
from remote_mailcfg.secret import Secret
from remote_mailcfg.store.journal import Journal, journal_folder
from remote_mailcfg.store.locks import changing_instance, changing_inventory
from remote_mailcfg.store.runs import find_cut_off, find_run, forget_run, last_standing, load_runs

TARGET = Target(name="north", url="https://north.example", database="openspp")
OTHER = Target(name="south", url="https://south.example", database="openspp")
RUN = "20260102T030405Z-0a1b2c"
LATER = "20260103T030405Z-0a1b2c"
WITHOUT_SEQUENCE = """\
{"at": "2026-01-02T03:04:05Z", "command": "server update", "undoes": "", "test": true, "instance":\
 "north", "url": "https://north.example", "database": "openspp", "changes": [{"action": "update",\
 "key": null, "unmarks": false, "backup": null, "reversible": true, "before": {"id": 7, "name":\
 "Main", "sequence": 1}, "values": {"sequence": 9}, "secrets": {}}]}
"""
BEFORE = MailServerRecord(
    id=7, name="Main", smtp_host="old.example.org", environment_managed=("x",)
)
UPDATE = Change(
    action="update",
    before=BEFORE,
    values={"smtp_port": 587, "smtp_pass": Secret("Canary-1"), "smtp_ssl_private_key": "Q2FuYXJ5"},
    key="main",
)


def begin(run: str = RUN, *, undoes: str = "", changes: tuple[Change, ...] = (UPDATE,)) -> Journal:
    journal = Journal(TARGET, run)
    at = "2026-01-02T03:04:05Z"
    journal.begin(TARGET, changes, command="apply", at=at, undoes=undoes, test=True)
    return journal


def path_of(run: str = RUN) -> Path:
    return journal_folder(TARGET) / f"{run}.jsonl"


def test_a_journal_is_the_users_alone() -> None:
    begin()

    assert stat.S_IMODE(path_of().stat().st_mode) == 0o600
    assert stat.S_IMODE(path_of().parent.stat().st_mode) == 0o700


def test_a_journal_holds_no_secret() -> None:
    begin()

    text = path_of().read_text()
    assert "Canary" not in text
    assert "Q2FuYXJ5" not in text
    assert json.loads(text)["changes"][0]["secrets"] == {
        "smtp_pass": True,
        "smtp_ssl_private_key": True,
    }


def test_an_entry_is_synced_before_the_step_is_taken(mocker: MockerFixture) -> None:
    journal = begin()
    synced = mocker.patch("os.fsync")

    with journal.step(0, "switch"):
        assert synced.call_count == 1
        last = json.loads(path_of().read_text().splitlines()[-1])
        assert last == {"change": 0, "step": "switch", "state": "intended"}


def test_a_run_is_read_back_as_it_was_noted() -> None:
    journal = begin()
    with journal.step(0, "backup") as told:
        told["id"] = 9
    with pytest.raises(RemoteMailcfgError), journal.step(0, "test"):
        raise RemoteMailcfgError("test-failed", "no")
    journal.end("failed", ("undone",))

    (run,) = load_runs(TARGET)

    assert (run.name, run.command, run.state, run.test) == (RUN, "apply", "failed", True)
    (change,) = run.changes
    assert (change.action, change.key, change.before) == ("update", "main", BEFORE)
    assert dict(change.values) == {"smtp_port": 587}
    assert dict(change.steps) == {"backup": "done", "test": "failed"}
    assert run.backups == {9: 7}
    assert (change.server_id, change.name, change.outcome) == (7, "Main", "undone")


def test_a_run_without_an_end_was_cut_off() -> None:
    begin()

    assert [run.state for run in load_runs(TARGET)] == ["cut off"]
    assert [run.name for run in find_cut_off(TARGET)] == [RUN]
    assert load_runs(OTHER) == ()


def test_a_run_is_running_while_its_lock_is_held() -> None:
    begin()

    with changing_instance(TARGET):
        assert [run.state for run in load_runs(TARGET)] == ["running"]
        assert [run.state for run in load_runs(TARGET, changing=True)] == ["cut off"]
    assert find_cut_off(TARGET) != ()


def test_a_line_that_was_torn_is_left_out() -> None:
    journal = begin()
    journal.note(change=0, step="switch", state="intended")
    with path_of().open("a") as file:
        file.write('{"change": 0, "step": "swi')

    (run,) = load_runs(TARGET)

    assert dict(run.changes[0].steps) == {"switch": "intended"}


@pytest.mark.parametrize(
    ("end", "torn"),
    [
        pytest.param(b'{"change": 0, "step": "swi', True, id="cut-in-the-middle"),
        pytest.param(b'{"change": 0, "step": "swi\n', True, id="cut-and-fed"),
        pytest.param(b'{"change": 0, "step": "swi\n{"to', True, id="cut-while-it-was-closed"),
        pytest.param(b"\0\0\0\0", True, id="zeros-of-a-power-cut"),
        pytest.param(b"\xff", True, id="no-text"),
        pytest.param(
            b'{"change": 0, "step": "mark", "state": "done"}', False, id="only-the-feed-is-missing"
        ),
    ],
)
def test_a_torn_end_does_not_swallow_what_is_noted_next(
    end: bytes,
    torn: bool,  # noqa: FBT001 - a row's value
) -> None:
    begin()
    with path_of().open("ab") as file:
        file.write(end)
    before = path_of().read_bytes()
    journal = Journal(TARGET, RUN)  # as recovery opens it

    journal.note(change=0, step="put-back", state="done")
    journal.end("failed", ("undone",))

    (run,) = load_runs(TARGET, changing=True)
    assert (run.state, run.changes[0].outcome) == ("failed", "undone")
    assert run.changes[0].steps["put-back"] == "done"
    assert bool(run.torn) is torn
    assert (str(path_of()) in run.defect) is torn
    assert path_of().read_bytes().startswith(before)


LINES: list[Any] = [
    {**json.loads(WITHOUT_SEQUENCE)},
    {"change": 0, "step": "switch", "state": "done"},
    {"ended": "done", "outcomes": ["done"]},
]


@pytest.mark.parametrize(
    ("number", "line"),
    [
        pytest.param(0, '{"at": "20', id="the-head"),
        pytest.param(0, "[]", id="a-head-of-another-kind"),
        pytest.param(0, json.dumps(LINES[0] | {"changes": 5}), id="a-head-without-changes"),
        pytest.param(0, json.dumps(LINES[0] | {"changes": [7]}), id="a-change-of-another-kind"),
        pytest.param(
            0,
            json.dumps(LINES[0] | {"changes": [LINES[0]["changes"][0] | {"before": {"id": 7}}]}),
            id="a-server-without-a-name",
        ),
        pytest.param(1, '{"change": 0, "ste{"change": 0, "step": "switch"}', id="two-in-one"),
        pytest.param(1, "{}", id="an-entry-of-nothing"),
        pytest.param(1, '{"change": 0, "step": 7, "state": []}', id="a-step-of-another-kind"),
        pytest.param(2, '{"ended": "done", "outcomes": []}', id="an-end-of-another-run"),
        pytest.param(2, '{"ended": "perhaps", "outcomes": [""]}', id="an-end-of-no-kind"),
    ],
)
def test_other_damage_is_named_and_refuses_changes(number: int, line: str) -> None:
    begin(LATER).end("done", ("done",))
    lines = [json.dumps(it) for it in LINES]
    lines[number] = line
    path_of().write_text("\n".join(lines) + "\n")
    before = path_of().read_bytes()

    states = {run.name: run.state for run in load_runs(TARGET)}
    with pytest.raises(RemoteMailcfgError) as caught:
        load_runs(TARGET, changing=True)

    assert states == {RUN: "damaged", LATER: "done"}
    assert caught.value.code == "journal-failed"
    assert str(path_of()) in caught.value.message
    assert load_runs(OTHER, changing=True) == ()
    assert path_of().read_bytes() == before


def test_a_journal_that_may_not_be_read_refuses_changes(mocker: MockerFixture) -> None:
    begin()
    mocker.patch.object(Path, "read_bytes", side_effect=PermissionError(13, "Permission denied"))

    assert [run.state for run in load_runs(TARGET)] == ["damaged"]
    with pytest.raises(RemoteMailcfgError, match="Permission denied"):
        load_runs(TARGET, changing=True)


def test_a_file_that_was_not_even_begun_is_no_run() -> None:
    begin()
    path_of(LATER).write_text('{"at": "20')

    assert [run.name for run in load_runs(TARGET)] == [RUN]


def test_the_latest_run_is_first_and_a_run_that_was_taken_back_says_so() -> None:
    begin().end("done", ("done",))
    begin(LATER, undoes=RUN).end("done", ("done",))

    runs = load_runs(TARGET)

    assert [(run.name, run.state) for run in runs] == [(LATER, "done"), (RUN, "taken back")]
    assert last_standing(runs) is None


def test_the_order_of_runs_is_not_that_of_the_clock() -> None:
    begin(LATER).end("done", ("done",))
    begin(RUN).end("done", ("done",))  # the clock went backwards

    assert [run.name for run in load_runs(TARGET)] == [RUN, LATER]


def test_runs_of_earlier_versions_come_before_in_the_order_of_their_names() -> None:
    begin("20240101T000000Z-0a1b2c")
    for run in (RUN, LATER):
        path_of(run).write_text(WITHOUT_SEQUENCE)

    runs = load_runs(TARGET)

    assert [run.name for run in runs] == ["20240101T000000Z-0a1b2c", LATER, RUN]
    assert runs[-1].changes[0].before == MailServerRecord(id=7, name="Main", sequence=1)


def test_each_run_has_a_number_of_its_own_also_when_many_begin_at_once() -> None:
    names = [f"20260102T030405Z-{number:06x}" for number in range(40)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begin, names))

    assert len({run.sequence for run in load_runs(TARGET)}) == len(names)


@pytest.mark.parametrize("damage", ["", "x", None], ids=["empty", "no-number", "removed"])
def test_a_counter_that_is_damaged_is_made_again_from_the_journals(damage: str | None) -> None:
    begin(LATER)
    counter = path_of().parent.parent / "sequence"
    counter.unlink() if damage is None else counter.write_text(damage)
    begin(RUN)

    assert [run.name for run in load_runs(TARGET)] == [RUN, LATER]


def test_the_last_run_that_wrote_anything_is_the_one_to_undo() -> None:
    begin().end("done", ("done",))
    begin(LATER).end("failed", ("undone",))

    last = last_standing(load_runs(TARGET))

    assert last is not None
    assert last.name == RUN


def test_a_run_that_is_forgotten_is_not_there() -> None:
    begin().end("done", ("done",))
    forget_run(TARGET, RUN)

    with pytest.raises(RemoteMailcfgError, match="there is no run") as caught:
        find_run(TARGET, RUN)
    assert caught.value.code == "not-found"


def test_a_journal_that_cannot_be_written_stops_the_run(mocker: MockerFixture) -> None:
    journal = begin()
    mocker.patch("os.write", side_effect=OSError(28, "No space left on device"))
    sent: list[str] = []

    full = pytest.raises(RemoteMailcfgError, match="No space left")
    with full as caught, journal.step(0, "switch"):
        sent.append("write")

    assert caught.value.code == "journal-failed"
    assert sent == []
    with journal.step(0, "put-back"):  # cleaning up is not stopped by it
        sent.append("write")
    assert sent == ["write"]


def test_a_disk_that_takes_half_a_line_stops_the_run(mocker: MockerFixture) -> None:
    journal = begin()
    mocker.patch("os.write", return_value=3)

    with pytest.raises(RemoteMailcfgError, match="the disk is full"):
        journal.note(change=0, step="switch", state="intended")


@pytest.mark.parametrize("kind", ["instance", "inventory"])
def test_two_runs_on_one_machine_are_kept_apart(kind: str, tmp_path: Path) -> None:
    inventory = tmp_path / "instances.toml"
    held: Any = {
        "instance": lambda: changing_instance(TARGET),
        "inventory": lambda: changing_inventory(inventory),
    }[kind]

    with held(), pytest.raises(RemoteMailcfgError, match="another run") as caught, held():
        pass

    assert caught.value.code == "busy"
    with held():
        pass
