"""The form of `audit.toml`, and what is wrong with one that does not have it.

It takes time to import: pydantic is slow to load. What needs no such file does not import it.
"""

import difflib
import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails

from remote_mailcfg.config.file_form import (
    STRICT,
    Lines,
    Text,
    describe_outside,
    describe_value,
    find_lines,
    find_placeholders,
    nearest,
    parse_toml,
    right,
)
from remote_mailcfg.model.finding import SEVERITIES, Severity
from remote_mailcfg.model.target import TagUse
from remote_mailcfg.model.values import check_host

NAME_PATTERN: Final = r"^[A-Za-z0-9_-]+$"

#: The words that a key may be, or its form.
EXPECTED: Final = {
    "until": "a date: 2027-03-31, without quotes",
    "selectors": 'a table: { "example.org" = ["selector"] }',
    "severity": f'a table: {{ rule-id = "{SEVERITIES[1]}" }}',
    "fail_on": ", ".join(SEVERITIES),
}


def _check_server(value: Any) -> Any:
    is_id = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if not is_id and not (isinstance(value, str) and value.strip()):
        raise ValueError("is neither the id of a mail server nor its name")
    return value


def _check_domain(text: str) -> str:
    return right(text, f"{text!r} is not a domain" if check_host(text) else None)


def _check_address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return right(text, f"{text!r} is not an IP address")
    return text


Server = Annotated[int | str, BeforeValidator(_check_server)]
Domain = Annotated[str, AfterValidator(_check_domain)]
Selector = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$")]
Address = Annotated[str, AfterValidator(_check_address)]
ProfileName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]


class WaiverTable(BaseModel):
    """A finding that is accepted until a day, on one instance or on those with a tag."""

    model_config = STRICT

    rule: Text
    """Id of the rule."""
    instance: Text = ""
    """Name of the instance. Required, or tag instead of it."""
    tag: Text = ""
    """Every instance with this tag."""
    server: Server | None = None
    """Id or name of the mail server. Left out: whatever the rule finds."""
    reason: Text
    """Why it is accepted."""
    until: date
    """The last day on which it is."""


class DnsTable(BaseModel):
    """What the rules of DNS need to know."""

    model_config = STRICT

    selectors: dict[Domain, list[Selector]] = {}
    """Selectors of DKIM by domain."""
    nameservers: list[Address] = []
    """IP addresses of the DNS servers to ask. Left out: those of this machine."""


class ProfileTable(BaseModel):
    """A choice of rules, and how bad each is. Of a profile that is built in, keys replace its."""

    model_config = STRICT

    rules: list[Text] = []
    """Ids of the only rules that look. Left out: all."""
    skip: list[Text] = []
    """Ids of rules that do not look."""
    severity: dict[str, Severity] = {}
    """Severity by the id of the rule, for all that it finds."""
    fail_on: Severity | None = None
    """The least severity that ends with exit code 3, where --fail-on is not given."""


class AuditFile(BaseModel):
    """What is accepted of the findings of an audit, profiles of rules, and how DNS is asked."""

    model_config = STRICT | {"title": "audit.toml"}

    waiver: list[WaiverTable] = []
    """Findings that are accepted."""
    dns: DnsTable = Field(default_factory=DnsTable)
    """What the rules of DNS need to know."""
    profile: dict[ProfileName, ProfileTable] = {}
    """Profiles by name."""


def validate(text: str, *, rules: Collection[str]) -> AuditFile | list[str]:
    """Return what a file says, or every problem, each with its place; `rules` are the known ids.

    Problems are values: an exception of a parser would carry the text along.
    """
    content = parse_toml(text)
    if isinstance(content, str):
        return [content]
    file, problems = None, list[str]()
    try:
        file = AuditFile.model_validate(content)
    except ValidationError as error:
        problems = [_describe(it) for it in error.errors(include_url=False)]
    lines = find_lines(text)
    problems += [*_check_waivers(content, rules, lines), *_check_profiles(content, rules)]
    return problems if problems or file is None else file


def find_tags(file: AuditFile, text: str, path: Path) -> tuple[TagUse, ...]:
    """Return the tags and instances of the waivers in a file."""
    lines = find_lines(text)
    return tuple(
        TagUse(value, f"{path}: {lines.at(('waiver', number, key), _waiver(number))}: {key}")
        for number, table in enumerate(file.waiver)
        for key, value in (("instance", table.instance), ("tag", table.tag))
        if value
    )


