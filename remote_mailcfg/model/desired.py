"""The outgoing mail servers that instances shall have: what a desired-state file says."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from remote_mailcfg.model.target import Role, TagUse, Target, name_in_references
from remote_mailcfg.model.values import MAX_PORT, Values, check_host, is_loopback

Unmanaged = Literal["report", "archive"]

#: What a text of a server holds where the name of the instance belongs.
INSTANCE_PLACE: Final = "{instance}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredServer:
    """One mail server that shall be on the instances with one of `tags`; without tags on all.

    An instance's own name counts as a tag of it.

    `key` becomes its external id, `remote_mailcfg.KEY`. `values` are those that the file gives, by
    Odoo's field names, with the usual port where it gives none; a field that is not among them
    stays as it is. Secrets are not among them: `references` say, by field, where each one is,
    relative to `folder`. `place` is where the entry is, for errors.
    """

    key: str
    values: Values
    references: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    folder: Path
    place: str = field(default="", compare=False)

    def fits(self, target: Target) -> bool:
        """Tell whether the server is meant for this instance."""
        return not self.tags or not set(self.tags).isdisjoint({*target.tags, target.name})

    def on(self, instance: str) -> "DesiredServer":
        """Return the server with the instance's name where it says {instance}.

        In references it is in capitals, as {name} is in those of an inventory.
        """
        in_references = name_in_references(instance)
        return replace(
            self,
            values={
                field: value.replace(INSTANCE_PLACE, instance) if isinstance(value, str) else value
                for field, value in self.values.items()
            },
            references=tuple(
                (field, reference.replace(INSTANCE_PLACE, in_references))
                for field, reference in self.references
            ),
        )


@dataclass(frozen=True, slots=True)
class Relay:
    """A mail server as a place that mail is sent to: by its host alone, or by its port as well."""

    host: str
    port: int | None = None

    def is_at(self, host: str, port: int) -> bool:
        """Tell whether a server with this host and port sends through the relay.

        Of names for one machine only those of the loopback are known.
        """
        is_same = _host_key(self.host) == _host_key(host)
        return is_same and self.port in {None, port}


def _host_key(host: str) -> str:
    return "localhost" if is_loopback(host) else host.lower().rstrip(".")


def parse_relay(text: str) -> Relay | str:
    """Return the relay of `HOST`, `HOST:PORT` or `[IPV6]:PORT`, or what is wrong with it."""
    match = re.fullmatch(r"\[(?P<address>[^\]]*)\]:(?P<at>.*)|(?P<host>[^:]*):(?P<port>\d+)", text)
    if match is None:
        return ((problem := check_host(text)) and f"{text!r} {problem}") or Relay(text)
    host, port = match["address"] or match["host"] or "", match["at"] or match["port"] or ""
    if problem := check_host(host):
        return f"{host!r} {problem}"
    if not (port.isdecimal() and 1 <= int(port) <= MAX_PORT):
        return f"{text!r} has a port that is not between 1 and {MAX_PORT}"
    return Relay(host, int(port))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a plan may do.

    `max_changed_share` is of the instances and of the servers of a run, from 0 to 1.
    """

    unmanaged: Unmanaged = "report"
    max_changed_share: float = 0.5
    production_hosts: tuple[Relay, ...] = ()
    safe_roles: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """What one file says: the policy, and the servers in its order; `text` is the file.

    `tag_uses` are all tags in it.
    """

    path: Path
    text: str = field(default="", compare=False, repr=False)
    policy: Policy
    servers: tuple[DesiredServer, ...]
    tag_uses: tuple[TagUse, ...] = field(default=(), compare=False, repr=False)

    @property
    def has_references(self) -> bool:
        """Whether secrets are looked up, or commands run, for any server."""
        return any(server.references for server in self.servers)
