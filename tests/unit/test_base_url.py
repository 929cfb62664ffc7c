from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remote_mailcfg.instance.base_url import (
    FREEZE,
    PREFIX,
    is_ours,
    new_mark,
    remove_freeze,
    set_freeze,
)
from remote_mailcfg.instance.instance import Instance
from tests.fake_transport import Call, FakeTransport, make_instance


class Parameters:
    """The system parameters of an instance, as a table of values by key."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def __call__(self, call: Call) -> Any:
        match call.method:
            case "search_read":
                return [{"id": 1, "value": v} for v in self.values.values()]
            case "create":
                self.values = {call.values["key"]: call.values["value"]}
            case "write":
                self.values[FREEZE] = call.values["value"]
            case "unlink":
                self.values.clear()
        return True


def make(**values: str) -> tuple[Instance, Parameters]:
    parameters = Parameters(**values)
    return make_instance(FakeTransport(parameters)), parameters


def mark_of(age: timedelta) -> str:
    return PREFIX + (datetime.now(UTC) - age).isoformat()


def test_a_freeze_is_set_and_removed() -> None:
    instance, parameters = make()
    mark = new_mark()

    set_freeze(instance, mark)
    assert parameters.values == {FREEZE: mark}

    remove_freeze(instance, mark)
    assert parameters.values == {}


def test_a_login_within_that_of_another_machine_leaves_its_freeze() -> None:
    theirs, mine = mark_of(timedelta(seconds=5)), new_mark()
    instance, parameters = make(**{FREEZE: theirs})

    set_freeze(instance, mine)
    remove_freeze(instance, mine)

    assert parameters.values == {FREEZE: theirs}


def test_the_freeze_of_a_login_long_ago_goes_with_the_next_one() -> None:
    mine = new_mark()
    instance, parameters = make(**{FREEZE: mark_of(timedelta(minutes=11))})

    set_freeze(instance, mine)
    remove_freeze(instance, mine)

    assert parameters.values == {}


@pytest.mark.parametrize("freeze", ["True", mark_of(timedelta(0))], ids=["administrators", "other"])
def test_a_freeze_without_our_mark_stays(freeze: str) -> None:
    instance, parameters = make(**{FREEZE: freeze})

    remove_freeze(instance, new_mark())

    assert parameters.values == {FREEZE: freeze}


def test_our_freeze_is_told_from_that_of_the_administrators() -> None:
    assert is_ours(new_mark())
    assert not is_ours("True")
