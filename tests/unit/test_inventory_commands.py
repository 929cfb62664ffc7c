"""`instance list` and `instance add`: what they say and what they refuse."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from remote_mailcfg.cli import inventory
from remote_mailcfg.cli.main import app
from remote_mailcfg.config.inventory import load_inventory
from tests.canaries import PASSWORD, leaks

FLEET = f"""
[defaults]
login = "ann"
api_key = "env:OPENSPP_API_KEY_{{name}}"

[instances.national]
url = "https://registry.example.org"
database = "openspp"
role = "production"
tags = ["country", "v2"]
password = "command:echo {PASSWORD}"

[instances.training]
url = "https://training.example.org"
"""
FILE = Path("instances.toml")
MINIMUM = ["--url", "https://new.example", "--login", "ann"]


@pytest.fixture(autouse=True)
def _no_inventory_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be somebody who can be asked."""
    monkeypatch.setattr(inventory, "can_ask", lambda: True)


def run(*words: str, typed: str = "") -> Result:
    """Run a command; what it shows is without secrets, whatever it does."""
    ran = CliRunner().invoke(app, words, input=typed)
    assert leaks([ran.stdout, ran.stderr]) == []
    return ran


# instance list


def test_the_instances_are_listed_with_where_their_secrets_are() -> None:
    FILE.write_text(FLEET)

    ran = run("instance", "list", "-o", "json")

    assert ran.exit_code == 0
    assert json.loads(ran.stdout) == {
        "command": "instance list",
        "results": [
            {
                "instance": "national",
                "url": "https://registry.example.org",
                "ok": True,
                "data": {
                    "name": "national",
                    "url": "https://registry.example.org",
                    "database": "openspp",
                    "login": "ann",
                    "role": "production",
                    "tags": ["country", "v2"],
                    "references": {
                        "api_key": "env:OPENSPP_API_KEY_NATIONAL",
                        "password": "command:echo …",
                    },
                },
            },
            {
                "instance": "training",
                "url": "https://training.example.org",
                "ok": True,
                "data": {
                    "name": "training",
                    "url": "https://training.example.org",
                    "database": "",
                    "login": "ann",
                    "role": None,
                    "tags": [],
                    "references": {"api_key": "env:OPENSPP_API_KEY_TRAINING"},
                },
            },
        ],
        "summary": {"total": 2, "ok": 2, "failed": 0},
    }


def test_jsonl_is_one_instance_a_line() -> None:
    FILE.write_text(FLEET)

    lines = run("instance", "list", "-o", "jsonl").stdout.splitlines()

    assert [json.loads(line)["instance"] for line in lines] == ["national", "training"]


def test_csv_is_one_instance_a_row() -> None:
    FILE.write_text(FLEET)

    rows = [*csv.DictReader(io.StringIO(run("instance", "list", "-o", "csv").stdout))]

    assert [row["name"] for row in rows] == ["national", "training"]
    assert rows[0]["tags"] == "country v2"
    assert rows[0]["references"] == ("api_key=env:OPENSPP_API_KEY_NATIONAL password=command:echo …")


def test_the_table_shows_every_instance_and_quiet_shows_none() -> None:
    FILE.write_text(FLEET)

    shown, quiet = run("instance", "list"), run("instance", "list", "-q")

    assert "national" in shown.stdout
    assert "training" in shown.stdout
    assert (quiet.stdout, quiet.stderr, quiet.exit_code) == ("", "", 0)


def test_a_tag_narrows_the_list() -> None:
    FILE.write_text(FLEET)

    listed = json.loads(run("instance", "list", "-t", "v2", "-o", "json").stdout)

    assert [it["instance"] for it in listed["results"]] == ["national"]


def test_another_inventory_is_listed() -> None:
    Path("other.toml").write_text(FLEET)

    assert "national" in run("instance", "list", "--inventory", "other.toml").stdout


def test_the_dotenv_file_may_name_the_inventory() -> None:
    Path("other.toml").write_text(FLEET)
    Path(".env").write_text("REMOTE_MAILCFG_INVENTORY=other.toml\n")

    assert "national" in run("instance", "list").stdout


def test_without_an_inventory_it_is_wrong_usage_and_in_the_envelope_too() -> None:
    ran = run("instance", "list", "-o", "json")

    assert ran.exit_code == 2
    assert json.loads(ran.stdout)["results"][0]["error"]["code"] == "configuration"
    assert "there is no inventory" in ran.stderr


# instance add


def test_an_instance_is_added_and_what_comes_next_is_told() -> None:
    options = ["--database", "openspp", "--role", "test", "-t", "a", "--tag", "b"]
    secrets = ["--api-key", "env:KEY_{name}", "--password", "command:pass show openspp"]

    ran = run("instance", "add", "new", *MINIMUM, *options, *secrets)

    assert ran.exit_code == 0
    assert ran.stdout == "instances.toml has the instance new now.\n"
    assert ran.stderr == "next: remote-mailcfg instance check -i new\n"
    (entry,) = load_inventory(FILE).entries
    assert entry.target.database == "openspp"
    assert entry.target.role == "test"
    assert entry.target.tags == ("a", "b")
    assert dict(entry.references) == {
        "api_key": "env:KEY_NEW",
        "password": "command:pass show openspp",
    }


