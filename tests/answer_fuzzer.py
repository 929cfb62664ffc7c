"""Replaces one answer, or a part of it, in a run of a command, and looks how the command takes it.

The whole of it: `python -m tests.answer_fuzzer [SHARE [SEED]]`, for instance 0.1 for a tenth of the
runs. A command and its sandbox are in one process, and no socket is between them.
"""

import contextlib
import copy
import json
import os
import random
import re
import sys
import tempfile
import xmlrpc.client
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from typer.testing import CliRunner
from urllib3 import HTTPHeaderDict
from werkzeug.test import Client

from remote_mailcfg.cli.main import app
from remote_mailcfg.rpc.http import Answer, CookieJar, HttpClient
from remote_mailcfg.sandbox.application import Application
from remote_mailcfg.sandbox.database import ADMIN
from remote_mailcfg.sandbox.model import Version
from remote_mailcfg.sandbox.odoo import make_odoo

URL = "http://odoo.example"
DESIRED = """
[[mail_server]]
key = "main"
name = "Main"
smtp_host = "127.0.0.1"
smtp_port = 1
sequence = 7
"""
PLACES: tuple[tuple[Version, str], ...] = (
    (17, "jsonrpc"),
    (17, "xmlrpc"),
    (19, "jsonrpc"),
    (19, "json2"),
)
#: Each line is a command; `;` stands between one that goes before and the one that is looked at.
COMMANDS = (
    "check",
    "server list",
    "server show Main",
    "server create --name New --smtp-host 127.0.0.1 --smtp-port 1",
    "server create --name New --smtp-host 127.0.0.1 --smtp-port 1 --no-test",
    "server update Main --sequence 3",
    "server update Main --smtp-port 2",
    "server update Main --smtp-port 2 --no-test",
    "server archive Main --force",
    "server unarchive Old --no-test",
    "server delete Old --yes",
    "server test",
    "server send Main --to ann@example.org",
    "route ann@example.org",
    "audit",
    "audit --no-test",
    "export",
    "plan mail-servers.toml",
    "apply mail-servers.toml --yes --no-test --force",
    "apply mail-servers.toml --yes --no-test --force ; rollback --yes --no-test --force",
    "instance check",
    "login",
    "login ; logout",
    "login ; debug on",
    "login ; debug status",
    "login ; debug off",
    "apikey create fuzz",
)
WRONG: tuple[Any, ...] = (
    None,
    True,
    False,
    5,
    -1,
    1.5,
    10**30,
    "x",
    "",
    "\ud800",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"x": "x"},
)
_REPORT = re.compile(r"^  (\S+:\d+) in \S+$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fault:
    """Which answer of a run is replaced, where in it, and by what (`...`: the key is left out)."""

    answer: int
    path: tuple[str | int, ...]
    value: Any


@dataclass(frozen=True, slots=True)
class Case:
    """A run of a command on a version over a wire."""

    version: Version
    wire: str
    command: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: `crash` is where a bug of ours is, `codes` are those of its errors."""

    code: int
    crash: str
    codes: tuple[str, ...]
    results: tuple[Any, ...]


class _Place:
    """A sandbox that a command's requests go to, with at most one fault."""

    def __init__(self, case: Case, fault: Fault | None) -> None:
        odoo = make_odoo(case.version, smtp_timeout_seconds=1.0)
        servers = odoo.first.models["ir.mail_server"]
        servers.add(name="Main", smtp_host="127.0.0.1", smtp_port=1, smtp_user="u", smtp_pass="p")
        servers.add(name="Old", smtp_host="127.0.0.1", smtp_port=1, active=False)
        self.key = odoo.first.add_api_key(ADMIN[0]) if case.wire == "json2" else ""
        self.results: list[Any] = []
        self.is_counting = False
        self._client = Client(Application(odoo), use_cookies=False)
        self._fault = fault

    def answer_of(self) -> Callable[..., Answer]:
        """Return what stands in for `HttpClient.request`."""

        def request(http: HttpClient, method: str, path: str, **sent: Any) -> Answer:
            return self._request(http, method, path, **sent)

        return request

    def _request(
        self,
        http: HttpClient,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        jar: CookieJar | None = None,
        **_: object,
    ) -> Answer:
        sent = dict(headers or {}) | (jar.header() if jar else {})
        try:
            answered = self._client.open(path, base_url=URL, method=method, data=body, headers=sent)
        except Exception:  # noqa: BLE001 - the sandbox's own, for a request that a fault led to
            return Answer(500, HTTPHeaderDict(), b"", http.secrets)
        if jar:
            jar.keep(answered.headers.getlist("Set-Cookie"))
        content = self._spoil(answered.get_data(), answered.mimetype or "", answered.status_code)
        headers_read = HTTPHeaderDict(answered.headers.items())
        return Answer(answered.status_code, headers_read, content, http.secrets)

    def _spoil(self, body: bytes, mimetype: str, status: int) -> bytes:
        if not self.is_counting or status != 200:
            return body
        if mimetype == "application/json":
            message = json.loads(body)
            is_rpc = isinstance(message, dict) and "jsonrpc" in message
            if is_rpc and "error" in message:
                return body
            value = self._replaced(message.get("result") if is_rpc else message)
            return json.dumps(message | {"result": value} if is_rpc else value).encode()
        if mimetype == "text/xml":
            try:
                ((value,), _method) = xmlrpc.client.loads(body, use_builtin_types=True)
            except xmlrpc.client.Fault:
                return body
            return _to_xml(self._replaced(value))
        return body

    def _replaced(self, value: Any) -> Any:
        number = len(self.results)
        self.results.append(copy.deepcopy(value))
        if self._fault is None or self._fault.answer != number:
            return value
        return _replace(value, self._fault.path, self._fault.value)


def _to_xml(value: Any) -> bytes:
    if isinstance(value, int) and abs(value) >= 2**31:
        value = float(value)
    try:
        text = xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True)
    except OverflowError:
        text = xmlrpc.client.dumps((float(10**30),), methodresponse=True)
    half = text.encode("utf-8", "surrogatepass")
    return half.replace(b"\xed\xa0\x80", b"&#xd800;")


