"""`audit.toml`: every key, everything that is wrong with one, and what is built in."""

import pickle
from datetime import date
from pathlib import Path

import pytest

from remote_mailcfg.config.audit import (
    find_audit_file,
    load_audit_settings,
    parse_audit_settings,
)
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.audit_settings import AuditSettings
from remote_mailcfg.model.profile import Profile
from remote_mailcfg.model.waiver import Waiver
from tests.canaries import PASSWORD, leaks, texts_of
from tests.rule_book import RULES

PATH = Path("audit.toml")
WAIVER = {
    "rule": 'rule = "smtp-debug"',
    "instance": 'instance = "national"',
    "reason": 'reason = "Support looks at the dialogue"',
    "until": "until = 2027-03-31",
}


def settings_of(text: str) -> AuditSettings:
    return parse_audit_settings(text, PATH, rules=RULES)


def waiver(*lines: str) -> str:
    """Return a waiver with lines of its own; an empty one takes a key away."""
    keys = WAIVER | {line.partition(" ")[0]: "" if line.endswith("= ") else line for line in lines}
    return "\n".join(("[[waiver]]", *keys.values()))


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(text)
    assert caught.value.code == "configuration"
    assert "schema audit" in caught.value.hint
    assert leaks([*texts_of(caught.value), caught.value.hint]) == []
    return caught.value.message.splitlines()


# What is right


def test_a_waiver_is_read() -> None:
    assert settings_of(waiver()).waivers == (
        Waiver(
            rule="smtp-debug",
            instance="national",
            reason="Support looks at the dialogue",
            until=date(2027, 3, 31),
        ),
    )


@pytest.mark.parametrize(
    ("lines", "field", "value"),
    [
        pytest.param(["instance = ", 'tag = "training"'], "tag", "training", id="tag"),
        pytest.param(["server = 6"], "server", 6, id="server-by-id"),
        pytest.param(['server = "Main"'], "server", "Main", id="server-by-name"),
    ],
)
def test_a_key_of_a_waiver_is_read(lines: list[str], field: str, value: object) -> None:
    (found,) = settings_of(waiver(*lines)).waivers

    assert getattr(found, field) == value


def test_waivers_keep_their_order() -> None:
    text = "\n".join(waiver(f'instance = "{name}"') for name in ("c", "a", "b"))

    assert [it.instance for it in settings_of(text).waivers] == ["c", "a", "b"]


def test_what_dns_needs_is_read() -> None:
    settings = settings_of(
        "[dns]\n"
        'selectors = { "Example.ORG" = ["mail", "s2027._x"] }\n'
        'nameservers = ["192.0.2.53", "2001:db8::53"]'
    )

    assert settings.selectors == {"example.org": ("mail", "s2027._x")}
    assert settings.nameservers == ("192.0.2.53", "2001:db8::53")


def test_a_profile_is_read() -> None:
    text = """
[profile.training]
rules = ["smtp-debug", "no-server"]
skip = ["smtp-debug"]
severity = { no-server = "critical" }
fail_on = "warning"
"""
    assert settings_of(text).profiles["training"] == Profile(
        name="training",
        rules=("smtp-debug", "no-server"),
        skip=("smtp-debug",),
        severity={"no-server": "critical"},
        fail_on="warning",
    )


def test_an_empty_file_has_what_is_built_in() -> None:
    assert settings_of("") == load_audit_settings(None, rules=RULES)
    assert settings_of("").profiles.keys() == {"openspp"}


def test_the_acceptance_list_of_openspp_raises_what_is_worse_there() -> None:
    profile = settings_of("").profiles["openspp"]

    assert profile.fail_on == "warning"
    assert profile.severity["no-active-server"] == "critical"
    assert profile.severity["placeholder-alias-domain"] == "critical"
    assert profile.has("smtp-debug")
    assert not profile.has("dead-parameters")


