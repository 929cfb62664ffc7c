from typing import Any

from remote_mailcfg.instance.parameters import (
    fetch_parameters,
    find_parameter,
    write_parameter,
)
from tests.fake_transport import Call, FakeTransport, make_instance

MODEL = "ir.config_parameter"


def answering(**answers: Any) -> FakeTransport:
    return FakeTransport(lambda call: answers[call.method])


def test_only_parameters_that_exist_are_returned() -> None:
    transport = answering(search_read=[{"id": 1, "key": "a", "value": "x"}])

    assert fetch_parameters(make_instance(transport), "a", "b") == {"a": "x"}
    assert transport.calls[0].domain == [["key", "in", ["a", "b"]]]


def test_a_parameter_is_found_with_its_id() -> None:
    assert find_parameter(make_instance(answering(search_read=[{"id": 4, "value": "x"}])), "a") == (
        4,
        "x",
    )


def test_a_parameter_that_does_not_exist_is_not_found() -> None:
    assert find_parameter(make_instance(answering(search_read=[])), "a") is None


def test_a_parameter_that_was_found_is_written() -> None:
    transport = answering(write=True)

    write_parameter(make_instance(transport), "a", (4, "old"), "x")

    assert [(call.name, call.ids, call.values) for call in transport.calls] == [
        (f"{MODEL}.write", (4,), {"value": "x"}),
    ]


def test_a_parameter_that_was_not_found_is_created() -> None:
    transport = answering(create=5)

    write_parameter(make_instance(transport), "a", None, "x")

    assert transport.calls[0].values == {"key": "a", "value": "x"}


def test_a_call_is_made_in_english() -> None:
    languages: list[str] = []

    def function(call: Call) -> list[Any]:
        languages.append(call.params["context"]["lang"])
        return []

    fetch_parameters(make_instance(FakeTransport(function)), "a")

    assert languages == ["en_US"]
