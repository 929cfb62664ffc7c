"""A new instance in an inventory leaves all else as it is."""

import tomllib
from pathlib import Path

import pytest
import tomlkit
from pytest_mock import MockerFixture

from remote_mailcfg.config.inventory import load_inventory
from remote_mailcfg.config.inventory_edit import (
    Present,
    Value,
    add_instance,
    check_value,
    load_present,
)
from remote_mailcfg.config.secrets import KINDS
from remote_mailcfg.errors import ConfigurationError
from tests.canaries import PASSWORD, leaks, texts_of

VALUES: dict[str, Value] = {"url": "https://new.example", "login": "ann", "tags": ["a", "b"]}
WRITTEN = """\
[instances.new]
url = "https://new.example"
login = "ann"
tags = ["a", "b"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "instances.toml"


def test_a_file_is_made_where_there_is_none(path: Path) -> None:
    add_instance(path, "new", VALUES)

    assert path.read_text() == WRITTEN


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("# ours\n[defaults]  # of all\ndatabase='x'\n# end\n", id="defaults"),
        pytest.param(
            "[instances.b]\nurl='https://b'\nlogin='b'\n\n[defaults]\n", id="defaults-last"
        ),
        pytest.param("instances.b = {url = 'https://b', login = 'b'}\n", id="one-line"),
        pytest.param("[instances]\nb.url = 'https://b'\nb.login = 'b'\n", id="dotted"),
    ],
)
def test_what_is_in_the_file_stays_as_it_is(before: str, path: Path) -> None:
    path.write_text(before)

    add_instance(path, "new", VALUES)

    assert path.read_text() == f"{before}\n{WRITTEN}"


def test_a_last_line_without_its_end_gets_one(path: Path) -> None:
    path.write_text("[defaults]\ntimeout = 3")

    add_instance(path, "new", VALUES)

    assert path.read_text() == f"[defaults]\ntimeout = 3\n\n{WRITTEN}"


@pytest.mark.parametrize("text", ['"', "\\", "é", "a # b", "[x]", "it's"])
def test_a_value_is_written_as_it_is(text: str, path: Path) -> None:
    add_instance(path, "a.b", VALUES | {"login": text})

    (entry,) = load_inventory(path).entries
    assert (entry.target.name, entry.target.login) == ("a.b", text)


def test_what_would_not_be_right_is_not_written(path: Path) -> None:
    before = "[instances.b]\nurl = 'https://b'\n"
    path.write_text(before)

    with pytest.raises(ConfigurationError) as caught:
        add_instance(path, "new", {"url": "new.example", "api_key": PASSWORD})

    assert path.read_text() == before
    assert leaks(texts_of(caught.value)) == []
    assert [it.partition("toml: ")[2] for it in caught.value.message.splitlines()] == [
        "[instances.new]: url is not an address of the form https://host[:port][/prefix]",
        f"[instances.new]: api_key is not a reference to a secret: {KINDS}",
        "[instances.b]: login is not given, nor in [defaults]",
        "[instances.new]: login is not given, nor in [defaults]",
    ]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644], ids=oct)
def test_a_file_keeps_its_mode(mode: int, path: Path) -> None:
    path.touch()
    path.chmod(mode)

    add_instance(path, "new", VALUES)

    assert path.stat().st_mode & 0o777 == mode


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    (tmp_path / "real.toml").touch()
    path.symlink_to("real.toml")

    add_instance(path, "new", VALUES)

    assert path.is_symlink()
    assert (tmp_path / "real.toml").read_text() == WRITTEN


def test_a_disk_that_is_full_leaves_the_file_as_it_was(
    path: Path, tmp_path: Path, mocker: MockerFixture
) -> None:
    path.write_text("# ours\n")
    present = sorted(tmp_path.iterdir())
    mocker.patch.object(Path, "replace", side_effect=OSError(28, "No space left on device"))

    with pytest.raises(ConfigurationError, match="cannot be written: No space left on device"):
        add_instance(path, "new", VALUES)

    assert path.read_text() == "# ours\n"
    assert sorted(tmp_path.iterdir()) == present


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written: No such file or directory"):
        add_instance(tmp_path / "no" / "instances.toml", "new", VALUES)


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        add_instance(tmp_path, "new", VALUES)


def test_a_file_that_is_no_text_is_told_and_not_shown(path: Path) -> None:
    path.write_bytes(PASSWORD.encode() + b"\xff")

    with pytest.raises(ConfigurationError, match="not a text in UTF-8") as caught:
        add_instance(path, "new", VALUES)

    assert leaks(texts_of(caught.value)) == []


@pytest.mark.parametrize(
    ("text", "present"),
    [
        pytest.param(None, Present(), id="no-file"),
        pytest.param("", Present(), id="empty"),
        pytest.param("[", Present(), id="no-toml"),
        pytest.param("instances = 1\ndefaults = 2", Present(), id="no-tables"),
        pytest.param(
            "[defaults]\nlogin = 'ann'\n[instances.a]\nx = 1\n[instances.b]\n",
            Present(frozenset({"a", "b"}), frozenset({"login"})),
            id="both",
        ),
    ],
)
def test_what_is_present_is_known_whatever_else_is_wrong(
    text: str | None, present: Present, path: Path
) -> None:
    if text is not None:
        path.write_text(text)

    assert load_present(path) == present


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("url", "https://a.example", None),
        ("url", "a.example", "url is not an address of the form https://host[:port][/prefix]"),
        ("tags", ["a"], None),
        ("tags", ["a", ""], "tags[1] is empty"),
        ("role", "test", None),
        ("role", "x", "role is not one of production, staging, training, test"),
        ("password", "prompt:", None),
    ],
)
def test_one_value_is_checked_alone(
    key: str, value: Value, problem: str | None, tmp_path: Path
) -> None:
    assert check_value(key, value, folder=tmp_path) == problem


def test_a_literal_secret_is_refused_and_not_shown(tmp_path: Path) -> None:
    problem = check_value("api_key", PASSWORD, folder=tmp_path)

    assert problem
    assert leaks([problem]) == []


def test_what_is_written_is_what_two_readers_of_toml_read(path: Path) -> None:
    add_instance(path, "new", VALUES)
    text = path.read_text()

    assert tomlkit.parse(text).unwrap() == tomllib.loads(text) == {"instances": {"new": VALUES}}
