import pytest

from remote_mailcfg.errors import LoginError
from remote_mailcfg.fleet.runner import Outcome, run_on
from remote_mailcfg.model.target import Target

TARGETS = [Target(name=name, url=f"https://{name}.example") for name in ("one", "two", "three")]


def test_every_target_answers_in_its_place() -> None:
    outcomes = list(run_on(TARGETS, lambda target: target.name.upper()))

    assert outcomes == [
        Outcome(TARGETS[0], result="ONE"),
        Outcome(TARGETS[1], result="TWO"),
        Outcome(TARGETS[2], result="THREE"),
    ]


def test_a_failure_is_a_value_and_the_others_still_run() -> None:
    failure = LoginError("authentication-failed", "no")

    def fail_in_the_middle(target: Target) -> str:
        if target.name == "two":
            raise failure
        return target.name

    assert list(run_on(TARGETS, fail_in_the_middle)) == [
        Outcome(TARGETS[0], result="one"),
        Outcome(TARGETS[1], error=failure),
        Outcome(TARGETS[2], result="three"),
    ]


def test_a_bug_is_a_value_of_its_own_and_the_others_still_run() -> None:
    bug = ZeroDivisionError("a bug")

    def crash_first(target: Target) -> str:
        if target.name == "one":
            raise bug
        return target.name

    assert list(run_on(TARGETS[:2], crash_first)) == [
        Outcome(TARGETS[0], crash=bug),
        Outcome(TARGETS[1], result="two"),
    ]


def test_an_outcome_is_there_before_the_next_target_is_begun() -> None:
    begun: list[str] = []

    def note(target: Target) -> None:
        begun.append(target.name)

    next(run_on(TARGETS, note))

    assert begun == ["one"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_stops_the_run(interruption: type[BaseException]) -> None:
    def interrupt(_target: Target) -> None:
        raise interruption

    with pytest.raises(interruption):
        list(run_on(TARGETS, interrupt))


def test_no_targets_have_no_outcomes() -> None:
    assert list(run_on([], str)) == []
