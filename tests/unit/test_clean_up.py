"""A call that fails, whatever with: a run cleans up, or stays open, and says what it left."""

from collections.abc import Callable, Collection
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from remote_mailcfg.apply.recovery import recover
from remote_mailcfg.errors import OdooError, RemoteMailcfgError, TransportError
from remote_mailcfg.model.mail_server import BACKUP_PREFIX
from remote_mailcfg.secret import Secret
from remote_mailcfg.store.runs import load_runs
from tests.apply_stage import (
    SCENES,
    Breaking,
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
    make_instance,
)

ERRORS: dict[str, tuple[Callable[[], BaseException], bool]] = {
    "refused": (lambda: OdooError("refused-by-odoo", "no"), False),
    "timeout-before": (lambda: TransportError("timeout", "no answer within 90 s"), False),
    "timeout-after": (lambda: TransportError("timeout", "no answer within 90 s"), True),
    "interrupt-before": (KeyboardInterrupt, False),
    "interrupt-after": (KeyboardInterrupt, True),
    "bug-before": (TypeError, False),
    "bug-after": (TypeError, True),
    "memory-after": (MemoryError, True),
}
ENDINGS = (RemoteMailcfgError, KeyboardInterrupt, TypeError, MemoryError)


def calls_of(scene: Callable[[], Stage]) -> list[Call]:
    """Return the calls of a scene in which nothing fails, its journal out of the way."""
    stage = scene()
    with TemporaryDirectory() as state, pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_STATE_HOME", state)
        stage.carry_out()
    return stage.transport.calls


def failures(*, without: str = "", errors: Collection[str] = ERRORS) -> list[Any]:
    """Return each call of each scene with each error."""
    rows = []
    for scene_name, scene in SCENES.items():
        if scene_name == without:
            continue
        for index, call in enumerate(calls_of(scene)):
            for error_name in errors:
                error, done = ERRORS[error_name]
                name = f"{scene_name}-{index}-{call.method}-{error_name}"
                rows.append(pytest.param(scene, index, error, done, id=name))
    return rows


def carry_out_broken(
    scene: Callable[[], Stage],
    index: int,
    error: Callable[[], BaseException],
    *,
    done: bool,
    every: bool = False,
) -> tuple[Stage, BaseException | None]:
    """Carry out a scene in which a call fails; return it and what it ended with."""
    stage = scene()
    stage.transport = FakeTransport(Breaking(stage.table, index, error, done, every))
    try:
        stage.carry_out()
    except ENDINGS as ended:
        return stage, ended
    return stage, None


def check_said(text: str, stage: Stage, ended: BaseException | None) -> None:
    """Check that the user reads this: in the error's hint, or, after an interruption, in a note."""
    if isinstance(ended, RemoteMailcfgError):
        assert text in ended.hint
    else:
        assert any(text in note for note in stage.progress.notes)


@pytest.mark.parametrize(("scene", "index", "error", "done"), failures())
def test_no_failing_call_leaves_an_unproved_server_or_none(
    scene: Callable[[], Stage],
    index: int,
    error: Callable[[], BaseException],
    done: bool,  # noqa: FBT001 - a row's value
) -> None:
    stage, _ = carry_out_broken(scene, index, error, done=done)

    check_promise(stage)


@pytest.mark.parametrize(("scene", "index", "error", "done"), failures())
def test_a_failing_call_leaves_no_candidate_or_says_so(
    scene: Callable[[], Stage],
    index: int,
    error: Callable[[], BaseException],
    done: bool,  # noqa: FBT001 - a row's value
) -> None:
    stage, ended = carry_out_broken(scene, index, error, done=done)

    if stage.candidates:
        check_said("may be left", stage, ended)


@pytest.mark.parametrize(
    ("scene", "index", "error", "done"),
    failures(without="update-gmail"),
)
def test_an_instance_that_goes_away_keeps_the_promise(
    scene: Callable[[], Stage],
    index: int,
    error: Callable[[], BaseException],
    done: bool,  # noqa: FBT001 - a row's value
) -> None:
    stage, _ = carry_out_broken(scene, index, error, done=done, every=True)

    check_promise(stage)


def check_open_or_clean(stage: Stage, ended: BaseException | None) -> None:
    """Check that what a run left keeps it open and is said, and that recovery puts it right."""
    runs = load_runs(TARGET)
    if ended is None or not runs:
        assert stage.candidates == []
        return
    if runs[0].state == "cut off":
        told = [*stage.progress.notes, getattr(ended, "hint", "")]
        left = ("may be left", "could not be put back", "could not be noted")
        assert any(text in line for line in told for text in left)
        instance = make_instance(FakeTransport(stage.table))
        recover(instance, stage.table.capabilities, stage.progress, runs[0])
    (run,) = load_runs(TARGET)
    assert run.state in {"done", "failed"}
    assert stage.candidates == []
    assert stage.table.actions == {}
    if run.changes[0].outcome != "done":
        assert stage.table.rows == stage.started


