"""Audits one after the other: what is accepted, what is new, and who is told."""

import csv
import io
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pytest_mock import MockerFixture

from tests.integration.fleet import Fleet

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
WAIVER = """
[[waiver]]
rule = "smtp-debug"
instance = "north"
server = "Main"
reason = "Support looks"
until = {until}
"""


def add(fleet: Fleet, *names: str, **values: Any) -> None:
    for name in names:
        given = {"name": "Main", "smtp_host": "smtp.example.org", "smtp_debug": True}
        fleet.served[name].database.servers.add(**given | values)


def found(fleet: Fleet, *words: str, rule: str = "smtp-debug") -> list[str]:
    """Return the instances on which a rule found something."""
    ran = fleet.json("audit", "--all", "--no-test", *words)
    assert ran.code in {0, 3}, ran.err
    return [
        it["instance"]
        for it in ran.json["results"]
        if rule in [finding["rule"] for finding in it["data"]["findings"]]
    ]


@pytest.fixture
def settings() -> Path:
    return Path("audit.toml")


def test_what_is_accepted_is_left_out_on_its_instance_alone(fleet: Fleet, settings: Path) -> None:
    add(fleet, "north", "south")
    settings.write_text(WAIVER.format(until="2099-01-01"))

    assert found(fleet) == ["south"]


def test_a_waiver_that_has_ended_is_a_finding(fleet: Fleet, settings: Path) -> None:
    add(fleet, "north")
    settings.write_text(WAIVER.format(until="2026-01-01"))

    assert found(fleet) == ["north"]
    assert found(fleet, rule="waiver-expired") == ["north"]


def test_a_waiver_that_has_nothing_to_waive_is_a_finding(fleet: Fleet, settings: Path) -> None:
    settings.write_text(WAIVER.format(until="2099-01-01"))

    assert found(fleet, rule="waiver-unused") == ["north"]


def test_a_file_that_is_wrong_is_told_before_anything_is_asked(
    fleet: Fleet, settings: Path
) -> None:
    settings.write_text(WAIVER.format(until="2099-01-01").replace("smtp-debug", "no-such-rule"))

    ran = fleet.json("audit", "--all")

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert fleet.served["north"].requests == []


def test_only_new_leaves_out_what_stood_before(fleet: Fleet) -> None:
    add(fleet, "north")
    assert found(fleet, "--only-new") == ["north"]
    add(fleet, "south")

    assert found(fleet, "--only-new") == ["south"]
    assert found(fleet) == ["north", "south"]


def test_what_is_not_new_is_counted(fleet: Fleet, settings: Path) -> None:
    for name in ("One", "Two", "Three", "Four"):
        add(fleet, "north", name=name)
    add(fleet, "south")
    settings.write_text('[profile.mild]\nrules = ["smtp-debug"]\n')
    words = ("audit", "--no-test", "--profile", "mild", "--only-new", "-i")

    first = fleet.run(*words, "north").out
    second = fleet.run(*words, "north").out
    add(fleet, "north", name="Five")
    third = fleet.run(*words, "north").out
    both = fleet.run(*words, "north", "-i", "south", "-i", "east").out
    again = fleet.run(*words, "north", "-i", "south", "-i", "east").out

    assert "Nothing new" not in first
    assert second == "Nothing new; 4 findings remain.\n"
    assert "Not shown: 4 findings of earlier audits." in third
    assert "north\nNothing new; 5 findings remain.\n" in both
    assert "south\nNothing new; 1 finding remains.\n" in again
    assert "east\nNothing found.\n" in again


def test_a_profile_says_what_is_bad_enough(fleet: Fleet, settings: Path) -> None:
    add(fleet, "north")
    settings.write_text('[profile.mild]\nrules = ["smtp-debug"]\nfail_on = "critical"\n')

    mild = fleet.json("audit", "-i", "north", "--no-test", "--profile", "mild")
    strict = fleet.json(
        "audit", "-i", "north", "--no-test", "--profile", "mild", "--fail-on", "warning"
    )
    unknown = fleet.json("audit", "-i", "north", "--profile", "nobody")

    assert [it["rule"] for it in mild.data["findings"]] == ["smtp-debug"]
    assert (mild.code, strict.code, unknown.code) == (0, 3, 2)
    assert "there is openspp, mild" in unknown.error["message"]


def test_the_built_in_profile_raises_what_is_worse_on_openspp(fleet: Fleet) -> None:
    ran = fleet.json("audit", "-i", "north", "--no-test", "--profile", "openspp")

    severities = {it["rule"]: it["severity"] for it in ran.data["findings"]}
    assert severities["no-active-server"] == "critical"
    assert ran.code == 3