def _check_waivers(
    content: Mapping[str, Any], rules: Collection[str], lines: Lines
) -> Iterator[str]:
    """Yield what is wrong with waivers that have their form, also beside some that do not."""
    tables = content.get("waiver")
    first_of = dict[str, int]()
    for number, table in enumerate(tables if isinstance(tables, list) else []):
        if not isinstance(table, dict):
            continue
        if ("instance" in table) == ("tag" in table):
            yield f"{_waiver(number)}: one of instance and tag is given, not both and not neither"
        if isinstance(rule := table.get("rule"), str) and rule.strip():
            yield from (f"{_waiver(number)}: rule {it}" for it in _check_rule(rule, rules))
        for key in ("rule", "instance", "tag", "server"):
            for problem in find_placeholders(table.get(key), ""):
                yield lines.at(("waiver", number, key), f"{_waiver(number)}: {key}: {problem}")
        about = repr([table.get(key) for key in ("rule", "instance", "tag", "server")])
        if (first := first_of.setdefault(about, number)) != number:
            before = f"number {first + 1} in line {lines.of(('waiver', first))}"
            yield lines.at(("waiver", number), f"{_waiver(number)} is about what {before} is about")


def _check_profiles(content: Mapping[str, Any], rules: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the ids of rules in profiles."""
    profiles = content.get("profile")
    for name, table in (profiles if isinstance(profiles, dict) else {}).items():
        for key in ("rules", "skip", "severity"):
            ids = table.get(key, []) if isinstance(table, dict) else []
            for rule in ids if isinstance(ids, list | dict) else []:
                if isinstance(rule, str) and rule.strip():
                    yield from (f"[profile.{name}]: {key}: {it}" for it in _check_rule(rule, rules))


def _check_rule(rule: str, rules: Collection[str]) -> Iterator[str]:
    if rule not in rules:
        near = difflib.get_close_matches(rule, rules, 1)
        yield f"{rule!r} is not the id of a rule" + (f"; did you mean {near[0]}?" if near else "")


def _describe(error: ErrorDetails) -> str:
    """Return a problem with its place."""
    match error["loc"]:
        case ("waiver", *inside):
            return _describe_waivers(inside, error)
        case ("dns", str(key), *inside):
            return f"[dns]: {_describe_key(key, inside, error, DnsTable)}"
        case ("profile", str(name), *inside):
            return _describe_profile(name, inside, error)
        case (str(name),) if error["type"] == "extra_forbidden":
            return describe_outside(name, error, AuditFile)
        case place:
            return f"[{place[0]}] is not a table"


def _describe_waivers(place: Sequence[int | str], error: ErrorDetails) -> str:
    """Return a problem at a place within the list of waivers."""
    match place:
        case (int(number), str(key), *inside):
            return f"{_waiver(number)}: {_describe_key(key, inside, error, WaiverTable)}"
        case (int(number),):
            return f"{_waiver(number)} is not a table"
    return "waiver is not a list of tables: each begins with [[waiver]]"


def _describe_profile(name: str, place: Sequence[int | str], error: ErrorDetails) -> str:
    """Return a problem at a place within the table of a profile."""
    match place:
        case ("[key]",):
            return f"[profile.{name!r}]: a name is of letters, digits, _ and -"
        case (str(key), *inside):
            return f"[profile.{name}]: {_describe_key(key, inside, error, ProfileTable)}"
    return f"[profile.{name}] is not a table"


def _describe_key(
    key: str, inside: Sequence[int | str], error: ErrorDetails, form: type[BaseModel]
) -> str:
    """Return what is wrong with a key, or at a place inside its table or its list."""
    match inside:
        case () if error["type"] == "extra_forbidden":
            return f"{key}: unknown key{nearest(key, form)}"
        case (str(), "[key]"):
            return f"{key}: {error['ctx']['error']}"
        case (str(name), int(number)) if error["type"] == "string_pattern_mismatch":
            return f"{key}: {name}[{number}] is not the name of a selector"
        case (str(name), *further):
            words = {name: EXPECTED["fail_on"]}
            return f"{key}: {describe_value(name, further, error, words)}"
    return describe_value(key, inside, error, EXPECTED)


def _waiver(number: int) -> str:
    return f"[[waiver]] number {number + 1}"
