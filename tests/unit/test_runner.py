import copyreg
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tblib.pickling_support

from remote_mailcfg.config.entry import Entry
from remote_mailcfg.errors import LoginError, RemoteMailcfgError, TransportError
from remote_mailcfg.fleet.executors import open_executor
from remote_mailcfg.fleet.runner import Credentials, Outcome, attempt, run_on
from remote_mailcfg.model.target import Target

REFUSED = LoginError("authentication-failed", "no")
GONE = TransportError("unreachable", "nobody there")


def entry_of(name: str, address: str = "") -> Entry:
    """Return an instance; those with one address share their credential."""
    url = f"https://{address or name}.example/{name}"
    target = Target(name=name, url=url, login="admin")
    return Entry(target=target, references=(("password", "env:PASSWORD"),), folder=Path())


ENTRIES = [entry_of(name) for name in ("one", "two", "three")]
SHARED = [entry_of(name, "shared") for name in ("a", "b", "c", "d")]


@pytest.fixture
def here() -> Iterator[Executor]:
    with open_executor("", 1) as executor:
        yield executor


def in_order(
    entries: list[Entry], work: Callable[[Entry], str], executor: Executor
) -> list[Outcome[str]]:
    done = dict(run_on(entries, work, executor, Credentials(), at_once=4))
    return [done[number] for number in range(len(entries))]


def test_every_instance_answers_in_its_place(here: Executor) -> None:
    outcomes = in_order(ENTRIES, lambda entry: entry.target.name.upper(), here)

    assert [it.result for it in outcomes] == ["ONE", "TWO", "THREE"]
    assert [it.target for it in outcomes] == [it.target for it in ENTRIES]


def test_a_failure_is_a_value_and_the_others_still_run(here: Executor) -> None:
    def fail_in_the_middle(entry: Entry) -> str:
        if entry.target.name == "two":
            raise REFUSED
        return entry.target.name

    outcomes = in_order(ENTRIES, fail_in_the_middle, here)

    assert [it.result for it in outcomes] == ["one", None, "three"]
    assert outcomes[1].error is REFUSED