def _replace(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return copy.deepcopy(new)
    value = copy.deepcopy(value)
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    if new is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = copy.deepcopy(new)
    return value


def find_faults(results: list[Any]) -> Iterator[Fault]:
    """Yield what can be wrong with the answers of a run: in whole, in part, in the first record."""
    for number, result in enumerate(results):
        for path in _paths(result):
            for wrong in WRONG:
                yield Fault(number, path, wrong)
            if path and isinstance(path[-1], str):
                yield Fault(number, path, ...)


def _paths(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield above
    if isinstance(value, dict) and len(above) < 3:
        for key in list(value)[:20]:
            yield from _paths(value[key], (*above, key))
    elif isinstance(value, list) and value:
        yield from _paths(value[0], (*above, 0))


def run(case: Case, fault: Fault | None = None) -> Ended:
    """Run a command with a fault."""
    place = _Place(case, fault)
    *before, command = case.command.split(" ; ")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("mail-servers.toml").write_text(DESIRED)
        variables = {
            "OPENSPP_URL": URL,
            "OPENSPP_DB": "openspp",
            "OPENSPP_LOGIN": ADMIN[0],
            "OPENSPP_PASSWORD": ADMIN[1],
            "OPENSPP_API_KEY": place.key,
            "OPENSPP_PROTOCOL": case.wire,
            "XDG_STATE_HOME": folder,
        }
        spoilt = mock.patch.object(HttpClient, "request", place.answer_of())
        with mock.patch.dict(os.environ, variables), spoilt:
            for words in before:
                CliRunner().invoke(app, words.split())
            place.is_counting = True
            result = CliRunner().invoke(app, [*command.split(), "-o", "json"])
    crash = ""
    if result.exit_code == 70 or not isinstance(result.exception, SystemExit | None):
        where = _REPORT.findall(result.stdout + result.stderr)
        crash = where[-1] if where else repr(result.exception)
    codes = tuple(re.findall(r'"code": "([a-z-]+)"', result.stdout))
    return Ended(result.exit_code, crash, codes, tuple(place.results))


def cases() -> Iterator[Case]:
    """Yield every command at every place."""
    for version, wire in PLACES:
        for command in COMMANDS:
            yield Case(version, wire, command)


def main(share: float = 1.0, seed: int = 1) -> int:
    """Run a share of all faults, and print where commands ended with a bug of ours."""
    chance = random.Random(seed)
    runs, crashes = 0, Counter[str]()
    for case in cases():
        usual = run(case)
        here = 0
        for fault in find_faults(list(usual.results)):
            if chance.random() >= share:
                continue
            runs, here = runs + 1, here + 1
            ended = run(case, fault)
            if ended.crash:
                crashes[ended.crash] += 1
                if crashes[ended.crash] == 1:
                    sys.stdout.write(f"{ended.crash}: {case} {fault}\n")
        sys.stdout.write(f"{case}: exit {usual.code}, {len(usual.results)} answers, {here} runs\n")
        sys.stdout.flush()
    sys.stdout.write(f"{runs} runs, {crashes.total()} bugs at {len(crashes)} lines\n")
    for where, count in crashes.most_common():
        sys.stdout.write(f"{count:6} {where}\n")
    return bool(crashes)


if __name__ == "__main__":
    SHARE, SEED, *_ = [*sys.argv[1:], *("1", "1")[len(sys.argv) - 1 :]]
    sys.exit(main(float(SHARE), int(SEED)))
