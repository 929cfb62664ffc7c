"""`instances.toml`: every key, everything that is wrong with one, and where the file is found."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from remote_mailcfg.audit.rules import BOOK
from remote_mailcfg.config.audit import load_audit_settings
from remote_mailcfg.config.desired import load_desired
from remote_mailcfg.config.entry import Entry
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.inventory import find_inventory, load_inventory, parse_inventory
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.target import Target
from tests.canaries import PASSWORD, leaks, texts_of

OF_THE_DESCRIPTION = """
[defaults]
login = "mail.admin@example.org"
api_key = "env:OPENSPP_API_KEY_{name}"    # {name}: the instance's name in capitals, - as _

[instances.national]
url = "https://registry.example.org"
database = "openspp"
role = "production"
tags = ["country", "v2"]

[instances.training]
url = "http://training.internal:8069"
database = "openspp"
role = "training"
password = "command:pass show openspp/training"
protocol = "xmlrpc"
min_interval = 1.5
"""
PATH = Path("instances.toml")


def entries_of(text: str) -> tuple[Entry, ...]:
    return parse_inventory(text, PATH).entries


def instance(line: str) -> str:
    """Return an inventory of one instance with a line of its own."""
    lines = {"url": 'url = "https://a.example"', "login": 'login = "ann"'}
    lines[line.partition(" ")[0]] = line
    return "[instances.a]\n" + "\n".join(lines.values())


def refusal(text: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        parse_inventory(text, PATH)
    assert caught.value.code == "configuration"
    assert leaks([*texts_of(caught.value), caught.value.hint]) == []
    return caught.value


def problems_of(text: str) -> list[str]:
    return refusal(text).message.splitlines()


# What is right


def test_the_inventory_of_the_description_is_read() -> None:
    national, training = entries_of(OF_THE_DESCRIPTION)

    assert national.target == Target(
        name="national",
        url="https://registry.example.org",
        database="openspp",
        login="mail.admin@example.org",
        role="production",
        tags=("country", "v2"),
    )
    assert dict(national.references) == {"api_key": "env:OPENSPP_API_KEY_NATIONAL"}
    assert training.target.protocol == "xmlrpc"
    assert training.target.min_interval_seconds == 1.5
    assert dict(training.references) == {
        "api_key": "env:OPENSPP_API_KEY_TRAINING",
        "password": "command:pass show openspp/training",
    }


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        pytest.param(*row, id=row[0])
        for row in (
            ('url = "https://a.example/x/"', "url", "https://a.example/x"),
            ('database = "openspp"', "database", "openspp"),
            ('login = "ann"', "login", "ann"),
            ('protocol = "json2"', "protocol", "json2"),
            ("timeout = 12", "timeout_seconds", 12),
            ("timeout = 3600", "timeout_seconds", 3600),
            ("insecure_tls = true", "insecure_tls", True),
            ('proxy = "http://proxy.example:3128"', "proxy", "http://proxy.example:3128"),
            ('role = "staging"', "role", "staging"),
            ('role = ""', "role", None),
            ('tags = ["a", "b"]', "tags", ("a", "b")),
            ("tags = []", "tags", ()),
            ("min_interval = 0", "min_interval_seconds", 0),
        )
    ],
)
def test_a_key_sets_its_field(line: str, field: str, value: object) -> None:
    (entry,) = entries_of(instance(line))

    assert getattr(entry.target, field) == value


@pytest.mark.parametrize("field", ["api_key", "password", "totp_secret", "http_basic"])
def test_a_secret_is_a_reference(field: str) -> None:
    (entry,) = entries_of(instance(f'{field} = "env:KEY"'))

    assert entry.references == ((field, "env:KEY"),)
    assert getattr(entry.target, field) is None


def test_what_is_not_given_is_as_for_a_single_instance() -> None:
    (entry,) = entries_of(instance(""))

    assert entry.target == Target(name="a", url="https://a.example", login="ann")


def test_instances_keep_their_order() -> None:
    text = "\n".join(
        f'[instances.{name}]\nurl = "https://{name}"\nlogin = "ann"' for name in ("c", "a", "b")
    )

    assert [it.target.name for it in entries_of(text)] == ["c", "a", "b"]


def test_an_instance_stands_above_the_defaults_and_an_empty_text_takes_one_away() -> None:
    text = """
    [defaults]
    login = "ann"
    database = "openspp"
    api_key = "env:KEY"
    role = "production"
    tags = ["all"]
    timeout = 10
    [instances.a]
    url = "https://a.example"
    login = "bob"
    database = ""
    api_key = ""
    role = "test"
    tags = ["own"]
    """
    (entry,) = entries_of(text)

    assert entry.target == Target(
        name="a",
        url="https://a.example",
        login="bob",
        role="test",
        tags=("own",),
        timeout_seconds=10,
    )
    assert entry.references == ()


@pytest.mark.parametrize(
    ("name", "in_capitals"),
    [("national", "NATIONAL"), ("ph-prod", "PH_PROD"), ("Ph_1", "PH_1"), ('"a.b"', "A_B")],
)
def test_a_reference_may_hold_the_name_of_its_instance(name: str, in_capitals: str) -> None:
    (entry,) = entries_of(
        f'defaults.api_key = "file:keys/{{name}}.key"\n'
        f'[instances.{name}]\nurl = "https://a.example"\nlogin = "ann"'
    )

    assert dict(entry.references) == {"api_key": f"file:keys/{in_capitals}.key"}


def test_the_same_server_with_another_database_or_prefix_is_another_instance() -> None:
    text = """
    defaults.login = "ann"
    instances.a = {url = "https://a.example", database = "a"}
    instances.b = {url = "https://a.example", database = "b"}
    instances.c = {url = "https://a.example/c", database = "a"}
    instances.d = {url = "http://a.example", database = "a"}
    """
    assert len(entries_of(text)) == 4


def test_files_are_relative_to_the_inventory(tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "ca.pem").touch()
    path = folder / "instances.toml"
    path.write_text(instance('ca_file = "ca.pem"\napi_key = "file:a.key"'))

    (entry,) = load_inventory(path).entries

    assert entry.target.ca_file == folder / "ca.pem"
    assert entry.folder == folder


def test_a_ca_file_may_stand_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ca.pem").touch()

    (entry,) = entries_of(instance('ca_file = "~/ca.pem"'))

    assert entry.target.ca_file == tmp_path / "ca.pem"


def test_an_entry_of_an_inventory_travels() -> None:
    entries = entries_of(OF_THE_DESCRIPTION)

    assert pickle.loads(pickle.dumps(entries)) == entries


# What is wrong


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(*row, id=row[0].replace(PASSWORD, "…"))
        for row in (
            ('urll = "https://a.example"', "urll: unknown key; did you mean url?"),
            ("smtp = 1", "smtp: unknown key"),
            (f'smtp_pass = "{PASSWORD}"', "smtp_pass: unknown key"),
            ('url = ""', "url is not an address of the form https://host[:port][/prefix]"),
            ('url = "a.example"', "url is not an address of the form"),
            ('url = "https://a.example:0"', "url is not an address of the form"),
            (
                f'url = "https://ann:{PASSWORD}@a.example"',
                "url holds a user or password; HTTP Basic goes into http_basic",
            ),
            ('url = "https://a.example?db=x"', "url has a query or a fragment"),
            ("url = 3", "url is not a text in quotes"),
            ("database = 3", "database is not a text in quotes"),
            ('login = " "', "login is empty"),
            ("login = [1]", "login is not a text in quotes"),
            (f'api_key = "{PASSWORD}"', "api_key is not a reference to a secret: env:NAME"),
            (f'password = "{PASSWORD}"', "password is not a reference to a secret"),
            (f'password = "pass:{PASSWORD}"', "password is not a reference to a secret"),
            (f'totp_secret = "{PASSWORD}"', "totp_secret is not a reference to a secret"),
            (f'http_basic = "ann:{PASSWORD}"', "http_basic is not a reference to a secret"),
            ("password = 12345", "password is not a text in quotes"),
            (
                'protocol = "soap"',
                "protocol is not one of auto, jsonrpc, xmlrpc, json2",
            ),
            (
                'role = "prod"',
                "role is not one of production, staging, training, test",
            ),
            ("role = true", "role is not one of"),
            ("timeout = 0", "timeout is not a number of seconds up to 3600"),
            ("timeout = -1", "timeout is not a number of seconds up to 3600"),
            ("timeout = 3601", "timeout is not a number of seconds up to 3600"),
            ("timeout = nan", "timeout is not a number of seconds up to 3600"),
            ("timeout = inf", "timeout is not a number of seconds up to 3600"),
            ('timeout = "90"', "timeout is not a number of seconds up to 3600"),
            ("timeout = true", "timeout is not a number of seconds up to 3600"),
            ("min_interval = -0.1", "min_interval is not a number of seconds up to 3600"),
            ("min_interval = 3601", "min_interval is not a number of seconds up to 3600"),
            ("min_interval = nan", "min_interval is not a number of seconds up to 3600"),
            ('ca_file = "no.pem"', "ca_file names 'no.pem', and there is no such file"),
            ('insecure_tls = "yes"', "insecure_tls is not true or false"),
            ("insecure_tls = 1", "insecure_tls is not true or false"),
            ('proxy = "proxy:3128"', "proxy is not an address of the form"),
            (
                f'proxy = "http://ann:{PASSWORD}@proxy:3128"',
                "proxy holds a user or password; it cannot stand in this file",
            ),
            ('tags = "country"', 'tags is not a list of texts: ["…", "…"]'),
            ("tags = [1]", "tags[0] is not a text in quotes"),
            ('tags = ["a", ""]', "tags[1] is empty"),
            ("api_key.env = 'KEY'", "api_key is not a text in quotes"),
            (
                "b = {url = 'https://b'}",
                'b is a table; a name with a dot has quotes: [instances."a.b"]',
            ),
        )
    ],
)
def test_what_is_wrong_with_a_key_is_told_with_its_place(line: str, words: str) -> None:
    (problem,) = problems_of(instance(line))

    assert problem.startswith(f"instances.toml: [instances.a]: {words}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "there is no instance in it", id="empty"),
        pytest.param("[defaults]\ntimeout = 3", "there is no instance in it", id="defaults-alone"),
        pytest.param("[instances]", "there is no instance in it", id="no-instance"),
        pytest.param("instances = 3", "[instances] is not a table", id="instances-a-number"),
        pytest.param("instances.a = 3", "[instances.a] is not a table", id="instance-a-number"),
        pytest.param(
            "[[instances]]\nname = 'a'", "[instances] is not a table", id="instances-a-list"
        ),
        pytest.param("defaults = 3\n" + instance(""), "[defaults] is not a table", id="defaults"),
        pytest.param(
            f"password = '{PASSWORD}'\n" + instance(""),
            "password: unknown key outside of every table",
            id="outside",
        ),
        pytest.param(
            "[default]\n" + instance(""),
            "[default]: unknown table; did you mean defaults?",
            id="table",
        ),
        pytest.param(
            "[defaults]\ntimeot = 3\n" + instance(""),
            "[defaults]: timeot: unknown key; did you mean timeout?",
            id="key-of-defaults",
        ),
        pytest.param(
            "[defaults]\ntags = [3]\n" + instance(""),
            "[defaults]: tags[0] is not a text in quotes",
            id="list-of-defaults",
        ),
        pytest.param(
            instance("").replace("instances.a", 'instances."a b"'),
            '[instances."a b"]: a name is of letters, digits, -, _ and .',
            id="name",
        ),
        pytest.param(
            instance("").replace("instances.a", "instances.-a"),
            "[instances.-a]: a name is of letters, digits, -, _ and .",
            id="name-like-an-option",
        ),
        pytest.param(
            '[instances.a]\nlogin = "ann"',
            "[instances.a]: url is not given, nor in [defaults]",
            id="no-url",
        ),
        pytest.param(
            '[instances.a]\nurl = "https://a"',
            "[instances.a]: login is not given, nor in [defaults]",
            id="no-login",
        ),
        pytest.param(
            "[defaults]\nhttp_basic = 'env:B'\n" + instance('protocol = "json2"'),
            "[instances.a]: http_basic does not go with json2: both would be the one header"
            " Authorization",
            id="http-basic-with-json2",
        ),
        pytest.param(
            "defaults.login = 'ann'\ninstances.a.url = 'https://a.example/'\n"
            "instances.b.url = 'https://A.example:443'",
            "[instances.b]: it has url and database of a",
            id="twice",
        ),
    ],
)
def test_what_is_wrong_with_the_file_is_told_with_its_place(text: str, problem: str) -> None:
    assert problems_of(text) == [f"instances.toml: {problem}"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param(f"[instances.a]\npassword = {PASSWORD}", "line 2", id="no-quotes"),
        pytest.param(f'[instances.a]\npassword = "{PASSWORD}', "line 2", id="no-last-quote"),
        pytest.param("[instances.a\n", "line 1", id="no-bracket"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(text: str, where: str) -> None:
    (problem,) = problems_of(text)

    assert problem.startswith("instances.toml: not TOML: ")
    assert where in problem or "end of document" in problem


def test_all_problems_are_told_at_once() -> None:
    text = f"""
    colour = "red"
    [defaults]
    api_key = "{PASSWORD}"
    [instances.a]
    urll = "https://a.example"
    timeout = 0
    [instances.b]
    url = "b.example"
    login = "ann"
    role = "prod"
    protocol = "json2"
    http_basic = "env:B"
    """
    starts = [
        "colour: unknown key",
        "[defaults]: api_key is not a reference",
        "[instances.a]: login is not given",
        "[instances.a]: timeout is not a number",
        "[instances.a]: url is not given",
        "[instances.a]: urll: unknown key",
        "[instances.b]: http_basic does not go with json2",
        "[instances.b]: role is not one of",
        "[instances.b]: url is not an address",
    ]
    problems = problems_of(text)

    assert len(problems) == len(starts)
    for start in starts:
        assert any(it.startswith(f"instances.toml: {start}") for it in problems), start


def test_a_refusal_names_the_schema() -> None:
    assert "remote-mailcfg schema instances" in refusal("").hint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "No such file or directory", id="missing"),
        pytest.param(PASSWORD.encode() + b"\xff", "not a text in UTF-8", id="binary"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "instances.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load_inventory(path)

    assert caught.value.message == f"{path} cannot be read: {words}"
    assert leaks(texts_of(caught.value)) == []


# Where it is


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Path]:
    """Return each place of an inventory, with a file there, and be in the folder of one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    found = {
        "given": tmp_path / "given.toml",
        "folder": Path("instances.toml"),
        "variable": tmp_path / "variable.toml",
        "user": platformdirs.user_config_path("remote-mailcfg") / "instances.toml",
    }
    found["user"].parent.mkdir(parents=True)
    for path in found.values():
        path.touch()
    return found