def test_audits_are_listed_and_compared(fleet: Fleet) -> None:
    add(fleet, "north")
    found(fleet)
    fleet.served["north"].database.servers.rows[1]["smtp_debug"] = False
    found(fleet)

    history = json.loads(fleet_history(fleet, "history"))
    difference = json.loads(fleet_history(fleet, "diff"))

    for told in (history, difference):
        assert told["summary"] == {"total": 1, "ok": 1, "failed": 0}
        (result,) = told["results"]
        assert (result["instance"], result["url"], result["ok"]) == (None, None, True)
    audits = history["results"][0]["data"]["audits"]
    changed = difference["results"][0]["data"]
    assert [it["run"] for it in audits] == [2, 1]
    assert [it["rule"] for it in changed["fixed"]] == ["smtp-debug"]
    assert changed["new"] == []
    moments = [it["at"] for it in (*audits, changed["earlier"])] + [changed["fixed"][0]["since"]]
    assert [it for it in moments if not re.fullmatch(TIME, it)] == []
    lines = fleet_history(fleet, "history", output="jsonl").splitlines()
    assert [json.loads(line)["data"]["run"] for line in lines] == [2, 1]
    (line,) = fleet_history(fleet, "diff", output="jsonl").splitlines()
    assert json.loads(line)["data"] == changed
    assert re.search(TIME, fleet_history(fleet, "history", output="table"))
    assert "fixed" in fleet_history(fleet, "diff", output="table")
    assert "smtp-debug" in fleet_history(fleet, "diff", output="csv")


def fleet_history(fleet: Fleet, word: str, output: str = "json") -> str:
    from typer.testing import CliRunner  # noqa: PLC0415 - these commands take no inventory

    from remote_mailcfg.cli.main import app  # noqa: PLC0415

    del fleet
    ran = CliRunner().invoke(app, ["audit", word, "-o", output], catch_exceptions=False)
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout


def test_without_two_audits_there_is_nothing_to_compare(fleet: Fleet) -> None:
    from typer.testing import CliRunner  # noqa: PLC0415 - these commands take no inventory

    from remote_mailcfg.cli.main import app  # noqa: PLC0415

    del fleet
    ran = CliRunner().invoke(app, ["audit", "diff", "-o", "json"], catch_exceptions=False)

    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["results"][0]["error"]["code"] == "not-found"


