"""The form of `mail-servers.toml`, and what is wrong with one that does not have it.

It takes time to import: pydantic is slow to load. What needs no such file does not import it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails

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
from remote_mailcfg.config.secrets import check_reference
from remote_mailcfg.model.desired import (
    INSTANCE_PLACE,
    DesiredServer,
    DesiredState,
    Policy,
    Relay,
    Unmanaged,
    parse_relay,
)
from remote_mailcfg.model.from_filter import split_from_filter
from remote_mailcfg.model.target import ROLES, Role, TagUse
from remote_mailcfg.model.values import Value, check_without_instance, default_port

Encryption = Literal["none", "starttls", "starttls_strict", "ssl", "ssl_strict"]
Authentication = Literal["login", "certificate", "cli", "gmail", "outlook"]

KEY_PATTERN: Final = r"^[A-Za-z0-9_-]+$"
#: What the file holds references to.
SECRETS: Final = ("smtp_pass", "smtp_ssl_certificate", "smtp_ssl_private_key")
#: What of a server is not a field of Odoo's.
OWN_KEYS: Final = frozenset({"key", "tags"})
#: Stands for the name of an instance where a text is checked.
SAMPLE: Final = "instance"

#: The words that a key may be, or its number.
EXPECTED: Final = {
    "unmanaged": ", ".join(get_args(Unmanaged)),
    "max_changed_share": "a number from 0 to 1",
    "safe_roles": ", ".join(ROLES),
    "key": "of letters, digits, _ and -",
    "sequence": "a whole number",
    "smtp_encryption": ", ".join(get_args(Encryption)),
    "smtp_authentication": ", ".join(get_args(Authentication)),
    "smtp_port": "a whole number",
    "max_email_size": "a number of MB",
}


def _check_reference(text: str) -> str:
    sample = PLACEHOLDER.sub("NAME", text)
    return right(text, check_reference(sample) if text else None)


def _check_pem(text: str) -> str:
    """Look at the form of a reference to a PEM file, without showing it: it may be a key."""
    is_file = text.startswith("file:") and check_reference(text) is None
    return right(text, None if is_file or not text else "is not file:PATH, a PEM file")


def _check_relay(text: str) -> str:
    found = parse_relay(text)
    return right(text, found if isinstance(found, str) else None)


def _without_defaults(schema: dict[str, Any]) -> None:
    """Take the defaults out of a schema: a field that is not given stays as it is."""
    for field in schema["properties"].values():
        field.pop("default", None)


Reference = Annotated[str, AfterValidator(_check_reference)]
Pem = Annotated[str, AfterValidator(_check_pem)]
RelayText = Annotated[str, AfterValidator(_check_relay)]


class PolicyTable(BaseModel):
    """What a plan may do."""

    model_config = STRICT

    unmanaged: Unmanaged = "report"
    """Live servers that no entry matches: report them, or archive them."""
    max_changed_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of a run's instances, and of their servers, that may change; counted from 5 on.

    What exists and changes is counted. Over it, apply needs --max-changed.
    """
    production_hosts: list[RelayText] = []
    """Relays that no training, staging or test instance may send through: HOST or HOST:PORT."""
    safe_roles: list[Role] = []
    """Roles of instances on which only servers of this file may be active."""


