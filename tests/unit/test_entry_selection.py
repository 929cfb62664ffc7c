"""Which instances a command talks to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.selection import choose_entries
from remote_mailcfg.errors import ConfigurationError

SINGLE = {"OPENSPP_URL": "https://single.example", "OPENSPP_LOGIN": "ann"}
FLEET = """
[defaults]
login = "ann"
[instances.north]
url = "https://north.example"
tags = ["country", "v2"]
[instances.south]
url = "https://south.example"
tags = ["country"]
[instances.training]
url = "https://training.example"
tags = ["lab"]
"""
ONE = '[instances.only]\nurl = "https://only.example"\nlogin = "ann"'

Choose = Callable[..., list[str]]


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Choose:
    """Return a function that chooses in an empty folder; it returns the names."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def choose_them(variables: dict[str, str] | None = None, **options: Any) -> list[str]:
        nothing: dict[str, Any] = {
            "env_file_given": False,
            "names": [],
            "tags": [],
            "everything": False,
            "inventory": None,
        }
        environment = Environment(variables or {}, {})
        return [it.target.name for it in choose_entries(environment, **(nothing | options)).entries]

    return choose_them


def write(text: str, path: str = "instances.toml") -> Path:
    Path(path).write_text(text)
    return Path(path)


# Nothing chosen


@pytest.mark.parametrize("inventory", [None, ONE, FLEET, "not = TOML ="])
def test_the_single_instance_of_the_environment_comes_first(
    inventory: str | None, choose: Choose
) -> None:
    if inventory:
        write(inventory)

    assert choose(SINGLE) == ["single.example"]


def test_the_environment_is_enough_where_the_variable_names_no_inventory(choose: Choose) -> None:
    assert choose(SINGLE | {"REMOTE_MAILCFG_INVENTORY": "no.toml"}) == ["single.example"]


def test_the_only_instance_of_the_inventory_needs_no_name(choose: Choose) -> None:
    write(ONE)

    assert choose() == ["only"]


def test_a_key_in_the_environment_alone_is_no_instance(choose: Choose) -> None:
    write(ONE)

    assert choose({"OPENSPP_API_KEY": "key", "OPENSPP_PASSWORD": "p"}) == ["only"]


@pytest.mark.parametrize("name", ["OPENSPP_URL", "OPENSPP_DB", "OPENSPP_LOGIN"])
def test_half_an_instance_in_the_environment_is_completed_not_passed_over(
    name: str, choose: Choose
) -> None:
    write(ONE)

    with pytest.raises(ConfigurationError, match=r"OPENSPP_(URL|LOGIN) is not set"):
        choose({name: "https://single.example"})


def test_an_env_file_that_was_given_describes_the_instance(choose: Choose) -> None:
    write(ONE)

    with pytest.raises(ConfigurationError, match="OPENSPP_URL is not set"):
        choose(env_file_given=True)


def test_an_inventory_that_was_given_stands_above_the_environment(choose: Choose) -> None:
    path = write(ONE, "other.toml")

    assert choose(SINGLE, inventory=path) == ["only"]
    assert choose(SINGLE, inventory=path, env_file_given=True) == ["only"]


def test_without_anything_the_variables_are_named(choose: Choose) -> None:
    with pytest.raises(ConfigurationError, match="OPENSPP_URL is not set"):
        choose()


def test_several_instances_are_named_to_choose_from(choose: Choose) -> None:
    write(FLEET)

    with pytest.raises(ConfigurationError) as caught:
        choose()

    assert caught.value.message == "which instance? instances.toml has north, south, training"
    assert "--instance NAME, --tag TAG or --all" in caught.value.hint


def test_of_very_many_instances_some_are_named(choose: Choose) -> None:
    lines = (f'instances.n{number}.url = "https://n{number}"' for number in range(1000))
    write('defaults.login = "ann"\n' + "\n".join(lines))

    with pytest.raises(ConfigurationError, match=r"n8, n9 and 990 more$"):
        choose()


# Chosen


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        pytest.param({"names": ["south"]}, ["south"], id="one"),
        pytest.param({"names": ["training", "north"]}, ["training", "north"], id="order"),
        pytest.param({"names": ["south", "south"]}, ["south"], id="twice"),
        pytest.param({"tags": ["country"]}, ["north", "south"], id="tag"),
        pytest.param({"tags": ["lab", "v2"]}, ["north", "training"], id="one-of-the-tags"),
        pytest.param(
            {"names": ["training", "south"], "tags": ["country"]},
            ["training", "south", "north"],
            id="names-and-tags",
        ),
        pytest.param({"everything": True}, ["north", "south", "training"], id="all"),
    ],
)
@pytest.mark.parametrize("variables", [{}, SINGLE], ids=["empty", "environment"])
def test_instances_are_chosen(
    options: dict[str, Any], chosen: list[str], variables: dict[str, str], choose: Choose
) -> None:
    write(FLEET)

    assert choose(variables, **options) == chosen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {"names": ["nort"]},
            "instances.toml has no instance nort; did you mean north?",
            id="near",
        ),
        pytest.param(
            {"names": ["x"]},
            "instances.toml has no instance x: it has north, south, training",
            id="far",
        ),
        pytest.param(
            {"tags": ["city"]},
            "instances.toml has no instance with the tag city; its tags: country, lab, v2",
            id="tag",
        ),
        pytest.param(
            {"names": ["north", "sout"], "tags": ["city"]},
            "instances.toml has no instance sout; did you mean south?\n"
            "instances.toml has no instance with the tag city; its tags: country, lab, v2",
            id="all-at-once",
        ),
    ],
)
def test_what_is_not_in_the_inventory_is_named(
    options: dict[str, Any], message: str, choose: Choose
) -> None:
    write(FLEET)

    with pytest.raises(ConfigurationError) as caught:
        choose(**options)

    assert caught.value.message == message
    assert caught.value.code == "configuration"


def test_an_inventory_without_tags_says_so(choose: Choose) -> None:
    write(ONE)

    with pytest.raises(ConfigurationError, match=r"its tags: none$"):
        choose(tags=["x"])


@pytest.mark.parametrize("options", [{"names": ["north"]}, {"tags": ["lab"]}])
def test_all_does_not_go_with_a_choice(options: dict[str, Any], choose: Choose) -> None:
    write(FLEET)

    with pytest.raises(ConfigurationError, match=r"^--all is given together with"):
        choose(everything=True, **options)


@pytest.mark.parametrize("options", [{"names": ["a"]}, {"tags": ["b"]}, {"everything": True}])
def test_without_an_inventory_it_says_where_it_looked(
    options: dict[str, Any], choose: Choose, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose(SINGLE, **options)

    assert caught.value.message == (
        "there is no inventory: no instances.toml in this folder, REMOTE_MAILCFG_INVENTORY is not"
        f" set, and no {tmp_path}/config/remote-mailcfg/instances.toml"
    )
    assert "remote-mailcfg instance add NAME" in caught.value.hint


def test_an_empty_inventory_is_an_error(choose: Choose) -> None:
    write("")

    with pytest.raises(ConfigurationError, match="there is no instance in it"):
        choose(everything=True)
