"""The live mail servers of instances as a desired-state file."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.model.from_filter import split_from_filter
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.operations.list_servers import ServerList
from remote_mailcfg.report.servers import SERVER_LIST
from remote_mailcfg.report.view import View

HEAD: Final = (
    "The active mail servers as they are now; `remote-mailcfg plan` finds no difference.",
    "Passwords are never read: say where each one is (env:, file:, keyring:, command:).",
    "A server with `tags` is on these instances alone.",
)
FILES: Final = ("smtp_ssl_certificate", "smtp_ssl_private_key")

#: Values in a form that can be compared: field and value in the order of the file.
Entry = tuple[tuple[str, Any], ...]


def make_file(outcomes: Sequence[Outcome[ServerList]]) -> str:
    """Return the file: what all instances have is there once, the rest by instance."""
    import tomlkit  # noqa: PLC0415 - slow to load

    document = tomlkit.document()
    found = _by_instance(outcomes)
    for line in (*HEAD, *_left_out(outcomes)):
        document.add(tomlkit.comment(line))
    tables = tomlkit.aot()
    taken: Counter[str] = Counter()
    for entry, names in found.items():
        table = tomlkit.table()
        key = _key(str(dict(entry)["name"]), taken)
        for field, value in _lines(key, dict(entry)):
            table.add(field, value)
        if len(names) < len(outcomes):
            table.add("tags", names)
        tables.append(table)
    document.add(tomlkit.nl())
    document.add("mail_server", tables if found else tomlkit.array())
    return document.as_string()


def _by_instance(outcomes: Sequence[Outcome[ServerList]]) -> dict[Entry, list[str]]:
    """Return each different server with the instances that have it; a twin is one of its own."""
    found: dict[Entry, list[str]] = {}
    for outcome in outcomes:
        twins: Counter[Entry] = Counter()
        for record in outcome.result.servers if outcome.result else ():
            if _is_wanted(record) and _is_complete(record):
                values = tuple(_values(record))
                twins[values] += 1
                found.setdefault((*values, ("twin", twins[values])), []).append(outcome.target.name)
    return found


def _left_out(outcomes: Sequence[Outcome[ServerList]]) -> Iterator[str]:
    for outcome in outcomes:
        for record in outcome.result.servers if outcome.result else ():
            if _is_wanted(record) and not _is_complete(record):
                where = f"{outcome.target.name}: {record.id} {record.name!r}"
                yield f"Left out, since it has no smtp_host: {where}"


def _is_wanted(record: MailServerRecord) -> bool:
    return record.active and record.ours is None and record.owner_user_id is None


def _is_complete(record: MailServerRecord) -> bool:
    return bool(record.smtp_host) or record.smtp_authentication == "cli"


def _values(record: MailServerRecord) -> Iterator[tuple[str, Any]]:
    yield "name", record.name
    yield "sequence", record.sequence
    if record.smtp_authentication != "cli":
        yield "smtp_encryption", record.smtp_encryption
        yield "smtp_host", record.smtp_host
        yield "smtp_port", record.smtp_port
    if record.smtp_authentication != "login":
        yield "smtp_authentication", record.smtp_authentication
    if record.smtp_user:
        yield "smtp_user", record.smtp_user
    if record.has_password:
        yield "smtp_pass", True
    for field in FILES:
        if getattr(record, field):
            yield field, True
    if record.from_filter:
        yield "from_filter", tuple(split_from_filter(record.from_filter))
    if record.smtp_debug:
        yield "smtp_debug", True
    if record.max_email_size:
        yield "max_email_size", record.max_email_size


def _lines(key: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a table; a secret is a reference that is to be filled."""
    yield "key", key
    for field, value in values.items():
        if field == "smtp_pass":
            yield field, f"env:SMTP_PASS_{re.sub('[^A-Z0-9]', '_', key.upper())}"
        elif field in FILES:
            yield field, f"file:{key}-{field.removeprefix('smtp_ssl_')}.pem"
        elif field != "twin":
            yield field, list(value) if isinstance(value, tuple) else value


def _key(name: str, taken: Counter[str]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "server"
    taken[slug] += 1
    return slug if taken[slug] == 1 else f"{slug}-{taken[slug]}"


EXPORT: Final = View(SERVER_LIST.data, SERVER_LIST.rows, SERVER_LIST.text, merged=make_file)