class MailServerTable(BaseModel):
    """One mail server; a field that is left out stays as it is. Texts may hold {instance}."""

    model_config = STRICT | ConfigDict(json_schema_extra=_without_defaults)

    key: Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
    """Becomes Odoo's external id remote_mailcfg.KEY, by which the server is found again."""
    name: Text
    """Name."""
    sequence: int = 10
    """Priority: the smallest is used first."""
    smtp_encryption: Encryption = "none"
    """Connection Encryption."""
    smtp_authentication: Authentication = "login"
    """Authenticate with."""
    smtp_user: str = ""
    """Username."""
    smtp_pass: Reference = ""
    """Reference to the password, such as env:SMTP_PASS. Empty: there shall be none."""
    smtp_host: str = ""
    """SMTP Server. Required, but for authentication cli."""
    smtp_port: int = 25
    """SMTP Port. Left out beside smtp_encryption: 465 for ssl*, 587 for starttls*, 25 for none."""
    from_filter: list[Text] = []
    """FROM Filtering: addresses and domains."""
    smtp_ssl_certificate: Pem = ""
    """SSL Certificate: file:PATH of a PEM file. Empty: there shall be none."""
    smtp_ssl_private_key: Pem = ""
    """Private Key: file:PATH of a PEM file without a passphrase. Empty: there shall be none."""
    smtp_debug: bool = False
    """Debugging."""
    max_email_size: float = 0.0
    """Max Email Size in MB, where the instance has it."""
    active: bool = True
    """false: the server shall be archived."""
    tags: list[Text] = []
    """Only instances with one of these tags. Left out: all."""


class DesiredFile(BaseModel):
    """The outgoing mail servers that instances shall have. It holds no secret."""

    model_config = STRICT | {"title": "mail-servers.toml"}

    policy: PolicyTable = Field(default_factory=PolicyTable)
    """What a plan may do."""
    mail_server: list[MailServerTable]
    """The mail servers; mail_server = [] says that there is none."""


def validate(text: str, path: Path) -> DesiredState | list[str]:
    """Return what a file says, or every problem, each with its place.

    Problems are values: an exception of a parser would carry the text along.
    """
    content = parse_toml(text)
    if isinstance(content, str):
        return [content]
    folder, lines = path.absolute().parent, find_lines(text)
    file, errors = None, list[ErrorDetails]()
    try:
        file = DesiredFile.model_validate(content)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    tables = content.get("mail_server")
    tables = tables if isinstance(tables, list) else []
    problems = [_describe(error, tables) for error in errors]
    problems += _check_tables(tables, errors, folder) + _twice(tables, lines)
    problems += _check_placeholders(tables, lines)
    if problems or file is None:
        return problems
    policy = Policy(
        unmanaged=file.policy.unmanaged,
        max_changed_share=file.policy.max_changed_share,
        production_hosts=tuple(
            relay
            for text in file.policy.production_hosts
            if isinstance(relay := parse_relay(text), Relay)
        ),
        safe_roles=tuple(file.policy.safe_roles),
    )
    places = [
        f"{path}: {lines.at(('mail_server', number), _place(number, tables))}"
        for number in range(len(tables))
    ]
    given = [table.model_dump(exclude_unset=True) for table in file.mail_server]
    return DesiredState(
        path=path,
        text=text,
        policy=policy,
        servers=tuple(_server(it, folder, at) for it, at in zip(given, places, strict=True)),
        tag_uses=tuple(_find_tags(path, tables, lines)),
    )


def _find_tags(path: Path, tables: Sequence[Any], lines: Lines) -> Iterator[TagUse]:
    for number, table in enumerate(tables):
        place = lines.at(("mail_server", number, "tags"), _place(number, tables))
        yield from (TagUse(tag, f"{path}: {place}: tags") for tag in table.get("tags", ()))


def _check_placeholders(tables: Sequence[Any], lines: Lines) -> list[str]:
    return [
        lines.at(("mail_server", number, key), f"{_place(number, tables)}: {key}: {problem}")
        for number, table in enumerate(tables)
        if isinstance(table, dict)
        for key, value in table.items()
        for problem in find_placeholders(value, "" if key in OWN_KEYS else INSTANCE_PLACE)
    ]


