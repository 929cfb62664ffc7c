import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest

from remote_mailcfg.model.target import Target
from remote_mailcfg.secret import Secret

CANARY = "ca:nary-9bd1"
SECRET = Secret(CANARY)
TARGET = Target(name="spp", url="https://spp.example", password=SECRET)


def test_a_secret_is_revealed_on_request() -> None:
    assert SECRET.reveal() == CANARY


@pytest.mark.parametrize(
    "show",
    [str, repr, "{}".format, "%s".__mod__, "%r".__mod__, ascii],
    ids=["str", "repr", "format", "percent-s", "percent-r", "ascii"],
)
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(SECRET, id="itself"),
        pytest.param([SECRET], id="in-a-list"),
        pytest.param({"password": SECRET}, id="in-a-dictionary"),
        pytest.param(TARGET, id="in-a-target"),
        pytest.param(ValueError(SECRET), id="in-an-exception"),
    ],
)
def test_no_text_shows_a_secret(value: object, show: Callable[[object], str]) -> None:
    assert CANARY not in show(value)


def test_a_secret_has_no_length_and_no_parts() -> None:
    assert not {"__len__", "__iter__", "__getitem__", "__dict__"} & set(dir(SECRET))


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps, copy.deepcopy])
@pytest.mark.parametrize("value", [SECRET, {"password": SECRET}], ids=["itself", "inside"])
def test_a_secret_is_not_written_anywhere(value: object, write: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as caught:
        write(value)

    assert CANARY not in str(caught.value)


def test_a_target_with_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="a secret is not pickled"):
        pickle.dumps(TARGET)


def test_a_target_is_changed_with_its_secret() -> None:
    assert replace(TARGET, database="openspp").password is SECRET


def test_secrets_are_compared_by_what_they_hold() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("ключ") == Secret("ключ")


def test_a_secret_is_not_its_text() -> None:
    assert Secret("a") != "a"


def test_a_secret_is_no_dictionary_key() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(SECRET)