@pytest.mark.parametrize("first", ["given", "folder", "variable", "user"])
def test_the_nearest_inventory_is_found(first: str, places: dict[str, Path]) -> None:
    order = list(places)
    for place in order[: order.index(first)]:
        places[place].unlink()
    given = places["given"] if first == "given" else None
    variables = {"REMOTE_MAILCFG_INVENTORY": str(places["variable"])} if first != "user" else {}

    assert find_inventory(given, Environment(variables, {})) == places[first]


def test_without_any_inventory_none_is_found(places: dict[str, Path]) -> None:
    for path in places.values():
        path.unlink()

    assert find_inventory(None, Environment({}, {})) is None


@pytest.mark.parametrize("named_by", ["--inventory", "REMOTE_MAILCFG_INVENTORY"])
def test_a_named_inventory_that_is_missing_is_an_error(
    named_by: str, places: dict[str, Path]
) -> None:
    places["folder"].unlink()
    arguments: dict[str, tuple[Any, dict[str, str]]] = {
        "--inventory": (Path("no.toml"), {}),
        "REMOTE_MAILCFG_INVENTORY": (None, {"REMOTE_MAILCFG_INVENTORY": "no.toml"}),
    }
    given, variables = arguments[named_by]

    with pytest.raises(ConfigurationError, match=f"^{named_by}: there is no file no.toml$"):
        find_inventory(given, Environment(variables, {}))


def test_the_variable_may_name_the_home_folder(
    places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places["folder"].unlink()
    monkeypatch.setenv("HOME", str(tmp_path))
    environment = Environment({"REMOTE_MAILCFG_INVENTORY": "~/variable.toml"}, {})

    assert find_inventory(None, environment) == places["variable"]


def test_a_command_without_an_inventory_does_not_load_what_reads_one() -> None:
    code = "import sys, remote_mailcfg.cli.main; print({'pydantic', 'tomlkit'} & {*sys.modules})"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("text", "load"),
    [
        pytest.param(
            '[instances.a]\nurl = "https://a.example"\nlogin = "ann"\n',
            load_inventory,
            id="inventory",
        ),
        pytest.param("mail_server = []\n", load_desired, id="desired"),
        pytest.param(
            "[dns]\nnameservers = []\n",
            lambda path: load_audit_settings(path, rules={rule.id for rule in BOOK}),
            id="audit",
        ),
    ],
)
def test_a_byte_order_mark_of_an_editor_is_no_part_of_a_file(
    text: str, load: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "file.toml"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())

    load(path)
