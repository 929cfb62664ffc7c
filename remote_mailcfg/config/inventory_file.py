"""The form of `instances.toml`, and what is wrong with one that does not have it.

It takes time to import: pydantic is slow to load. What needs no inventory does not import it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import ErrorDetails

from remote_mailcfg.config.address import check_address, origin_of
from remote_mailcfg.config.file_form import (
    PLACEHOLDER,
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
from remote_mailcfg.config.secrets import NAME_PLACE, check_reference
from remote_mailcfg.model.target import PROTOCOLS, ROLES, Protocol, Role

#: The keys that hold a reference to a secret.
REFERENCES: Final = frozenset({"api_key", "password", "totp_secret", "http_basic"})
#: The words that a key may be, or its number.
EXPECTED: Final = {
    "protocol": ", ".join(PROTOCOLS),
    "role": ", ".join(ROLES),
    "timeout": "a number of seconds up to 3600",
    "min_interval": "a number of seconds up to 3600",
}


def _check_url(text: str) -> str:
    return right(text, check_address(text, credentials="HTTP Basic goes into http_basic"))


def _check_proxy(text: str) -> str:
    problem = check_address(text, credentials="it cannot stand in this file")
    return right(text, problem if text else None)


def _check_reference(text: str) -> str:
    sample = PLACEHOLDER.sub("NAME", text)
    return right(text, check_reference(sample) if text else None)


def _check_file(text: str, info: ValidationInfo) -> str:
    """Look for a file, relative to the folder in the context of the validation."""
    folder: Path = (info.context or {})["folder"]
    is_there = not text or (folder / Path(text).expanduser()).is_file()
    return right(text, None if is_there else f"names {text!r}, and there is no such file")


Reference = Annotated[str, AfterValidator(_check_reference)]
InstanceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class InstanceTable(BaseModel):
    """The keys of one instance, and of `[defaults]`. An empty text takes a default away."""

    model_config = STRICT

    url: Annotated[str, AfterValidator(_check_url)] = ""
    """Base address, with a path prefix where there is one. Required, here or in the defaults."""
    database: str = ""
    """Database; when left out and the server has exactly one, that one."""
    login: Text = ""
    """Login of a user with the role System Admin. Required, here or in the defaults."""
    api_key: Reference = ""
    """Reference to the API key, for the remote calls, such as env:OPENSPP_API_KEY_{name}."""
    password: Reference = ""
    """Reference to the password, for the web session that developer mode lives in."""
    totp_secret: Reference = ""
    """Reference to the secret of an account with two-factor login, web session only."""
    http_basic: Reference = ""
    """Reference to user:password of a proxy in front of the instance; not with json2."""
    protocol: Protocol = "auto"
    """auto takes JSON-2 where the server has it and there is an API key, else JSON-RPC."""
    timeout: Annotated[float, Field(gt=0, le=3600)] = 90.0
    """Seconds for one call; the server's own SMTP timeout is 60."""
    ca_file: Annotated[str, AfterValidator(_check_file)] = ""
    """A private CA to trust (PEM); a path relative to this file."""
    insecure_tls: bool = False
    """Trust any certificate. For tests alone."""
    proxy: Annotated[str, AfterValidator(_check_proxy)] = ""
    """Address of an HTTP proxy on the way to the instance."""
    role: Literal[Role, ""] = ""
    """What the instance is for; guards and audits depend on it."""
    tags: list[Text] = []
    """Words to choose instances by, with --tag."""
    min_interval: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """Seconds between two requests, for proxies that limit the rate."""


class InventoryFile(BaseModel):
    """Instances of OpenSPP and Odoo: where they are and how to get in. It holds no secret."""

    model_config = STRICT | {"title": "instances.toml"}

    defaults: InstanceTable = Field(default_factory=InstanceTable)
    """What an instance takes where it does not say otherwise."""
    instances: dict[InstanceName, InstanceTable] = {}
    """The instances by their names."""


def validate(text: str, *, folder: Path) -> dict[str, InstanceTable] | list[str]:
    """Return each instance with the defaults in it, or every problem, each with its place.

    Problems are values: an exception of a parser would carry the text along.
    """
    content = parse_toml(text)
    if isinstance(content, str):
        return [content]
    problems: list[str] = []
    file = None
    try:
        file = InventoryFile.model_validate(content, context={"folder": folder})
    except ValidationError as error:
        problems += [_describe(it) for it in error.errors(include_url=False)]
    merged = dict(_merge(content))
    problems += _missing(merged) + _contradictions(merged) + _twice(merged)
    problems += _check_placeholders(content, find_lines(text))
    if problems or file is None:
        return problems
    if not file.instances:
        return ["there is no instance in it"]
    given = file.defaults.model_dump(exclude_unset=True)
    return {
        name: InstanceTable.model_construct(**(given | table.model_dump(exclude_unset=True)))
        for name, table in file.instances.items()
    }


