"""An instance under test, a sandbox or a real server, and the command line run against it."""

import contextlib
import json
import os
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from remote_mailcfg.cli.main import app
from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import PASSWORD, SmtpPeer

ANY_ACTIVE = ["active", "in", [True, False]]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.out)
        return value

    @property
    def result(self) -> dict[str, Any]:
        """The only result of the envelope."""
        (result,) = self.json["results"]
        assert isinstance(result, dict)
        return result

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.result["data"]
        return data

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.result["error"]
        return error


@dataclass
class Records:
    """The instance's records past our own code, over XML-RPC with the standard library's client."""

    url: str
    database: str
    login: str
    credential: str

    @cached_property
    def uid(self) -> int:
        with xmlrpc.client.ServerProxy(f"{self.url}/xmlrpc/2/common") as common:
            uid = common.authenticate(self.database, self.login, self.credential, {})
        assert isinstance(uid, int)
        assert uid
        return uid

    def call(self, model: str, method: str, *args: Any, **params: Any) -> Any:
        access = (self.database, self.uid, self.credential)
        with xmlrpc.client.ServerProxy(f"{self.url}/xmlrpc/2/object") as proxy:
            return proxy.execute_kw(*access, model, method, args, params)

    def find(self, model: str, *domain: Any) -> list[int]:
        ids: list[int] = self.call(model, "search", domain=[*domain])
        return ids

    def servers(self, *domain: Any) -> list[dict[str, Any]]:
        """Return mail servers, archived ones too, with their passwords."""
        fields = ["name", "sequence", "smtp_host", "smtp_port", "smtp_user", "smtp_pass", "active"]
        domain = (ANY_ACTIVE, *domain)
        found: list[dict[str, Any]] = self.call(
            "ir.mail_server", "search_read", domain=[*domain], fields=[*fields, "smtp_debug"]
        )
        return found

    def parameter(self, key: str) -> str | None:
        rows = self.call(
            "ir.config_parameter", "search_read", domain=[["key", "=", key]], fields=["value"]
        )
        return rows[0]["value"] if rows else None


@dataclass(frozen=True, kw_only=True)
class Instance:
    """Where the commands of a test go. All names that a test gives contain `token`.

    `sandbox` is None for a real server.
    """

    url: str
    database: str
    login: str
    password: str
    api_key: str
    protocol: str
    version: int
    token: str
    sandbox: Served | None = None
    records: Records = field(init=False)

    def __post_init__(self) -> None:
        records = Records(self.url, self.database, self.login, self.password)
        object.__setattr__(self, "records", records)

    @property
    def place(self) -> str:
        """The name that the commands give to this instance."""
        return self.url.partition("//")[2]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown; a login password that is also a login cannot be looked for."""
        own = (self.password,) if self.password != self.login else ()
        return tuple(secret for secret in (*own, self.api_key, PASSWORD) if secret)

    def name(self, rest: str = "main") -> str:
        return f"{self.token} {rest}"

    def environment(self, **variables: str) -> dict[str, str]:
        given = {
            "OPENSPP_URL": self.url,
            "OPENSPP_DB": self.database,
            "OPENSPP_LOGIN": self.login,
            "OPENSPP_PASSWORD": self.password,
            "OPENSPP_API_KEY": self.api_key,
            "OPENSPP_PROTOCOL": self.protocol,
        }
        return given | variables

    def run(self, *words: str, input: str | None = None, **variables: str) -> Ran:  # noqa: A002
        """Run a command in this process; a secret in what it prints fails the test."""
        ran = self.run_unchecked(*words, input=input, **variables)
        leaked = [secret for secret in self.secrets if secret in ran.out + ran.err]
        assert not leaked, f"shown by {words}: {leaked}"
        return ran

    def run_unchecked(self, *words: str, input: str | None = None, **variables: str) -> Ran:  # noqa: A002
        """Run a command that shows a secret on purpose."""
        result = CliRunner().invoke(
            app, words, input=input, env=self.environment(**variables), catch_exceptions=False
        )
        return Ran(result.exit_code, result.stdout, result.stderr)

    def json(self, *words: str, **variables: str) -> Ran:
        return self.run(*words, "-o", "json", **variables)

    def spawn(self, *words: str, **variables: str) -> "subprocess.Popen[str]":
        """Start a command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "remote_mailcfg", *words],
            env={**os.environ, **self.environment(**variables)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: "subprocess.Popen[str]") -> Ran:
        out, err = process.communicate(timeout=60)
        leaked = [secret for secret in self.secrets if secret in out + err]
        assert not leaked, f"shown: {leaked}"
        return Ran(process.returncode, out, err)

    def add_server(self, peer: SmtpPeer | None = None, **values: Any) -> int:
        """Create a mail server past our own code; `values` stand above those of `peer`."""
        given: dict[str, Any] = {"name": self.name()}
        if peer is not None:
            given |= {"smtp_host": peer.host, "smtp_port": peer.port}
        if peer is not None and peer.user:
            given |= {"smtp_user": peer.user, "smtp_pass": peer.password}
        server_id: int = self.records.call("ir.mail_server", "create", given | values)
        return server_id

    def server(self, server_id: int) -> dict[str, Any]:
        (row,) = self.records.servers(["id", "=", server_id])
        return row

    def named(self, rest: str = "main") -> list[dict[str, Any]]:
        return self.records.servers(["name", "=", self.name(rest)])

    def all_of_test(self) -> list[dict[str, Any]]:
        """Return what is there of this test, candidates too."""
        return self.records.servers(["name", "ilike", self.token])

    @contextlib.contextmanager
    def parameter(self, key: str, value: str) -> Iterator[None]:
        """Set a parameter that is not there, for a while."""
        made = self.records.call("ir.config_parameter", "create", {"key": key, "value": value})
        try:
            yield
        finally:
            self.records.call("ir.config_parameter", "unlink", [made])

    @contextlib.contextmanager
    def template(self, server_id: int) -> Iterator[str]:
        """Let a mail template use a server; gives the template's name."""
        name = self.name("template")
        values = {"name": name, "mail_server_id": server_id}
        made = self.records.call("mail.template", "create", values)
        try:
            yield name
        finally:
            self.records.call("mail.template", "unlink", [made])

    def state_files(self) -> list[Path]:
        folder = Path(os.environ["XDG_STATE_HOME"])
        return [path for path in folder.rglob("*") if path.is_file()]

    def options(self, peer: SmtpPeer, rest: str = "main") -> list[str]:
        """Return the options that describe a server at `peer`, without the password."""
        words = ["--name", self.name(rest), "--smtp-host", peer.host, "--smtp-port", str(peer.port)]
        return words + (["--smtp-user", peer.user] if peer.user else [])
