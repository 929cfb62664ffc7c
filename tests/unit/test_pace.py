import threading
from collections.abc import Callable
from queue import Queue

import pytest

from remote_mailcfg.rpc.pace import Pace, pace_of, when_to_try_again
from tests.stopped_clock import StoppedClock

DEADLINE_SECONDS = 10
FOREVER = float("inf")


class Waiting:
    """A clock that the test moves; `asked` counts up whenever a thread waits."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.asked = threading.Semaphore(0)
        self.pace = Pace(now=lambda: self.seconds, wait=self._wait)

    def _wait(self, condition: threading.Condition, _seconds: float | None) -> None:
        self.asked.release()
        assert condition.wait(DEADLINE_SECONDS)

    def until_it_waits(self) -> None:
        assert self.asked.acquire(timeout=DEADLINE_SECONDS)

    def move(self, seconds: float) -> None:
        self.seconds += seconds
        self.pace.hold(0)  # which wakes who waits


def turns(clock: StoppedClock, pace: Pace, count: int) -> list[float]:
    """Return when each of so many requests started, in seconds after the first."""
    starts = []
    for _ in range(count):
        assert pace.wait_turn(FOREVER) == 0
        starts.append(clock.now())
    return [it - starts[0] for it in starts]


def test_without_an_interval_nothing_waits() -> None:
    clock = StoppedClock()

    assert turns(clock, clock.pace(), 3) == [0, 0, 0]
    assert clock.waits == []


def test_the_interval_lies_between_two_starts() -> None:
    clock = StoppedClock()
    pace = clock.pace()
    pace.slow_to(1.5)

    assert turns(clock, pace, 3) == [0, 1.5, 3]


def test_time_that_passed_anyway_counts() -> None:
    clock = StoppedClock()
    pace = clock.pace()
    pace.slow_to(1.5)
    pace.wait_turn(FOREVER)
    clock.seconds += 1
    pace.wait_turn(FOREVER)

    assert clock.waits == [0.5]


@pytest.mark.parametrize("intervals", [(2, 1, 0), (0, 1, 2)], ids=["first", "last"])
def test_the_largest_interval_counts(intervals: tuple[float, ...]) -> None:
    clock = StoppedClock()
    pace = clock.pace()
    for it in intervals:
        pace.slow_to(it)

    assert turns(clock, pace, 2) == [0, 2]


def test_an_interval_that_is_learnt_later_counts_from_the_last_start() -> None:
    clock = StoppedClock()
    pace = clock.pace()
    pace.wait_turn(FOREVER)
    pace.slow_to(3)
    pace.wait_turn(FOREVER)

    assert clock.waits == [3]


def test_a_host_that_is_held_is_left_alone_for_so_long() -> None:
    clock = StoppedClock()
    pace = clock.pace()
    pace.hold(30)
    pace.wait_turn(FOREVER)

    assert clock.waits == [30]


def test_the_longer_of_two_holds_counts() -> None:
    clock = StoppedClock()
    pace = clock.pace()
    pace.hold(30)
    pace.hold(10)
    pace.wait_turn(FOREVER)

    assert clock.waits == [30]


@pytest.mark.parametrize(
    ("patience", "answer", "waits"),
    [
        pytest.param(29, 30, [], id="not-enough"),
        pytest.param(30, 0, [30], id="enough"),
    ],
)
def test_who_has_no_time_for_a_hold_is_told_at_once(
    patience: float, answer: float, waits: list[float]
) -> None:
    clock = StoppedClock()
    pace = clock.pace()
    pace.hold(30)

    assert pace.wait_turn(clock.now() + patience) == answer
    assert clock.waits == waits


def test_an_interval_is_waited_for_whatever_time_is_left() -> None:
    clock = StoppedClock()
    pace = clock.pace()
    pace.slow_to(60)
    pace.wait_turn(FOREVER)

    assert pace.wait_turn(clock.now() + 1) == 0


# Several threads


def test_turns_are_taken_in_the_order_of_asking() -> None:
    waiting = Waiting()
    pace = waiting.pace
    pace.slow_to(5)
    pace.hold(5)
    served: Queue[int] = Queue()

    def ask(number: int) -> Callable[[], None]:
        return lambda: served.put(number) if pace.wait_turn(FOREVER) == 0 else None

    threads = [threading.Thread(target=ask(number)) for number in range(3)]
    for thread in threads:
        thread.start()
        waiting.until_it_waits()
    for number in range(3):
        waiting.move(5)
        assert served.get(timeout=DEADLINE_SECONDS) == number
    for thread in threads:
        thread.join(DEADLINE_SECONDS)


def test_who_waits_is_told_of_a_hold_that_is_too_long_for_it() -> None:
    waiting = Waiting()
    pace = waiting.pace
    pace.hold(5)
    told: Queue[float] = Queue()
    thread = threading.Thread(target=lambda: told.put(pace.wait_turn(waiting.seconds + 10)))
    thread.start()
    waiting.until_it_waits()
    pace.hold(60)

    assert told.get(timeout=DEADLINE_SECONDS) == 60
    thread.join(DEADLINE_SECONDS)


def test_who_gives_up_stands_in_nobodys_way() -> None:
    def interrupted(_condition: threading.Condition, _seconds: float | None) -> None:
        clock.seconds += 60
        raise KeyboardInterrupt

    clock = StoppedClock()
    pace = Pace(now=clock.now, wait=interrupted)
    pace.hold(60)
    with pytest.raises(KeyboardInterrupt):
        pace.wait_turn(FOREVER)

    assert pace.wait_turn(FOREVER) == 0


# One pace a host


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("https://erp.example/one", "https://erp.example/two", id="prefixes"),
        pytest.param("https://erp.example", "https://ERP.example:443", id="the-usual-port"),
        pytest.param("http://erp.example:80", "http://erp.example", id="the-usual-port-of-http"),
    ],
)
def test_instances_behind_one_host_share_its_pace(one: str, other: str) -> None:
    assert pace_of(one) is pace_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("https://one.example", "https://two.example", id="host"),
        pytest.param("http://erp.example:8069", "http://erp.example:8070", id="port"),
        pytest.param("http://erp.example:8080", "http://erp.example:80", id="port-that-ends-alike"),
        pytest.param("http://erp.example", "https://erp.example", id="scheme"),
    ],
)
def test_another_host_has_its_own(one: str, other: str) -> None:
    assert pace_of(one) is not pace_of(other)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        pytest.param(30, "Try again in 30 s.", id="seconds"),
        pytest.param(0.2, "Try again in 1 s.", id="part-of-a-second"),
        pytest.param(0, "Try again in 1 s.", id="at-once"),
        pytest.param(None, "Wait a minute and try again.", id="unknown"),
    ],
)
def test_a_hint_says_when_to_try_again(seconds: float | None, words: str) -> None:
    assert when_to_try_again(seconds).startswith(words)
