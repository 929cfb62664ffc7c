"""One instance as the user names it: where it is and how to get in."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from remote_mailcfg.secret import Secret

Protocol = Literal["auto", "jsonrpc", "xmlrpc", "json2"]

PROTOCOLS: tuple[Protocol, ...] = ("auto", "jsonrpc", "xmlrpc", "json2")

Role = Literal["production", "staging", "training", "test"]

ROLES: tuple[Role, ...] = ("production", "staging", "training", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Address, database and credentials of one instance.

    `url` has no trailing slash and keeps a path prefix; `database` is empty where the server is to
    be asked for its only one. `http_basic` is `user:password` of a proxy in front, `proxy` the
    address of an HTTP proxy on the way there, without credentials. `role` is None where nobody said
    what the instance is for. `min_interval_seconds` lies between two requests.
    """

    name: str
    url: str
    database: str = ""
    login: str = ""
    api_key: Secret | None = None
    password: Secret | None = None
    totp_secret: Secret | None = None
    protocol: Protocol = "auto"
    timeout_seconds: float = 90.0
    ca_file: Path | None = None
    insecure_tls: bool = False
    http_basic: Secret | None = None
    proxy: str = ""
    role: Role | None = None
    tags: tuple[str, ...] = ()
    min_interval_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TagUse:
    """A tag, or the name of an instance, that a file gives at a place."""

    tag: str
    place: str


def name_in_references(name: str) -> str:
    """Return an instance's name as a reference holds it: in capitals, - and . as _."""
    return re.sub(r"\W", "_", name.upper(), flags=re.ASCII)
