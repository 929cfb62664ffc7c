"""The live mail servers of instances as a desired-state file."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any, Final

from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.model.desired import INSTANCE_PLACE
from remote_mailcfg.model.from_filter import split_from_filter
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.masking import escape_unseen
from remote_mailcfg.operations.list_servers import ServerList
from remote_mailcfg.report.servers import SERVER_LIST
from remote_mailcfg.report.view import View

HEAD: Final = (
    "The active mail servers as they are now; `remote-mailcfg plan` finds no difference.",
    "Passwords are never read: say where each one is (env:, file:, keyring:, command:).",
    "A server with `tags` is on these instances alone.",
)
FILES: Final = ("smtp_ssl_certificate", "smtp_ssl_private_key")

#: What a value must be for the key of an external id to be one of the file.
KEY: Final = re.compile(r"[A-Za-z0-9_-]+")

#: Of a longer name the beginning is the key.
LONGEST_KEY: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A live server that goes into the file: its values, and the key of its external id."""

    instance: str
    key: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A server of the file: what instances have alike, by the name of each, and how it is said.

    `key` is that of their external ids, `""` where none has one.
    """

    key: str
    values: dict[str, Any]
    instances: list[str]


def make_file(outcomes: Sequence[Outcome[ServerList]]) -> str:
    """Return the file: what all instances have is there once, the rest by instance."""
    parts = ["".join(f"# {line}\n" for line in (*HEAD, *_left_out(outcomes)))]
    entries = _entries(outcomes)
    for key, entry in zip(_keys(entries, outcomes), entries, strict=True):
        lines = dict(_lines(key, entry.values))
        if len(entry.instances) < len(outcomes):
            lines["tags"] = entry.instances
        written = (f"{field} = {_toml(value)}\n" for field, value in lines.items())
        parts.append("".join(("[[mail_server]]\n", *written)))
    return escape_unseen("\n".join(parts if entries else (*parts, "mail_server = []\n")))


def _toml(value: Any) -> str:
    """Return a value as TOML, whose texts are written as those of JSON."""
    return json.dumps(value, ensure_ascii=False)


def _entries(outcomes: Sequence[Outcome[ServerList]]) -> list[Entry]:
    """Return each different server with the instances that have it, in the order of the first."""
    families: dict[tuple[str, str], list[Live]] = {}
    for family, server in _by_family(outcomes):
        families.setdefault(family, []).append(server)
    return [entry for servers in families.values() for entry in _alike(servers)]


def _by_family(
    outcomes: Sequence[Outcome[ServerList]],
) -> Iterator[tuple[tuple[str, str], Live]]:
    """Yield every server with what it may share an entry with: those of its key, or else name.

    One without an external id goes with those of its name that have one, unless its instance has
    that key already.
    """
    results = [(it.target.name, it.result) for it in outcomes if it.result]
    live = [it for name, result in results for it in _live(name, result)]
    keys = {name: set(result.managed) for name, result in results}
    pairs = {(it.instance, it.values["name"]) for it in live}
    shared = Counter(name for _instance, name in pairs)
    names = [_general_name(it, shared) for it in live]
    key_of = {name: it.key for name, it in zip(names, live, strict=True) if it.key}
    for name, server in zip(names, live, strict=True):
        key = server.key or key_of.get(name, "")
        joins = server.key or key not in keys[server.instance]
        yield ("key", key) if key and joins else ("name", name), server


def _live(instance: str, result: ServerList) -> Iterator[Live]:
    key_of = {record_id: key for key, record_id in result.managed.items()}
    for record in result.servers:
        if _is_wanted(record) and _is_complete(record):
            key = key_of.get(record.id, "")
            yield Live(
                instance=instance,
                key=key if KEY.fullmatch(key) else "",
                values=dict(_values(record)),
            )


def _general_name(server: Live, shared: Mapping[str, int]) -> str:
    """Return the name of a server; one of its instance alone without the instance's name."""
    name = str(server.values["name"])
    return name if shared[name] > 1 else str(_general(name, server.instance))


def _general(value: Any, instance: str) -> Any:
    """Return a value with {instance} in the place of the instance's name."""
    if isinstance(value, tuple):
        return tuple(_general(it, instance) for it in value)
    return value.replace(instance, INSTANCE_PLACE) if isinstance(value, str) else value


def _alike(servers: Sequence[Live]) -> list[Entry]:
    """Return the entries of a family, the most frequent with its key; a twin is one of its own.

    A value is said with {instance} where that makes fewer different ones of it.
    """
    general = {
        field
        for field in {name: None for server in servers for name in server.values}
        if len({_general(it.values.get(field), it.instance) for it in servers})
        < len({it.values.get(field) for it in servers})
    }
    found: dict[tuple[Any, ...], Entry] = {}
    twins: Counter[tuple[Any, ...]] = Counter()
    for it in servers:
        values = {
            field: _general(value, it.instance) if field in general else value
            for field, value in it.values.items()
        }
        alike = tuple(values.items())
        twins[alike, it.instance] += 1
        entry = found.setdefault((alike, twins[alike, it.instance]), Entry("", values, []))
        entry.instances.append(it.instance)
    key = next((it.key for it in servers if it.key), "")
    most = max(found.values(), key=lambda entry: len(entry.instances))
    return [replace(it, key=key) if it is most else it for it in found.values()]


def _keys(entries: Sequence[Entry], outcomes: Sequence[Outcome[ServerList]]) -> Iterator[str]:
    """Yield a key for each entry: its own, else one of its name that no external id has."""
    taken = {key for outcome in outcomes if outcome.result for key in outcome.result.managed}
    numbers: dict[str, Iterator[int]] = {}
    for entry in entries:
        key = entry.key
        if not key:
            name = str(entry.values["name"]).replace(INSTANCE_PLACE, "").lower()
            slug = re.sub(r"[^a-z0-9]+", "-", name[:LONGEST_KEY]).strip("-") or "server"
            numbered = (f"{slug}-{it}" for it in numbers.setdefault(slug, count(2)))
            key = next(it for it in chain([slug], numbered) if it not in taken)
        taken.add(key)
        yield key


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
    is_general = any(INSTANCE_PLACE in str(value) for value in values.values())
    yield "key", key
    for field, value in values.items():
        if field == "smtp_pass":
            name = re.sub("[^A-Z0-9]", "_", key.upper())
            yield field, f"env:SMTP_PASS_{name}{f'_{INSTANCE_PLACE}' if is_general else ''}"
        elif field in FILES:
            name = f"{key}-{INSTANCE_PLACE}" if is_general else key
            yield field, f"file:{name}-{field.removeprefix('smtp_ssl_')}.pem"
        else:
            yield field, list(value) if isinstance(value, tuple) else value


EXPORT: Final = View(
    SERVER_LIST.data,
    SERVER_LIST.rows,
    SERVER_LIST.text,
    merged=make_file,
    columns=SERVER_LIST.columns,
)