def test_an_instance_is_added_to_the_inventory_that_is_named() -> None:
    ran = run("instance", "add", "new", *MINIMUM, "--inventory", "other.toml")

    assert ran.stdout == "other.toml has the instance new now.\n"
    assert ran.stderr.endswith("-i new --inventory other.toml\n")
    assert not FILE.exists()


def test_what_the_defaults_give_need_not_be_given() -> None:
    FILE.write_text(FLEET)

    ran = run("instance", "add", "new", "--url", "https://new.example")

    assert ran.exit_code == 0
    assert load_inventory(FILE).entries[-1].target.login == "ann"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["new"], "missing: --url, --login", id="nothing"),
        pytest.param(["new", "--login", "ann"], "missing: --url", id="no-url"),
        pytest.param(
            ["national", *MINIMUM], "instances.toml has an instance national already", id="exists"
        ),
        pytest.param(["a b", *MINIMUM], "a name is of letters, digits", id="name"),
        pytest.param(
            ["new", *MINIMUM, "--api-key", PASSWORD],
            "api_key is not a reference to a secret",
            id="literal-key",
        ),
        pytest.param(
            ["new", *MINIMUM, "--password", f"pass:{PASSWORD}"],
            "password is not a reference to a secret",
            id="literal-password",
        ),
        pytest.param(
            ["new", *MINIMUM, "--password", "prompt:", PASSWORD],
            "1 argument(s) too many, not shown here",
            id="argument-too-many",
        ),
        pytest.param(["new", *MINIMUM, "--role", "prod"], "role is not one of", id="role"),
        pytest.param(
            ["new", "--url", f"https://ann:{PASSWORD}@new.example", "--login", "ann"],
            "url holds a user or password",
            id="password-in-url",
        ),
        pytest.param(
            ["new", "--url", "https://registry.example.org/", "--database", "openspp"],
            "it has url and database of national",
            id="twice",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_and_nothing_is_written(
    words: list[str], told: str
) -> None:
    before = FLEET if {"national", "twice"} & {*words} or "openspp" in words else ""
    FILE.write_text(before)

    ran = run("instance", "add", *words)

    assert ran.exit_code == 2
    assert told in ran.stderr.replace("\n", " ")
    assert FILE.read_text() == before


@pytest.mark.usefixtures("person")
def test_a_person_is_asked_for_what_no_option_gives() -> None:
    answers = ["https://new.example", "openspp", "ann", "env:KEY", "", "staging", "a b"]

    ran = run("instance", "add", "new", typed="\n".join(answers) + "\n")

    assert ran.exit_code == 0, ran.stderr
    (entry,) = load_inventory(FILE).entries
    assert entry.target.url == "https://new.example"
    assert entry.target.database == "openspp"
    assert entry.target.role == "staging"
    assert entry.target.tags == ("a", "b")
    assert dict(entry.references) == {"api_key": "env:KEY"}


@pytest.mark.usefixtures("person")
def test_a_person_is_asked_again_for_what_cannot_be_right() -> None:
    options = ["--login", "ann", "--database", "x", "--password", "prompt:", "-t", "a"]
    answers = ["new.example", "https://new.example", PASSWORD, "env:KEY", "prod", "test"]

    ran = CliRunner().invoke(
        app, ["instance", "add", "new", *options], input="\n".join(answers) + "\n"
    )

    assert ran.exit_code == 0, ran.stderr
    said = ran.stderr.splitlines()
    assert any("url is not an address" in line for line in said)
    assert any("api_key is not a reference" in line for line in said)
    assert any("role is not one of" in line for line in said)
    assert leaks([line for line in said if "Error" in line]) == []
    assert PASSWORD not in FILE.read_text()


@pytest.mark.usefixtures("person")
def test_a_person_is_not_asked_for_what_the_defaults_give() -> None:
    FILE.write_text("[defaults]\nlogin = 'ann'\napi_key = 'env:KEY'\nrole = 'test'\n")

    ran = run("instance", "add", "new", typed="https://new.example\n\n\n\n")

    assert ran.exit_code == 0, ran.stderr
    assert "Login" not in ran.stderr
    assert "API key" not in ran.stderr


@pytest.mark.usefixtures("person")
def test_ctrl_c_at_a_question_is_exit_130_and_nothing_is_written() -> None:
    ran = run("instance", "add", "new", typed="https://new.example\n")  # then the input ends

    assert ran.exit_code == 130
    assert ran.stderr.endswith("interrupted at the question: nothing was begun\n")
    assert not FILE.exists()