def test_a_file_changes_the_keys_that_it_gives_of_a_profile_that_is_built_in() -> None:
    built_in = settings_of("").profiles["openspp"]
    own = settings_of('[profile.openspp]\nskip = ["smtp-debug"]\nfail_on = "info"')

    assert own.profiles["openspp"] == Profile(
        name="openspp",
        rules=built_in.rules,
        skip=("smtp-debug",),
        severity=built_in.severity,
        fail_on="info",
    )


def test_severities_of_a_profile_that_is_built_in_are_changed_one_by_one() -> None:
    built_in = settings_of("").profiles["openspp"]
    own = settings_of('[profile.openspp.severity]\nsmtp-debug = "critical"').profiles["openspp"]

    assert own.severity == {**built_in.severity, "smtp-debug": "critical"}
    assert own.rules == built_in.rules


def test_settings_travel_to_a_worker() -> None:
    settings = settings_of(waiver() + '\n[profile.a.severity]\nsmtp-debug = "info"')

    assert pickle.loads(pickle.dumps(settings)) == settings


# Where the file is


def test_a_file_is_found_in_this_folder_or_where_the_option_says(tmp_path: Path) -> None:
    assert find_audit_file(None, named_by="--audit-file") is None

    PATH.write_text(waiver())
    other = tmp_path / "other.toml"
    other.write_text("")

    assert find_audit_file(None, named_by="--audit-file") == PATH
    assert find_audit_file(other, named_by="--audit-file") == other
    assert len(load_audit_settings(PATH, rules=RULES).waivers) == 1


def test_a_file_that_was_given_and_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"--audit-file: there is no file missing\.toml"):
        find_audit_file(Path("missing.toml"), named_by="--audit-file")


# What is wrong

WRONG_KEYS = (
    ('rule = "smtp-debgu"', "rule 'smtp-debgu' is not the id of a rule; did you mean smtp-debug?"),
    ('rule = "colour"', "rule 'colour' is not the id of a rule"),
    ('rule = ""', "rule is empty"),
    ("rule = 3", "rule is not a text in quotes"),
    ("rule = ", "rule is not given"),
    ("instance = ", "one of instance and tag is given, not both and not neither"),
    ('tag = "x"', "one of instance and tag is given, not both and not neither"),
    ('instance = " "', "instance is empty"),
    ("instance = ['a']", "instance is not a text in quotes"),
    ("server = 0", "server is neither the id of a mail server nor its name"),
    ("server = true", "server is neither the id of a mail server nor its name"),
    ("server = 1.5", "server is neither the id of a mail server nor its name"),
    ('server = ""', "server is neither the id of a mail server nor its name"),
    ("reason = ", "reason is not given"),
    ('reason = " "', "reason is empty"),
    ("until = ", "until is not given"),
    ('until = "2027-03-31"', "until is not a date: 2027-03-31, without quotes"),
    ("until = 2027-03-31T12:00:00", "until is not a date: 2027-03-31, without quotes"),
    ("until = 2027", "until is not a date: 2027-03-31, without quotes"),
    ("untill = 2027-03-31", "untill: unknown key; did you mean until?"),
    (f'password = "{PASSWORD}"', "password: unknown key"),
)


