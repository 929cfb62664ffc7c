"""Instances behind one address, and the inventory that lists them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from remote_mailcfg.cli.main import app
from remote_mailcfg.sandbox.database import ADMIN
from remote_mailcfg.sandbox.odoo import make_odoo
from remote_mailcfg.sandbox.server import Served, serve
from tests.integration.instance import Ran

NAMES = ("north", "south", "east", "west")


@dataclass(frozen=True)
class Fleet:
    """Instances behind one address, and the inventory that lists them."""

    served: dict[str, Served]
    inventory: Path

    def run(self, *words: str, **variables: str) -> Ran:
        """Run a command; a password in what it prints fails the test."""
        words = (*words, "--inventory", str(self.inventory))
        result = CliRunner().invoke(app, words, env=variables, catch_exceptions=False)
        assert ADMIN[1] not in result.stdout + result.stderr
        return Ran(result.exit_code, result.stdout, result.stderr)

    def environment(self, **variables: str) -> dict[str, str]:
        return {"REMOTE_MAILCFG_INVENTORY": str(self.inventory)} | variables

    def json(self, *words: str) -> Ran:
        return self.run(*words, "-o", "json")

    def names(self, *words: str) -> list[str]:
        return [it["instance"] for it in self.json(*words).json["results"]]

    def unshare(self) -> None:
        """Give each instance a credential of its own, so that none waits for another."""
        text = self.inventory.read_text()
        for name in self.served:
            own = self.inventory.parent / name
            own.touch(mode=0o600)
            own.write_text(ADMIN[1])
            text = text.replace(
                f"[instances.{name}]", f'[instances.{name}]\npassword = "file:{name}"'
            )
        self.inventory.write_text(text)

    def add_server(self, *names: str) -> None:
        for name in names:
            self.served[name].database.servers.add(name="Main", smtp_host="smtp.example.org")


@contextmanager
def running_fleet(folder: Path, names: Sequence[str] = NAMES) -> Iterator[Fleet]:
    """Run the instances; the inventory and the password's file are in the folder."""
    with serve({name: make_odoo(19) for name in names}, remembers=True) as served:
        password = folder / "password"
        password.touch(mode=0o600)
        password.write_text(ADMIN[1] + "\n")
        inventory = folder / "instances.toml"
        tables = [
            f'[instances.{it.name}]\nurl = "{it.url}"\ntags = ["{it.name[-2:]}"]\n' for it in served
        ]
        defaults = '[defaults]\nlogin = "admin"\ndatabase = "openspp"\npassword = "file:password"\n'
        inventory.write_text(defaults + "".join(tables))
        yield Fleet({it.name: it for it in served}, inventory)
