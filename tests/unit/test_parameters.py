from typing import Any

import pytest

from remote_mailcfg.instance.parameters import fetch_parameters, remove_parameter, set_parameter
from tests.fake_transport import Call, FakeTransport, make_instance

MODEL = "ir.config_parameter"


def answering(**answers: Any) -> FakeTransport:
    return FakeTransport(lambda call: answers[call.method])


def test_only_parameters_that_exist_are_returned() -> None:
    transport = answering(search_read=[{"id": 1, "key": "a", "value": "x"}])

    assert fetch_parameters(make_instance(transport), "a", "b") == {"a": "x"}
    assert transport.calls[0].domain == [["key", "in", ["a", "b"]]]


def test_a_parameter_that_exists_is_written() -> None:
    transport = answering(search=[4], write=True)

    set_parameter(make_instance(transport), "a", "x")

    assert [(call.name, call.ids, call.values) for call in transport.calls] == [
        (f"{MODEL}.search", (), {}),
        (f"{MODEL}.write", (4,), {"value": "x"}),
    ]


def test_a_parameter_that_does_not_exist_is_created() -> None:
    transport = answering(search=[], create=5)

    set_parameter(make_instance(transport), "a", "x")

    assert transport.calls[1].method == "create"
    assert transport.calls[1].values == {"key": "a", "value": "x"}


@pytest.mark.parametrize(
    ("found", "methods"),
    [
        pytest.param([4], ["search", "unlink"], id="unchanged"),
        pytest.param([], ["search"], id="changed-or-gone"),
    ],
)
def test_a_parameter_is_removed_only_while_it_has_the_value(
    found: list[int], methods: list[str]
) -> None:
    transport = answering(search=found, unlink=True)

    remove_parameter(make_instance(transport), "a", "x")

    assert [call.method for call in transport.calls] == methods
    assert transport.calls[0].domain == [["key", "=", "a"], ["value", "=", "x"]]


def test_a_call_is_made_in_english() -> None:
    languages: list[str] = []

    def function(call: Call) -> list[Any]:
        languages.append(call.params["context"]["lang"])
        return []

    fetch_parameters(make_instance(FakeTransport(function)), "a")

    assert languages == ["en_US"]
