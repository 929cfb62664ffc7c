"""Mistakes in files of users that only show beside the inventory, each with its line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from remote_mailcfg.audit.rules import BOOK
from remote_mailcfg.cli.main import app
from remote_mailcfg.config.audit import load_audit_settings
from remote_mailcfg.config.desired import load_desired
from remote_mailcfg.config.inventory import load_inventory
from remote_mailcfg.errors import ConfigurationError

#: Nothing answers there: a command that gets so far found no mistake.
INVENTORY = """
[defaults]
login = "ann"
password = "env:PASSWORD"

[instances.national]
url = "http://127.0.0.1:9"
tags = ["country", "v2"]

[instances.training]
url = "http://127.0.0.1:9/training"
"""
DESIRED = """[policy]
unmanaged = "report"

[[mail_server]]
key = "main"
name = "Main"
smtp_host = "s.example"
tags = [
    "country",
    "TAG",
]
"""
AUDIT = """
[[waiver]]
rule = "smtp-debug"
KEY = "VALUE"
reason = "known"
until = 2099-01-01
"""


@pytest.fixture(autouse=True)
def _inventory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "secret")
    Path("instances.toml").write_text(INVENTORY)


def run(*words: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, words)
    return ran.exit_code, ran.stderr


# Tags


@pytest.mark.parametrize(
    ("tag", "nearest"),
    [("contry", "country"), ("Country", "country"), ("trainings", "training")],
)
@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"]])
def test_a_tag_of_no_instance_is_an_error_with_its_line(
    command: list[str], tag: str, nearest: str
) -> None:
    Path("mail-servers.toml").write_text(DESIRED.replace("TAG", tag))

    code, said = run(*command, "mail-servers.toml", "--all")

    assert code == 2
    assert (
        "mail-servers.toml: line 8: [[mail_server]] main: tags: instances.toml has no instance"
        f" with the name or tag {tag!r}; did you mean {nearest}?"
    ) in said


@pytest.mark.parametrize("tag", ["v2", "national", "training"])
def test_a_tag_or_a_name_of_an_instance_is_none(tag: str) -> None:
    Path("mail-servers.toml").write_text(DESIRED.replace("TAG", tag))

    code, said = run("plan", "mail-servers.toml", "-i", "national")

    assert code == 1, said


def test_all_tags_are_told_at_once_and_what_there_is() -> None:
    Path("mail-servers.toml").write_text(
        DESIRED.replace("TAG", "zzz") + DESIRED.partition("\n\n")[2].replace("main", "second")
    )

    code, said = run("plan", "mail-servers.toml", "--all")

    assert code == 2
    assert "line 8: [[mail_server]] main: tags: instances.toml has no instance" in said
    assert "line 16: [[mail_server]] second: tags: instances.toml has no instance" in said
    assert "'zzz': it has country, national, training, v2" in said


@pytest.mark.parametrize(("key", "value"), [("tag", "contry"), ("instance", "natoinal")])
def test_a_waiver_for_no_instance_is_an_error_with_its_line(key: str, value: str) -> None:
    Path("audit.toml").write_text(AUDIT.replace("KEY", key).replace("VALUE", value))

    code, said = run("audit", "--all")

    assert code == 2
    assert f"audit.toml: line 4: [[waiver]] number 1: {key}: instances.toml has no" in said
    assert f"{value!r}; did you mean {'country' if key == 'tag' else 'national'}?" in said


@pytest.mark.parametrize(("key", "value"), [("tag", "training"), ("instance", "national")])
def test_a_waiver_for_an_instance_is_none(key: str, value: str) -> None:
    Path("audit.toml").write_text(AUDIT.replace("KEY", key).replace("VALUE", value))

    assert run("audit", "-i", "training")[0] == 1


def test_without_an_inventory_there_are_no_tags_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("instances.toml").unlink()
    Path("mail-servers.toml").write_text(DESIRED)
    for name, value in {"URL": "http://127.0.0.1:9", "LOGIN": "a", "PASSWORD": "b"}.items():
        monkeypatch.setenv(f"OPENSPP_{name}", value)

    assert run("plan", "mail-servers.toml")[0] == 1


# Placeholders


def desired_problem(line: str) -> str:
    Path("mail-servers.toml").write_text(
        f'[[mail_server]]\nkey = "main"\nname = "Main"\nsmtp_host = "s.example"\n{line}\n'
    )
    with pytest.raises(ConfigurationError) as caught:
        load_desired(Path("mail-servers.toml"))
    return caught.value.message


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('smtp_user = "{name}@example.org"', "{name}"),
        ('smtp_user = "{instnace}@example.org"', "{instnace}"),
        ('smtp_user = "{ instance }@example.org"', "{ instance }"),
        ('smtp_pass = "env:SMTP_PASS_{name}"', "{name}"),
        ('smtp_pass = "file:/run/secrets/{Instance}"', "{Instance}"),
        ('smtp_pass = "keyring:smtp/{host}"', "{host}"),
        ('smtp_pass = "command:pass show {instnce}"', "{instnce}"),
        ('from_filter = ["example.org", "{tag}.example.org"]', "{tag}"),
    ],
)
def test_an_unknown_placeholder_is_an_error_with_its_line(line: str, found: str) -> None:
    key = line.partition(" ")[0]

    assert desired_problem(line) == (
        f"mail-servers.toml: line 5: [[mail_server]] main: {key}: unknown placeholder {found};"
        " did you mean {instance}?"
    )


def test_a_tag_has_no_placeholder() -> None:
    assert "tags: {instance} is not replaced here" in desired_problem('tags = ["{instance}"]')


@pytest.mark.parametrize(
    "line",
    [
        'smtp_user = "{instance}@example.org"',
        'smtp_pass = "env:SMTP_PASS_{instance}"',
        """smtp_pass = "command:awk '{print}' /etc/pass" """,
        'smtp_pass = "command:jq {password}"',
    ],
)
def test_what_is_a_placeholder_or_a_commands_own_is_right(line: str) -> None:
    Path("mail-servers.toml").write_text(
        f'[[mail_server]]\nkey = "main"\nname = "Main {{instance}}"\nsmtp_host = "s.x"\n{line}\n'
    )

    load_desired(Path("mail-servers.toml"))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            'password = "file:{instance}.key"',
            "password: unknown placeholder {instance}; did you mean {name}?",
        ),
        ('api_key = "env:KEY_{Name}"', "api_key: unknown placeholder {Name}; did you mean {name}?"),
        ('login = "{name}@example.org"', "login: {name} is not replaced here"),
    ],
)
@pytest.mark.parametrize("table", ["defaults", "instances.a"])
def test_an_unknown_placeholder_of_an_inventory_is_an_error(
    table: str, line: str, problem: str
) -> None:
    tables = {"defaults": "", "instances.a": 'url = "https://a.example"\nlogin = "ann"\n'}
    other = line.partition(" ")[0]
    text = "".join(f"[{it}]\n{keys}" for it, keys in tables.items())
    text = text.replace(f"[{table}]\n", f"[{table}]\n{line}\n")
    Path("instances.toml").write_text(
        text.replace('login = "ann"\n', "") if (other, table) == ("login", "instances.a") else text
    )

    with pytest.raises(ConfigurationError) as caught:
        load_inventory(Path("instances.toml"))

    line_number = 2 if table == "defaults" else 3
    assert f"instances.toml: line {line_number}: [{table}]: {problem}" in caught.value.message


def test_a_waiver_has_no_placeholder() -> None:
    text = AUDIT.replace("KEY", "instance").replace("VALUE", "national")
    Path("audit.toml").write_text(f'{text}server = "Main of {{instance}}"\n')

    with pytest.raises(ConfigurationError) as caught:
        load_audit_settings(Path("audit.toml"), rules={rule.id for rule in BOOK})

    assert "line 7: [[waiver]] number 1: server: {instance} is not replaced here" in (
        caught.value.message
    )


# What is given twice


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            'mail_server = []\n[policy]\nunmanaged = "report"\n\nunmanaged = "archive"\n',
            "line 5: unmanaged is given twice; it is in line 3 already",
            id="key",
        ),
        pytest.param(
            '[policy]\n"a b" = """\n[policy]\na = 1\n"""\n\'a b\' = 2\n',
            "line 6: a b is given twice; it is in line 2 already",
            id="quoted-key-after-a-long-text",
        ),
        pytest.param(
            '[[mail_server]]\nkey = "a"\n[[mail_server]]\nkey = "b"\ntags = [ # = [\n"]",\n]\n'
            'tags = ["x"]\n',
            "line 8: tags is given twice; it is in line 5 already",
            id="key-after-a-list",
        ),
        pytest.param(
            "[policy]\n[[mail_server]]\n[policy]\n",
            "line 3: [policy] is given twice; it is in line 1 already",
            id="table",
        ),
    ],
)
def test_what_is_given_twice_is_named_with_both_lines(text: str, problem: str) -> None:
    Path("mail-servers.toml").write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        load_desired(Path("mail-servers.toml"))

    assert caught.value.message == f"mail-servers.toml: {problem}"


@pytest.mark.parametrize("file", ["instances.toml", "audit.toml"])
def test_in_every_file(file: str) -> None:
    Path(file).write_text("[a]\nsecret = 'one'\nsecret = 'two'\n")

    code, said = run("audit", "--all")

    assert code == 2
    assert f"{file}: line 3: secret is given twice; it is in line 2 already" in said
    assert "two" not in said.replace("twice", "")


# Files that are missing


@pytest.mark.parametrize(
    "words",
    [
        ["apply", "--plan", "friday.plan"],
        ["apply", "--plan", "friday.plan", "--waves", "wrong"],
        ["apply", "--plan", "friday.plan", "--yes", "-i", "nobody"],
        ["plan", "friday.plan", "--waves", "wrong"],
    ],
)
def test_a_missing_file_is_the_first_thing_said(words: list[str]) -> None:
    code, said = run(*words)

    assert code == 2
    assert said.startswith("error: friday.plan cannot be read: No such file or directory")
    assert "which instance" not in said