@pytest.mark.parametrize(
    ("scene", "index", "error", "done"), failures(errors=["refused", "bug-before", "bug-after"])
)
@pytest.mark.parametrize("every", [False, True], ids=["once", "from-then-on"])
def test_what_a_failing_call_leaves_keeps_the_run_open(
    scene: Callable[[], Stage],
    index: int,
    error: Callable[[], BaseException],
    *,
    done: bool,
    every: bool,
) -> None:
    stage, ended = carry_out_broken(scene, index, error, done=done, every=every)

    check_open_or_clean(stage, ended)


#: What a wrong answer can end with where nothing checked its shape.
MISTAKES = (TypeError, ValueError, LookupError, AttributeError)


def wrong_answers() -> list[Any]:
    """Return each call of each scene with answers that it does not have, once and from then on."""
    answers: list[tuple[Any, bool]] = [(None, False), ("x", False), ([{}], False)]
    answers += [(None, True), ([{}], True)]
    return [
        pytest.param(scene, index, answer, every, id=f"{name}-{index}-{answer!r}-{every}")
        for name, scene in SCENES.items()
        for index, _call in enumerate(calls_of(scene))
        for answer, every in answers
    ]


@pytest.mark.parametrize(("scene", "index", "answer", "every"), wrong_answers())
def test_what_a_wrong_answer_leaves_keeps_the_run_open(
    scene: Callable[[], Stage],
    index: int,
    answer: Any,
    *,
    every: bool,
) -> None:
    stage = scene()
    count = -1

    def mistake(call: Call) -> Any:
        nonlocal count
        count += 1
        right = stage.table(call)
        return answer if count == index or (every and count > index) else right

    stage.transport = FakeTransport(mistake)
    ended: BaseException | None = None
    try:
        stage.carry_out()
    except (RemoteMailcfgError, *MISTAKES) as error:
        ended = error

    check_open_or_clean(stage, ended)


def test_a_bug_while_it_cleans_up_is_not_hidden_and_what_failed_first_is_said() -> None:
    stage = updating(failure=refuse_everything)

    def forget(call: Call) -> Any:
        if call.method == "search_read" and stage.candidates:
            raise TypeError
        return stage.table(call)

    stage.transport = FakeTransport(forget)

    with pytest.raises(TypeError):
        stage.carry_out()

    (run,) = load_runs(TARGET)
    assert run.state == "cut off"
    notes = " ".join(stage.progress.notes)
    assert "may be left (TypeError)" in notes
    assert "the test of 'Live' failed (refused)" in notes


@pytest.mark.parametrize("error", [TransportError("timeout", "no answer"), KeyboardInterrupt()])
def test_the_backup_of_a_server_that_may_be_removed_is_kept(error: BaseException) -> None:
    stage = Stage(MailServerTable(live_row()), "delete", {}, keeps_backups=True)

    def lose_the_answer(call: Call) -> Any:
        answered = stage.table(call)
        if call.method == "unlink" and call.ids == (7,):
            raise error
        return answered

    stage.transport = FakeTransport(lose_the_answer)

    with pytest.raises(type(error)):
        stage.carry_out()

    (backup,) = stage.table.rows.values()
    assert backup["smtp_pass"] == "0ld"
    (run,) = load_runs(TARGET)
    assert run.state == "cut off"
    recover(
        make_instance(FakeTransport(stage.table)),
        stage.table.capabilities,
        stage.progress,
        run,
    )
    (run,) = load_runs(TARGET)
    assert (run.state, run.backups) == ("done", {backup["id"]: 7})


@pytest.mark.parametrize("index", range(1, 5))
@pytest.mark.parametrize("error", ["refused", "timeout-before"])
def test_a_token_server_that_cannot_be_put_back_is_told(index: int, error: str) -> None:
    stage, ended = carry_out_broken(
        SCENES["update-gmail"], index, ERRORS[error][0], done=False, every=True
    )

    assert stage.live["from_filter"] == "example.org"
    check_said("could not be put back", stage, ended)


def test_a_candidate_that_cannot_be_removed_is_told_beside_the_failed_test() -> None:
    stage = updating(failure=refuse_everything)
    stage.transport = FakeTransport(lambda c: c.method == "unlink" or stage.table(c))

    error = stage.fail()

    assert len(stage.candidates) == 1
    assert "An archived record of run" in error.hint


def test_a_candidate_that_cannot_be_removed_in_the_end_is_an_error() -> None:
    stage = updating()
    stage.transport = FakeTransport(lambda c: c.method == "unlink" or stage.table(c))

    error = stage.fail(code="not-verified")

    assert error.message == "a record of this run could not be removed"
    assert error.hint.startswith("The change itself is made and read back. An archived record")
    assert stage.live["smtp_host"] == "new.example.org"


def test_a_backup_that_could_not_be_put_back_is_kept_and_named() -> None:
    stage = updating({"smtp_pass": Secret("n3w")})
    stage.test = False

    def fail(call: Call) -> Any:
        if call.model == "ir.actions.server" or call.name == f"{SERVERS}.search_count":
            raise OdooError("refused-by-odoo", "no")
        return stage.table(call)

    stage.transport = FakeTransport(fail)

    error = stage.fail(code="refused-by-odoo")

    assert "Its old state is kept in the archived record 8" in error.hint
    assert stage.table.rows[8]["smtp_pass"] == "0ld"
    assert str(stage.table.rows[8]["name"]).startswith(BACKUP_PREFIX)