def check_key(key: str, value: object, *, folder: Path) -> str | None:
    """Return what is wrong with one value of an instance, without the value; None: nothing."""
    try:
        InstanceTable.model_validate({key: value}, context={"folder": folder})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return _describe_key(key, first["loc"][1:], first)
    return None


def _merge(content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each instance that is a table with the defaults in it, right or wrong."""
    defaults, instances = content.get("defaults", {}), content.get("instances", {})
    if isinstance(instances, dict):
        for name, table in instances.items():
            if isinstance(table, dict):
                yield name, (defaults if isinstance(defaults, dict) else {}) | table


def _check_placeholders(content: Mapping[str, Any], lines: Lines) -> list[str]:
    defaults, instances = content.get("defaults"), content.get("instances")
    tables = {("defaults",): ("[defaults]", defaults)} | {
        ("instances", name): (_place(name), table)
        for name, table in (instances.items() if isinstance(instances, dict) else ())
    }
    return [
        lines.at((*place, key), f"{header}: {key}: {problem}")
        for place, (header, table) in tables.items()
        if isinstance(table, dict)
        for key, value in table.items()
        for problem in find_placeholders(value, NAME_PLACE if key in REFERENCES else "")
    ]


def _missing(merged: Mapping[str, dict[str, Any]]) -> list[str]:
    return [
        f"{_place(name)}: {key} is not given, nor in [defaults]"
        for name, table in merged.items()
        for key in ("url", "login")
        if key not in table
    ]


def _contradictions(merged: Mapping[str, dict[str, Any]]) -> list[str]:
    return [
        f"{_place(name)}: http_basic does not go with json2: both would be the one header"
        " Authorization"
        for name, table in merged.items()
        if table.get("http_basic") and table.get("protocol") == "json2"
    ]


def _twice(merged: Mapping[str, dict[str, Any]]) -> list[str]:
    problems, first_of = [], dict[tuple[str, str], str]()
    for name, table in merged.items():
        url, database = table.get("url"), table.get("database", "")
        if isinstance(url, str) and isinstance(database, str) and not _is_wrong(url):
            path = url.rstrip("/").partition("://")[2].partition("/")[2]
            first = first_of.setdefault((f"{origin_of(url)}/{path}", database), name)
            if first != name:
                problems.append(f"{_place(name)}: it has url and database of {first}")
    return problems


def _is_wrong(url: str) -> bool:
    return check_address(url, credentials="") is not None


def _describe(error: ErrorDetails) -> str:
    """Return a problem with its place. A value is shown only where it can be no secret."""
    match error["loc"]:
        case ("instances", str(name), "[key]"):
            return f"{_place(name)}: a name is of letters, digits, -, _ and ."
        case ("instances", str(name)):
            return f"{_place(name)} is not a table"
        case ("instances", str(name), str(key), *inside):
            return f"{_place(name)}: {_describe_key(key, inside, error, name)}"
        case (str(table), str(key), *inside):
            return f"[{table}]: {_describe_key(key, inside, error)}"
        case (str(name), *_) if error["type"] == "extra_forbidden":
            return describe_outside(name, error, InventoryFile)
        case place:
            return f"[{place[0]}] is not a table"


def _place(instance: str) -> str:
    """Return the header of an instance's table as TOML has it."""
    is_bare = re.fullmatch(r"[\w-]+", instance, re.ASCII)
    return f"[instances.{instance}]" if is_bare else f"[instances.{json.dumps(instance)}]"


def _describe_key(
    key: str, inside: Sequence[int | str], error: ErrorDetails, instance: str = ""
) -> str:
    """Return what is wrong with a key, or with the text at a position `inside` its list."""
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden" and instance and isinstance(value, dict):
        return f"{key} is a table; a name with a dot has quotes: {_place(f'{instance}.{key}')}"
    if kind == "extra_forbidden":
        return f"{key}: unknown key{nearest(key, InstanceTable)}"
    return describe_value(key, inside, error, EXPECTED)
