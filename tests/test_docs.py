"""The documents agree with the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main

from remote_mailcfg import __version__
from remote_mailcfg.audit.rules import BOOK
from remote_mailcfg.audit.waivers import WAIVER_RULES
from remote_mailcfg.cli.main import app
from remote_mailcfg.config.audit import parse_audit_settings
from remote_mailcfg.config.audit_file import DnsTable, ProfileTable, WaiverTable
from remote_mailcfg.config.desired import parse_desired
from remote_mailcfg.config.desired_file import MailServerTable, PolicyTable
from remote_mailcfg.config.environment import OURS
from remote_mailcfg.config.inventory import parse_inventory
from remote_mailcfg.config.inventory_file import InstanceTable
from remote_mailcfg.config.secrets import KINDS
from remote_mailcfg.model.smtp_test import Cause
from remote_mailcfg.operations.check import StepName
from remote_mailcfg.report.audit_history import SIGNS
from remote_mailcfg.report.report_file import FORMATS
from remote_mailcfg.report.rules import render_rules
from remote_mailcfg.sandbox.misbehaviour import Kind
from remote_mailcfg.store.audits import MOST_BYTES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
OUTPUT = (ROOT / "docs" / "output.md").read_text()
INVENTORY = (ROOT / "docs" / "inventory.md").read_text()
MAIL_SERVERS = (ROOT / "docs" / "mail-servers.md").read_text()
AUDIT = (ROOT / "docs" / "audit.md").read_text()
AUDIT_CRON = (ROOT / "docs" / "audit-cron.md").read_text()
ENV_EXAMPLE = (ROOT / ".env.example").read_text()

#: Every rule that a file may name.
IDS = frozenset(rule.id for rule in BOOK)
VARIABLE = r"(OPENSPP|SMTP|REMOTE_MAILCFG)_[A-Z_]+"


def _walk(command: Any, words: str = "") -> Iterator[tuple[str, Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk(child, f"{words} {name}".strip())
    if not hasattr(command, "commands") or (command.invoke_without_command and words):
        yield words, command


COMMANDS = dict(_walk(typer.main.get_command(app)))


def _string_constants() -> set[str]:
    return {
        node.value
        for path in (ROOT / "remote_mailcfg").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_variable_of_the_code_is_in_the_example_environment() -> None:
    read = {text for text in _string_constants() if re.fullmatch(VARIABLE, text)}
    explained = set(re.findall(r"^#? ?([A-Z_]+)=", ENV_EXAMPLE, re.MULTILINE))
    files = {name for name in explained if name.removesuffix("_FILE") in explained - {name}}
    assert read == explained - files


def test_a_name_almost_like_one_of_the_example_environment_is_a_mistake() -> None:
    explained = {*re.findall(r"^#? ?([A-Z_]+)=", ENV_EXAMPLE, re.MULTILINE)}
    assert explained - {"SMTP_PASS_MAIN"} == {*OURS}  # that name is a file's own


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_is_in_the_readme(words: str) -> None:
    assert re.search(rf"`?(remote-mailcfg )?{words}[ `\n]", README)


def test_every_command_line_of_the_readme_names_a_command_and_its_options() -> None:
    lines = re.findall(r"remote-mailcfg ((?:[^`\n]|\\\n)+)", README.replace("\\\n   ", ""))
    for line in lines:
        if line.startswith("--"):
            continue
        words = re.match(r"[a-z]+( [a-z][a-z-]*)?", line)
        assert words is not None, line
        command = COMMANDS.get(words[0]) or COMMANDS[words[0].partition(" ")[0]]
        options = {option for parameter in command.params for option in parameter.opts}
        own = line.partition(" -- ")[0]  # after it are the options of another command
        assert set(re.findall(r"(?<= )--?[a-z][a-z-]*", own)) <= options, line


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_an_example_of_itself_in_its_help(words: str) -> None:
    assert COMMANDS[words].epilog.startswith(f"Example: remote-mailcfg {words}")


@pytest.mark.parametrize("name", [*get_args(Cause), *get_args(StepName)])
def test_every_cause_and_step_is_documented(name: str) -> None:
    assert f"`{name}`" in OUTPUT


@pytest.mark.parametrize("text", [INVENTORY, README], ids=["inventory.md", "README.md"])
def test_an_inventory_of_the_documents_is_right(text: str) -> None:
    (written,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert parse_inventory(written, ROOT / "instances.toml").entries


@pytest.mark.parametrize("key", InstanceTable.model_fields)
def test_every_key_of_an_inventory_is_documented(key: str) -> None:
    table = INVENTORY.partition("## Keys")[2].partition("\n## ")[0]
    assert any(f"`{key}`" in cell for cell in _first_cells(table))


def test_the_desired_state_of_the_documents_is_right() -> None:
    (written,) = re.findall(r"```toml\n(.*?)```", MAIL_SERVERS, re.DOTALL)
    assert parse_desired(written, ROOT / "mail-servers.toml").servers


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        *(("## Keys of a mail server", key) for key in MailServerTable.model_fields),
        *(("## Keys of `[policy]`", key) for key in PolicyTable.model_fields),
    ],
)
def test_every_key_of_a_desired_state_is_documented(heading: str, key: str) -> None:
    table = MAIL_SERVERS.partition(heading)[2].partition("\n## ")[0]
    assert any(f"`{key}`" in cell for cell in _first_cells(table))


def test_the_audit_settings_of_the_documents_are_right() -> None:
    (written,) = re.findall(r"```toml\n(.*?)```", AUDIT_CRON, re.DOTALL)
    settings = parse_audit_settings(written, ROOT / "audit.toml", rules=IDS)
    assert settings.waivers
    assert settings.selectors
    assert settings.profiles.keys() == {"training", "openspp"}


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        *(("| key of a `[[waiver]]`", key) for key in WaiverTable.model_fields),
        *(("| key of `[dns]`", key) for key in DnsTable.model_fields),
        *(("| key of a `[profile.NAME]`", key) for key in ProfileTable.model_fields),
        *(("| rule |", rule.id) for rule in WAIVER_RULES),
    ],
)
def test_every_key_of_the_audit_settings_is_documented(heading: str, key: str) -> None:
    table = AUDIT_CRON.partition(heading)[2].partition("\n\n")[0]
    assert any(f"`{key}`" in cell for cell in _first_cells(table))


def test_how_large_the_history_grows_is_documented() -> None:
    assert f"at most {MOST_BYTES // 10**6} MB" in AUDIT_CRON


@pytest.mark.parametrize("change", SIGNS)
def test_every_kind_of_change_between_audits_is_documented(change: str) -> None:
    assert f"*{change}*" in AUDIT_CRON


@pytest.mark.parametrize("kind", KINDS.replace(" or ", ", ").split(", "))
def test_every_kind_of_reference_is_documented(kind: str) -> None:
    assert f"`{kind}`" in INVENTORY


@pytest.mark.parametrize("kind", Kind)
def test_every_misbehaviour_of_the_sandbox_is_in_the_readme(kind: Kind) -> None:
    assert f"`{kind}`" in README


def test_the_table_of_rules_is_the_rule_book() -> None:
    assert render_rules(BOOK) in AUDIT, "write it anew: remote-mailcfg audit rules --markdown"


def test_every_error_code_is_documented_and_every_documented_one_is_used() -> None:
    table = OUTPUT.partition("## Codes of an error")[2].partition("## Exit codes")[0]
    documented = set(re.findall(r"`([a-z-]+)`", "\n".join(_first_cells(table))))
    errors = {
        "RemoteMailcfgError",
        "ConfigurationError",
        "TransportError",
        "LoginError",
        "OdooError",
    }
    used = {
        node.args[0].value
        for path in (ROOT / "remote_mailcfg").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in errors
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert used <= documented
    assert documented <= used | _string_constants()


def test_the_changelog_speaks_of_this_version_or_of_what_is_unreleased() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## (Unreleased|{re.escape(__version__)})$", changelog, re.MULTILINE)


def _first_cells(table: str) -> list[str]:
    return [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_of_a_report_is_documented(form: str) -> None:
    assert f"| `{form}` |" in (ROOT / "docs" / "audit-reports.md").read_text()
