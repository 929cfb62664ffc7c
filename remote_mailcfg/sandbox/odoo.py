"""One Odoo server: its databases, what it shows of them, and its web sessions."""

from dataclasses import dataclass, field
from typing import Any

from remote_mailcfg.sandbox.database import Database
from remote_mailcfg.sandbox.fault import DATABASE, FaultError
from remote_mailcfg.sandbox.model import Version
from remote_mailcfg.sandbox.sessions import Cooldown, Session


@dataclass(slots=True)
class Odoo:
    """A server. Tests look into it and change it between calls.

    `shown` are the names of the databases that the filter (`dbfilter`) lets through. With `openspp`
    it has the traits that OpenSPP's modules give it. What is in `break_before` and `break_after`
    (the path of a web route) gets no answer, once.
    """

    version: Version
    databases: dict[str, Database]
    shown: tuple[str, ...]
    openspp: bool = False
    lists_databases: bool = True
    keeps_debug: bool = True
    hides_menu: bool = False
    sessions: dict[str, Session] = field(default_factory=dict)
    cooldown: Cooldown = field(default_factory=Cooldown)
    break_before: dict[str, bool] = field(default_factory=dict)
    break_after: dict[str, bool] = field(default_factory=dict)

    @property
    def first(self) -> Database:
        return next(iter(self.databases.values()))

    @property
    def info(self) -> dict[str, Any]:
        """What the version services tell; OpenSPP does not touch them."""
        serie = f"{self.version}.0"
        return {
            "server_version": serie,
            "server_version_info": [self.version, 0, 0, "final", 0, ""],
            "server_serie": serie,
            "protocol_version": 1,
        }

    def database(self, name: str) -> Database:
        """Return a database for RPC, which ignores the filter."""
        if name not in self.databases:
            where = 'connection to server at "127.0.0.1", port 5432 failed'
            text = f'{where}: FATAL:  database "{name}" does not exist\n'
            raise FaultError(DATABASE, text)
        return self.databases[name]


def make_odoo(
    version: Version,
    databases: tuple[str, ...] = ("openspp",),
    *,
    smtp_timeout_seconds: float = 60.0,
    openspp: bool = False,
) -> Odoo:
    """Make a server with these databases, all of which it shows."""
    made = {name: Database(name, version, smtp_timeout_seconds) for name in databases}
    for database in made.values() if openspp else ():
        for name in ("spp_base", "spp_branding_kit", "theme_openspp_muk"):
            database.models["ir.module.module"].add(name=name, state="installed")
    return Odoo(version, made, databases, openspp=openspp)