class _Hook(BaseHTTPRequestHandler):
    """Takes what is posted; its server has the list and the status to answer with."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, _HookServer)
        self.server.taken.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _HookServer(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.taken: list[dict[str, Any]] = []
        self.status = 200


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[_HookServer]:
    with _HookServer() as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        address = f"json://127.0.0.1:{server.server_port}/hook-Canary"
        monkeypatch.setenv("NOTIFY_URL", address)
        yield server
        server.shutdown()
        thread.join()


#: What a library of the extra does when it is loaded.
HARMLESS = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@HARMLESS
def test_what_is_new_is_told_once(fleet: Fleet, hook: _HookServer) -> None:
    add(fleet, "north", smtp_user="u")
    words = ("--fail-on", "warning", "--notify", "env:NOTIFY_URL")

    found(fleet, *words)
    found(fleet, *words)

    (told,) = hook.taken
    assert "new findings" in told["title"]
    assert "north: " in told["message"]


@HARMLESS
def test_a_notice_that_is_not_taken_is_said_and_changes_nothing(
    fleet: Fleet, hook: _HookServer
) -> None:
    hook.status = 500

    ran = fleet.json("audit", "--all", "--no-test", "--notify", "env:NOTIFY_URL")

    assert ran.code == 3
    assert "the service answered with HTTP status 500" in ran.err
    assert "Canary" not in ran.out + ran.err


def test_an_address_itself_is_refused_and_not_shown(fleet: Fleet) -> None:
    ran = fleet.json("audit", "--all", "--notify", "json://127.0.0.1/hook-Canary")

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert "Canary" not in ran.out + ran.err


def test_an_instance_that_cannot_be_examined_is_kept_as_failed(fleet: Fleet) -> None:
    text = fleet.inventory.read_text()
    fleet.inventory.write_text(text.replace(fleet.served["west"].url, "http://127.0.0.1:9"))

    ran = fleet.json("audit", "--all", "--no-test")

    assert ran.code == 1
    (kept,) = json.loads(fleet_history(fleet, "history"))["results"][0]["data"]["audits"]
    assert (kept["examined"], kept["failed"]) == (3, 1)


def test_a_history_that_cannot_be_kept_is_said_and_changes_nothing(
    fleet: Fleet, tmp_path: Path
) -> None:
    folder = tmp_path / "state" / "remote-mailcfg" / "audits"
    folder.mkdir(parents=True)
    (folder / "history.sqlite").write_text("no database " * 100)

    ran = fleet.json("audit", "--all", "--no-test")

    assert ran.code == 3
    assert "history" in ran.err


def test_reports_are_written_beside_the_result(fleet: Fleet, tmp_path: Path) -> None:
    add(fleet, "north")
    words = [f"--report={form}:{tmp_path}/{form}" for form in ("sarif", "junit", "markdown")]

    assert found(fleet, *words) == ["north"]

    assert "smtp-debug" in (tmp_path / "sarif").read_text()
    assert {it.name for it in tmp_path.iterdir()} >= {"sarif", "junit", "markdown"}


def test_a_report_that_cannot_be_written_is_exit_1_and_the_result_is_shown(
    fleet: Fleet, tmp_path: Path, mocker: MockerFixture
) -> None:
    file = tmp_path / "audit.json"
    mocker.patch("remote_mailcfg.files.os.link", side_effect=OSError(28, "No space left"))

    ran = fleet.json("audit", "--all", "--no-test", f"--report=json:{file}", "--fail-on=critical")

    assert ran.code == 1
    assert len(ran.json["results"]) == 4
    assert f"{file} cannot be written: No space left" in ran.err
    assert not file.exists()


def test_a_report_may_have_the_longest_name_that_there_is(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / ("a" * 255)

    fleet.json("audit", "--all", "--no-test", f"--report=json:{file}")

    assert json.loads(file.read_text())["command"] == "audit"


def test_a_report_that_cannot_be_meant_is_told_before_anything_is_asked(fleet: Fleet) -> None:
    ran = fleet.json("audit", "--all", "--report=json:" + "a" * 300)

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert fleet.served["north"].requests == []


def test_the_page_shows_what_earlier_audits_counted(fleet: Fleet, tmp_path: Path) -> None:
    add(fleet, "north")
    found(fleet)

    found(fleet, f"--report=html:{tmp_path}/audit.html")

    page = (tmp_path / "audit.html").read_text()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert [it["name"] for it in data["instances"]] == ["north", "south", "east", "west"]
    assert len(data["runs"]) == 2


def test_a_report_may_be_printed_in_place_of_the_table(fleet: Fleet) -> None:
    add(fleet, "north")

    ran = fleet.run("audit", "--all", "--no-test", "--report=junit:-", "--fail-on=critical")
    refused = fleet.json("audit", "--all", "--report=markdown:-")

    root = ET.fromstring(ran.out)
    assert root.tag == "testsuites"
    assert (refused.code, refused.error["code"]) == (2, "configuration")
    assert "--report markdown:audit.md" in refused.error["hint"]


def run_alone(*words: str) -> str:
    from typer.testing import CliRunner  # noqa: PLC0415 - these commands take no inventory

    from remote_mailcfg.cli.main import app  # noqa: PLC0415

    ran = CliRunner().invoke(app, words, catch_exceptions=False)
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout


def test_the_rules_come_in_every_format() -> None:
    told = json.loads(run_alone("audit", "rules", "-o", "json"))
    one = json.loads(run_alone("audit", "explain", "same-priority", "-o", "json"))
    lines = run_alone("audit", "rules", "-o", "jsonl").splitlines()
    rows = [*csv.DictReader(io.StringIO(run_alone("audit", "rules", "-o", "csv")))]

    rules = told["results"][0]["data"]["rules"]
    assert "same-priority" in {rule["id"] for rule in rules}
    assert one["results"][0]["data"]["rule"] in rules
    assert [json.loads(line)["data"] for line in lines] == rules
    assert [row["title"] for row in rows] == [rule["title"] for rule in rules]


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "history"),
        ("audit", "--no-test", "-i", "north"),
        ("server", "list", "-i", "north"),
        ("server", "test", "-i", "north"),
        ("runs", "-i", "north"),
        ("plan", "FILE", "-i", "north"),
    ],
    ids=lambda words: words[0] + words[1],
)
def test_csv_has_the_same_header_without_a_row(
    fleet: Fleet, tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = tmp_path / "servers.toml"
    file.write_text(
        '[[mail_server]]\nkey = "main"\nname = "Main"\nsmtp_host = "127.0.0.1"\nsmtp_port = 9\n'
        'smtp_encryption = "none"\n'
    )
    words = tuple(str(file) if word == "FILE" else word for word in words)

    def header() -> list[str]:
        out = run_alone(*words, "-o", "csv") if words[1] == "history" else run_csv()
        (head, *_rows) = csv.reader(io.StringIO(out))
        return head

    def run_csv() -> str:
        return fleet.run(*words, "-o", "csv").out

    text = fleet.inventory.read_text()
    fleet.inventory.write_text(text.replace(fleet.served["north"].url, "http://127.0.0.1:9"))
    without = header()
    fleet.inventory.write_text(text)
    fleet.run("server", "create", "--name", "A", "--smtp-host", "h", "--no-test", "-i", "north")
    found(fleet)

    assert without == header()
    assert len(without) > 1