def test_a_bug_is_a_value_that_tells_where_and_not_what(here: Executor) -> None:
    def crash_first(entry: Entry) -> str:
        if entry.target.name == "one":
            raise ZeroDivisionError("s3cret")
        return entry.target.name

    outcomes = in_order(ENTRIES, crash_first, here)

    assert outcomes[0].crash is not None
    assert "ZeroDivisionError" in outcomes[0].crash
    assert "test_runner.py" in outcomes[0].crash
    assert "s3cret" not in outcomes[0].crash
    assert [it.result for it in outcomes[1:]] == ["two", "three"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_nobodys_failure(
    here: Executor, interruption: type[BaseException]
) -> None:
    def interrupt(_entry: Entry) -> str:
        raise interruption

    with pytest.raises(interruption):
        in_order(ENTRIES, interrupt, here)


def test_instances_run_at_once() -> None:
    together = threading.Barrier(3, timeout=10)

    def wait_for_the_others(entry: Entry) -> str:
        together.wait()
        return entry.target.name

    with ThreadPoolExecutor(3) as executor:
        outcomes = in_order(ENTRIES, wait_for_the_others, executor)

    assert [it.result for it in outcomes] == ["one", "two", "three"]


def test_an_outcome_is_there_as_soon_as_its_instance_is_done() -> None:
    last = threading.Event()

    def hold_the_first(entry: Entry) -> str:
        if entry.target.name == "one":
            assert last.wait(10)
        return entry.target.name

    with ThreadPoolExecutor(3) as executor:
        names = []
        for _number, outcome in run_on(ENTRIES, hold_the_first, executor, Credentials(), at_once=4):
            names.append(outcome.target.name)
            if len(names) == 2:
                last.set()

    assert sorted(names[:2]) == ["three", "two"]
    assert names[2] == "one"


def test_a_refused_credential_is_not_tried_again() -> None:
    tried: list[str] = []

    def refuse(entry: Entry) -> str:
        tried.append(entry.target.name)
        raise REFUSED

    with ThreadPoolExecutor(4) as executor:
        outcomes = in_order(SHARED, refuse, executor)

    assert tried == ["a"]
    errors = [it.error for it in outcomes if it.error]
    assert [it.code for it in errors] == ["authentication-failed"] * 4
    assert all("not tried: a, at the same address" in it.message for it in errors[1:])


def test_a_refused_credential_stays_refused_for_the_rest_of_the_run(here: Executor) -> None:
    tried: list[str] = []

    def refuse(entry: Entry) -> str:
        tried.append(entry.target.name)
        raise REFUSED

    credentials = Credentials()
    first = [it for _, it in run_on(SHARED[:1], refuse, here, credentials, at_once=1)]
    second = [it for _, it in run_on(SHARED[1:], refuse, here, credentials, at_once=1)]

    assert tried == ["a"]
    assert [it.error is not None for it in first + second] == [True] * 4


def test_as_long_as_nobody_knows_a_credential_is_tried_one_at_a_time() -> None:
    running = 0
    most = 0
    lock = threading.Lock()

    def be_away(_entry: Entry) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1
        raise GONE

    with ThreadPoolExecutor(4) as executor:
        outcomes = in_order(SHARED, be_away, executor)

    assert most == 1
    assert [it.error for it in outcomes] == [GONE] * 4


@pytest.mark.parametrize(
    "answer", [None, RemoteMailcfgError("in-use", "…")], ids=["result", "later-error"]
)
def test_once_a_credential_let_one_in_the_others_run_at_once(
    answer: RemoteMailcfgError | None,
) -> None:
    together = threading.Barrier(3, timeout=10)

    def log_in(entry: Entry) -> str:
        if entry.target.name != "a":
            together.wait()
        elif answer:
            raise answer
        return entry.target.name

    with ThreadPoolExecutor(4) as executor:
        outcomes = in_order(SHARED, log_in, executor)

    assert [it.result for it in outcomes[1:]] == ["b", "c", "d"]


def test_no_instance_is_no_outcome(here: Executor) -> None:
    assert in_order([], lambda _entry: "", here) == []


def test_one_worker_tells_each_outcome_before_the_next_is_begun(here: Executor) -> None:
    begun: list[str] = []

    def note(entry: Entry) -> None:
        begun.append(entry.target.name)

    next(run_on(ENTRIES, note, here, Credentials(), at_once=1))

    assert begun == ["one"]


@pytest.mark.parametrize(
    ("lost", "code"),
    [
        (CancelledError(), "unreachable"),
        (TransportError("unreachable", "the worker is gone"), "unreachable"),
        (TypeError("cannot pickle"), None),
    ],
    ids=["cancelled", "lost", "not-picklable"],
)
def test_what_is_lost_with_its_worker_is_told_in_its_place(
    lost: BaseException, code: str | None
) -> None:
    class Losing(Executor):
        """Loses the second call."""

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            if args[1].target.name == "two":
                future.set_exception(lost)
            else:
                future.set_result(fn(*args, **kwargs))
            return future

    outcomes = in_order(ENTRIES, lambda entry: entry.target.name, Losing())

    assert [it.result for it in outcomes] == ["one", None, "three"]
    assert (outcomes[1].error.code if outcomes[1].error else None) == code
    assert (outcomes[1].crash is not None) == (code is None)


def test_an_error_travels_without_the_foreign_one_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dask's library pickles exceptions together with what they were raised from."""
    with_context = tblib.pickling_support.pickle_exception
    monkeypatch.setitem(copyreg.dispatch_table, LoginError, with_context)
    monkeypatch.setitem(copyreg.dispatch_table, ValueError, with_context)

    def work(_entry: Entry) -> str:
        try:
            return str(int("c4nary"))
        except ValueError:
            raise LoginError("authentication-failed", "no") from None

    outcome = attempt(work, ENTRIES[0])

    assert b"authentication-failed" in pickle.dumps(outcome)
    assert b"c4nary" not in pickle.dumps(outcome)