def _server(given: Mapping[str, Any], folder: Path, place: str = "") -> DesiredServer:
    """Return the server of a table, each of whose values has its form."""
    values: dict[str, Value] = {
        field: value
        for field, value in given.items()
        if field not in OWN_KEYS and not (field in SECRETS and value)
    }
    if "from_filter" in given:
        values["from_filter"] = ",".join(split_from_filter(",".join(given["from_filter"])))
    has_port = "smtp_port" in values or values.get("smtp_authentication") == "cli"
    if "smtp_encryption" in values and not has_port:
        values["smtp_port"] = default_port(given["smtp_encryption"])
    return DesiredServer(
        key=given.get("key", ""),
        values=values,
        references=tuple((field, given[field]) for field in SECRETS if given.get(field)),
        tags=tuple(given.get("tags", ())),
        folder=folder,
        place=place,
    )


def _check_tables(tables: Sequence[Any], errors: Sequence[ErrorDetails], folder: Path) -> list[str]:
    """Return what is wrong with values that have their form, also beside some that do not."""
    wrong = {tuple(error["loc"][1:3]) for error in errors if error["loc"][0] == "mail_server"}
    problems = []
    for number, table in enumerate(tables):
        if isinstance(table, dict):
            given = {key: value for key, value in table.items() if (number, key) not in wrong}
            found = [*_check_host_given(table), *_check_server(_server(given, folder))]
            problems += [f"{_place(number, tables)}: {problem}" for problem in found]
    return problems


def _check_host_given(table: Mapping[str, Any]) -> Iterator[str]:
    if "smtp_host" not in table and table.get("smtp_authentication") != "cli":
        yield "smtp_host is not given"


def _check_server(server: DesiredServer) -> Iterator[str]:
    filled = server.on(SAMPLE)
    yield from check_without_instance({**filled.values, **dict(filled.references)})
    logs_in = server.values.get("smtp_authentication", "login") == "login"
    if logs_in and server.values.get("smtp_user") and server.values.get("smtp_pass") == "":
        yield "smtp_pass is empty, and smtp_user needs one; left out, it stays as it is"


def _twice(tables: Sequence[Any], lines: Lines) -> list[str]:
    problems, first_of = [], dict[str, int]()
    for number, table in enumerate(tables):
        key = table.get("key") if isinstance(table, dict) else None
        if isinstance(key, str) and (first := first_of.setdefault(key, number)) != number:
            before = lines.of(("mail_server", first, "key"))
            problem = f"{_place(number, tables)}: the key {key!r} is in line {before} already"
            problems.append(lines.at(("mail_server", number, "key"), problem))
    return problems


def _describe(error: ErrorDetails, tables: Sequence[Any]) -> str:
    """Return a problem with its place."""
    match error["loc"]:
        case ("mail_server", *inside):
            return _describe_servers(inside, error, tables)
        case ("policy", str(key), *inside):
            return f"[policy]: {_describe_key(key, inside, error, PolicyTable)}"
        case (str(name),) if error["type"] == "extra_forbidden":
            return describe_outside(name, error, DesiredFile)
        case place:
            return f"[{place[0]}] is not a table"


def _describe_servers(
    place: Sequence[int | str], error: ErrorDetails, tables: Sequence[Any]
) -> str:
    """Return a problem at a place within the list of mail servers."""
    match place:
        case (int(number), str(key), *inside):
            described = _describe_key(key, inside, error, MailServerTable)
            return f"{_place(number, tables)}: {described}"
        case (int(number),):
            return f"{_place(number, tables)} is not a table"
    if error["type"] == "missing":
        return "there is no mail server in it; if none is meant: mail_server = []"
    return "mail_server is not a list of tables: each begins with [[mail_server]]"


def _describe_key(
    key: str, inside: Sequence[int | str], error: ErrorDetails, form: type[BaseModel]
) -> str:
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key{nearest(key, form)}"
    return describe_value(key, inside, error, EXPECTED)


def _place(number: int, tables: Sequence[Any]) -> str:
    """Return the header of a server's table with its key, or its number where that is wrong."""
    key = tables[number].get("key") if isinstance(tables[number], dict) else None
    is_right = isinstance(key, str) and re.fullmatch(KEY_PATTERN, key)
    return f"[[mail_server]] {key}" if is_right else f"[[mail_server]] number {number + 1}"
