from typing import Any

from remote_mailcfg.instance.parameters import (
    create_parameter,
    fetch_parameters,
    unlink_parameters,
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


def test_parameters_are_made_changed_and_removed() -> None:
    transport = answering(create=4, write=True, unlink=True)
    instance = make_instance(transport)

    create_parameter(instance, "a", "x")
    write_parameter(instance, 4, "y")
    unlink_parameters(instance, 4, 5)

    assert [(call.name, call.ids, call.values) for call in transport.calls] == [
        (f"{MODEL}.create", (), {"key": "a", "value": "x"}),
        (f"{MODEL}.write", (4,), {"value": "y"}),
        (f"{MODEL}.unlink", (4, 5), {}),
    ]


def test_a_call_is_made_in_english() -> None:
    languages: list[str] = []

    def function(call: Call) -> list[Any]:
        languages.append(call.params["context"]["lang"])
        return []

    fetch_parameters(make_instance(FakeTransport(function)), "a")

    assert languages == ["en_US"]
