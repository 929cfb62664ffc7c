"""`remote-mailcfg sandbox` as a process of its own, and the commands used on it."""

import gc
import os
import re
import signal
import smtplib
import socket
import stat
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request

from remote_mailcfg.cli.running_sandbox import MAIL_SERVERS, running_sandbox
from remote_mailcfg.sandbox.database import ADMIN, CLERK
from remote_mailcfg.sandbox.smtp_servers import PASSWORD, USER, ReceivedMail, SmtpPeers
from tests.integration.instance import Ran

DEADLINE_SECONDS = 30
LAST_LINE = "Ctrl-C ends it.\n"


def run(*words: str, **variables: str) -> Ran:
    """Run a command as a process of its own, to its end."""
    ran = subprocess.run(
        [sys.executable, "-m", "remote_mailcfg", *words],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that runs, and what it said at the start."""

    process: "subprocess.Popen[str]"
    told: str

    @property
    def env_file(self) -> Path:
        found = re.search(r"--env-file (.*)", self.told)
        assert found
        return Path(found[1])

    @property
    def folder(self) -> Path:
        return self.env_file.parent

    @property
    def inventory(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "instances.toml").read_text())

    def port(self, mail_server: str) -> str:
        found = re.search(rf"^{mail_server} +(\d+) ", self.told, re.MULTILINE)
        assert found
        return found[1]

    def run(self, *words: str, **variables: str) -> Ran:
        return run(*words, "--env-file", str(self.env_file), **variables)

    def next_line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def end(self, number: signal.Signals = signal.SIGTERM) -> Ran:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=DEADLINE_SECONDS)
        return Ran(self.process.returncode, out, err)


@pytest.fixture
def start() -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes; those that still run at the end must end well."""
    started: list[Sandbox] = []

    def start_one(*options: str, **variables: str) -> Sandbox:
        process = subprocess.Popen(
            [sys.executable, "-m", "remote_mailcfg", "sandbox", *options],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        told = ""
        while not told.endswith(LAST_LINE):
            line = process.stdout.readline()
            if not line:
                pytest.fail(f"the sandbox ended: {process.communicate()[1]}")
            told += line
        started.append(Sandbox(process, told))
        return started[-1]

    yield start_one
    for it in started:
        if it.process.returncode is None:
            ended = it.end()
            assert (ended.code, ended.err) == (0, "")


Start = Callable[..., Sandbox]


# What it is good for


def test_the_guide_can_be_walked_with_the_env_file_alone(start: Start) -> None:
    sandbox = start()

    first, created = sandbox.run("check"), sandbox.run("server", "create")
    sent = sandbox.run("server", "send", "Main", "--to", "you@example.org")
    last = sandbox.run("check")

    assert [it.code for it in (first, created, sent, last)] == [1, 0, 0, 0], (first, created, sent)
    assert "no active mail server" in first.out
    assert "by API key over json2" in last.out
    assert sandbox.next_line().startswith("received: from admin@example.org to you@example.org: ")


def test_it_is_odoo_17_with_openspp_where_that_is_wanted(start: Start) -> None:
    sandbox = start("--odoo", "17", "--openspp")

    ran = sandbox.run("check", "-o", "json")

    assert ran.data["version"] == "17.0"
    assert ran.data["openspp"]


def test_all_that_a_person_needs_is_told_in_80_columns(start: Start) -> None:
    told = start(COLUMNS="80").told

    tables = [line for line in told.splitlines() if "--env-file" not in line]
    assert [line for line in tables if len(line) > 80] == []
    for needed in (*ADMIN, *CLERK, "openspp", "http://127.0.0.1:", USER, PASSWORD):
        assert needed in told
    for name in MAIL_SERVERS:
        assert re.search(rf"^{name.replace('_', '-')} +\d+ ", told, re.MULTILINE)


def test_every_kind_of_mail_server_is_told_of() -> None:
    assert {it.name for it in fields(SmtpPeers)} - {"certificate_pem"} == {*MAIL_SERVERS}


def test_an_instance_waits_for_a_mail_server_as_long_as_is_said(start: Start) -> None:
    sandbox = start("--smtp-timeout", "0.3")
    silent = {"SMTP_PORT": sandbox.port("silent"), "SMTP_ENCRYPTION": "none"}

    ran = sandbox.run("server", "create", "-o", "json", **silent)

    assert ran.code == 1
    assert ran.error["test"]["cause"] == "no-answer"


def test_a_certificate_that_no_system_trusts_is_refused_and_said_nothing_of(start: Start) -> None:
    sandbox = start()

    ran = sandbox.run("server", "create", "-o", "json", "--smtp-encryption", "starttls_strict")

    assert ran.error["test"]["cause"] == "certificate-not-valid"


def test_mails_are_kept_where_that_is_wanted(start: Start, tmp_path: Path) -> None:
    sandbox = start("--keep", str(tmp_path / "mails"))

    sandbox.run("server", "create")
    sandbox.run("server", "send", "Main", "--to", "you@example.org")

    (mail,) = (tmp_path / "mails").glob("*.eml")
    assert "you@example.org" in mail.read_text()


# The files


def test_what_it_writes_is_private(start: Start) -> None:
    sandbox = start()

    modes = {it.name: stat.S_IMODE(it.stat().st_mode) for it in sandbox.folder.iterdir()}
    assert stat.S_IMODE(sandbox.folder.stat().st_mode) == 0o700
    assert modes == dict.fromkeys(
        ("instances.toml", "password", "sandbox.env", "sandbox.key"), 0o600
    )


def test_the_inventory_names_each_instance_and_holds_no_secret(start: Start) -> None:
    sandbox = start("--instances", "3")

    folder, inventory = sandbox.folder, sandbox.inventory

    assert inventory["defaults"] == {
        "database": "openspp",
        "login": ADMIN[0],
        "password": f"file:{folder}/password",
        "role": "test",
    }
    assert (folder / "password").read_text() == ADMIN[1] + "\n"
    assert [*inventory["instances"]] == ["sandbox-1", "sandbox-2", "sandbox-3"]
    for name, instance in inventory["instances"].items():
        assert instance["url"].endswith(f"/{name}")
        assert instance["api_key"] == f"file:{folder}/{name}.key"


def test_each_instance_has_servers_and_a_key_of_its_own(start: Start) -> None:
    sandbox = start("--instances", "2")
    second = sandbox.inventory["instances"]["sandbox-2"]
    there = {
        "OPENSPP_URL": second["url"],
        "OPENSPP_API_KEY": Path(second["api_key"].removeprefix("file:")).read_text().strip(),
    }

    created = sandbox.run("server", "create", **there)
    lists = [sandbox.run("server", "list", "-o", "json"), sandbox.run("server", "list", **there)]

    assert created.code == 0, created.err
    assert lists[0].data["servers"] == []
    assert "Main" in lists[1].out


def test_an_inventory_with_a_place_of_its_own_stays(start: Start, tmp_path: Path) -> None:
    place = tmp_path / "own.toml"
    sandbox = start("--inventory", str(place))

    ended = sandbox.end()

    assert ended.code == 0
    assert not sandbox.folder.exists()
    assert [*tomllib.loads(place.read_text())["instances"]] == ["sandbox"]


# What goes wrong on request


def test_http_goes_wrong_as_it_is_told(start: Start) -> None:
    sandbox = start("--misbehave", "503:times=1", "--misbehave", "redirect:path=/json/2")

    answers = [sandbox.run("check") for _ in range(2)]

    assert "HTTP goes wrong: 503:times=1 redirect:path=/json/2" in sandbox.told
    assert [it.code for it in answers] == [1, 1]
    assert "503" in answers[0].out
    assert "elsewhere.example" in answers[1].out


# Its end


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda it: it.name
)
def test_a_signal_ends_it_well_and_nothing_is_left(start: Start, number: signal.Signals) -> None:
    sandbox = start()

    ended = sandbox.end(number)

    assert (ended.code, ended.err) == (0, "")
    assert not sandbox.folder.exists()


def test_it_ends_while_a_request_gets_no_answer(start: Start) -> None:
    sandbox = start("--misbehave", "silence")
    address, _, port = sandbox.inventory["instances"]["sandbox"]["url"][7:].partition(":")
    with socket.create_connection((address, int(port))) as client:
        client.sendall(b"GET /web/health HTTP/1.1\r\nHost: x\r\n\r\n")

        assert sandbox.end().code == 0


# What is refused


def test_settings_that_stand_above_the_env_file_are_warned_of(start: Start) -> None:
    sandbox = start(OPENSPP_URL="https://registry.example.org")

    assert "warning: OPENSPP_URL" in sandbox.end().err


def test_a_port_in_use_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ran = run("sandbox", "--port", str(port))

    assert ran.code == 2
    assert ran.out == ""
    assert f"error: --port: 127.0.0.1:{port} cannot be listened on: Address already" in ran.err
    assert "next: " in ran.err
    assert "Traceback" not in ran.err


def test_a_misbehaviour_that_there_is_not_is_told_with_those_there_are() -> None:
    ran = run("sandbox", "--misbehave", "nonsense")

    assert ran.code == 2
    assert "'nonsense' is not one of latency, reset," in ran.err


def test_a_file_of_the_user_is_not_overwritten(tmp_path: Path) -> None:
    own = tmp_path / "instances.toml"
    own.write_text("mine")

    ran = run("sandbox", "--inventory", str(own))

    assert ran.code == 2
    assert "exists and is not overwritten" in ran.err
    assert own.read_text() == "mine"


@pytest.mark.parametrize("option", ["--inventory", "--keep"])
def test_a_place_that_cannot_be_written_is_told(option: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    ran = run("sandbox", option, str(tmp_path / "file" / "below"))

    assert ran.code == 2
    assert f"error: {option}: " in ran.err
    assert "Not a directory" in ran.err


def kept_in_memory() -> int:
    """Count the requests and mails that this process holds, of other tests too."""
    gc.collect()
    return sum(isinstance(it, Request | ReceivedMail) for it in gc.get_objects())


def test_a_sandbox_that_runs_for_long_keeps_no_requests_and_no_mails() -> None:
    with running_sandbox(19) as running:
        (server,) = (it for it in running.mail_servers if it.name == "plain")
        before = kept_in_memory()
        for _ in range(20):
            request = urllib.request.Request(f"{running.instances[0].url}/web/health", b"{}")
            with urllib.request.urlopen(request) as answer:
                answer.read()
            with smtplib.SMTP(server.host, server.port) as client:
                client.sendmail("a@example.org", ["b@example.org"], "Subject: x\n\nx")
        after = kept_in_memory()

    assert after - before <= 2  # what a thread has in its hands