@pytest.mark.parametrize(
    ("line", "problem"),
    [pytest.param(*row, id=row[0].replace(PASSWORD, "…")) for row in WRONG_KEYS],
)
def test_what_is_wrong_with_a_waiver_is_told_with_its_place(line: str, problem: str) -> None:
    assert problems_of(waiver(line)) == [f"audit.toml: [[waiver]] number 1: {problem}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(text, problem, id=problem)
        for text, problem in (
            ("a = = b", "not TOML: Invalid value (at line 1, column 5)"),
            ("colour = 1", "colour: unknown key outside of every table"),
            ("[waivers]\na = 1", "[waivers]: unknown table; did you mean waiver?"),
            ("[[profiles]]\na = 1", "[[profiles]]: unknown table; did you mean profile?"),
            ("[waiver]\nrule = 'x'", "waiver is not a list of tables: each begins with [[waiver]]"),
            ("waiver = [3]", "[[waiver]] number 1 is not a table"),
            ("dns = 3", "[dns] is not a table"),
            ("profile = 3", "[profile] is not a table"),
            ("[profile]\na = 3", "[profile.a] is not a table"),
            ("[profile.'a b']", "[profile.'a b']: a name is of letters, digits, _ and -"),
            ("[dns]\nselector = 1", "[dns]: selector: unknown key; did you mean selectors?"),
            (
                "[dns]\nselectors = ['a']",
                '[dns]: selectors is not a table: { "example.org" = ["selector"] }',
            ),
            (
                "[dns.selectors]\n'a@b.example' = ['a']",
                "[dns]: selectors: 'a@b.example' is not a domain",
            ),
            (
                "[dns.selectors]\n'a.example' = 'a'",
                '[dns]: selectors: a.example is not a list of texts: ["…", "…"]',
            ),
            (
                "[dns.selectors]\n'a.example' = [3]",
                "[dns]: selectors: a.example[0] is not a text in quotes",
            ),
            (
                "[dns.selectors]\n'a.example' = ['s', 's t']",
                "[dns]: selectors: a.example[1] is not the name of a selector",
            ),
            ("[dns]\nnameservers = 'a'", '[dns]: nameservers is not a list of texts: ["…", "…"]'),
            (
                "[dns]\nnameservers = ['ns.example']",
                "[dns]: nameservers[0] 'ns.example' is not an IP address",
            ),
            ("[profile.a]\nrule = ['x']", "[profile.a]: rule: unknown key; did you mean rules?"),
            (
                "[profile.a]\nrules = ['no-serve']",
                "[profile.a]: rules: 'no-serve' is not the id of a rule; did you mean no-server?",
            ),
            ("[profile.a]\nskip = ['x']", "[profile.a]: skip: 'x' is not the id of a rule"),
            ("[profile.a]\nskip = ['']", "[profile.a]: skip[0] is empty"),
            ("[profile.a]\nskip = 'x'", '[profile.a]: skip is not a list of texts: ["…", "…"]'),
            (
                "[profile.a.severity]\nx = 'info'",
                "[profile.a]: severity: 'x' is not the id of a rule",
            ),
            (
                "[profile.a.severity]\nsmtp-debug = 2",
                "[profile.a]: severity: smtp-debug is not one of info, warning, error, critical",
            ),
            (
                "[profile.a]\nseverity = 'info'",
                '[profile.a]: severity is not a table: { rule-id = "warning" }',
            ),
            (
                "[profile.a]\nfail_on = 'never'",
                "[profile.a]: fail_on is not one of info, warning, error, critical",
            ),
        )
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_place(text: str, problem: str) -> None:
    assert problems_of(text) == [f"audit.toml: {problem}"]


def test_two_waivers_about_the_same_are_a_mistake() -> None:
    text = "\n".join((waiver(), waiver("server = 6"), waiver('reason = "Other"')))

    assert problems_of(text) == [
        "audit.toml: line 12: [[waiver]] number 3 is about what number 1 in line 1 is about"
    ]


def test_all_problems_are_told_at_once() -> None:
    wrong = waiver('rule = "x"', "until = 3")
    text = f"{wrong}\n[dns]\na = 1\n[profile.a]\nskip = ['y']"

    assert problems_of(text) == [
        "audit.toml: [[waiver]] number 1: until is not a date: 2027-03-31, without quotes",
        "audit.toml: [dns]: a: unknown key",
        "audit.toml: [[waiver]] number 1: rule 'x' is not the id of a rule",
        "audit.toml: [profile.a]: skip: 'y' is not the id of a rule",
    ]


def test_a_file_that_cannot_be_read_is_told() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_audit_settings(Path("missing.toml"), rules=RULES)
