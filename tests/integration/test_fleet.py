"""Commands on many instances at once: which, in what order, how many, and what is shown."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from remote_mailcfg.sandbox.database import ADMIN
from remote_mailcfg.sandbox.misbehaviour import parse_misbehaviour
from tests.integration.fleet import NAMES, Fleet
from tests.integration.instance import Ran
from tests.integration.terminal import on_terminal


def test_all_answer_in_the_order_of_the_inventory(fleet: Fleet) -> None:
    ran = fleet.json("server", "list", "--all")

    assert ran.code == 0
    assert [it["instance"] for it in ran.json["results"]] == list(NAMES)
    assert ran.json["summary"] == {"total": 4, "ok": 4, "failed": 0}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["-i", "west", "-i", "north"], ["west", "north"]),
        (["-t", "th"], ["north", "south"]),
        (["-i", "south", "-t", "th", "-t", "st"], ["south", "north", "east", "west"]),
        (["--instance", "east"], ["east"]),
    ],
    ids=["by-name", "by-tag", "both", "one"],
)
def test_instances_are_chosen(fleet: Fleet, words: list[str], names: list[str]) -> None:
    assert fleet.names("server", "list", *words) == names


def test_one_that_fails_is_told_in_its_place_and_stops_nothing(fleet: Fleet) -> None:
    fleet.served["south"].misbehaving.switch_to(parse_misbehaviour("502"))

    ran = fleet.json("server", "list", "--all")

    assert ran.code == 1
    assert [it["ok"] for it in ran.json["results"]] == [True, False, True, True]
    assert ran.json["results"][1]["error"]["code"] == "unreachable"


def test_a_refused_password_is_tried_once(fleet: Fleet) -> None:
    (fleet.inventory.parent / "password").write_text("wrong\n")

    ran = fleet.json("server", "list", "--all")

    assert {it["error"]["code"] for it in ran.json["results"]} == {"authentication-failed"}
    assert sorted(len(it.requests) for it in fleet.served.values()) == [0, 0, 0, 1]


def test_each_result_is_a_line_as_soon_as_it_is_there(fleet: Fleet) -> None:
    ran = fleet.run("server", "list", "--all", "-o", "jsonl")

    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert sorted(it["instance"] for it in lines) == sorted(NAMES)


def test_csv_names_the_instance_of_each_row(fleet: Fleet) -> None:
    fleet.add_server("north", "west")

    ran = fleet.run("server", "list", "--all", "-o", "csv")

    rows = list(csv.DictReader(StringIO(ran.out)))
    assert [(row["instance"], row["name"], row["active"]) for row in rows] == [
        ("north", "Main", "true"),
        ("west", "Main", "true"),
    ]


def test_people_see_what_is_the_same_once_and_failures_last(fleet: Fleet) -> None:
    fleet.add_server("east")
    fleet.served["north"].misbehaving.switch_to(parse_misbehaviour("502"))

    ran = fleet.run("server", "list", "--all")

    assert ran.out.index("2 instances: south, west") < ran.out.index("east")
    assert ran.out.count("No outgoing mail server.") == 1
    lines = ran.err.splitlines()
    assert any(line.startswith("error: north: ") for line in lines)
    assert lines[-1] == "4 instances: 3 ok, 1 failed"


def test_a_log_has_a_line_for_each_instance(fleet: Fleet) -> None:
    fleet.served["north"].misbehaving.switch_to(parse_misbehaviour("502"))

    ran = fleet.run("server", "list", "--all")

    told = {line.partition("] ")[2] for line in ran.err.splitlines() if line.startswith("[")}
    assert told == {"north: unreachable", "south: ok", "east: ok", "west: ok"}
    assert "[4/4]" in ran.err


def test_quiet_tells_failures_alone(fleet: Fleet) -> None:
    assert fleet.run("server", "list", "--all", "-q") == Ran(0, "", "")
    fleet.served["north"].misbehaving.switch_to(parse_misbehaviour("502"))

    ran = fleet.run("server", "list", "--all", "-q")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: north: ")
    assert "south" not in ran.err


def test_a_failure_stops_before_the_next_wave(fleet: Fleet) -> None:
    fleet.served["north"].misbehaving.switch_to(parse_misbehaviour("502"))

    ran = fleet.json("server", "list", "--all", "--waves", "1,100%")

    codes = [it["error"]["code"] for it in ran.json["results"]]
    assert (ran.code, codes) == (1, ["unreachable", "not-tried", "not-tried", "not-tried"])
    assert [len(fleet.served[name].requests) for name in NAMES[1:]] == [0, 0, 0]


@pytest.mark.parametrize(
    "words",
    [
        ["--waves", "1,x"],
        ["--max-failed", "5%"],
        ["--executor", "celery://here:1"],
        ["-i", "nowhere"],
        ["-t", "nowhere"],
        ["--all", "-i", "north"],
        ["--workers", "0"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_refused_before_anything_is_sent(
    fleet: Fleet, words: Sequence[str]
) -> None:
    everything = [] if {"-i", "-t"} & {*words} else ["--all"]

    ran = fleet.json("server", "list", *everything, *words)

    assert ran.code == 2
    assert [len(it.requests) for it in fleet.served.values()] == [0, 0, 0, 0]


def test_keys_of_several_instances_go_to_places_of_their_own(fleet: Fleet, tmp_path: Path) -> None:
    ran = fleet.json("apikey", "create", "cron", "--all", "--save", f"file:{tmp_path}/{{name}}.key")

    assert ran.code == 0, ran.out
    assert [len((tmp_path / f"{it.upper()}.key").read_text()) for it in NAMES] == [41] * 4


@pytest.mark.parametrize("place", ["file:one.key", "keyring:openspp/cron"])
def test_several_keys_are_not_put_in_one_place(fleet: Fleet, place: str) -> None:
    ran = fleet.json("apikey", "create", "cron", "--all", "--save", place)

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert "{name}" in ran.error["hint"]
    assert [len(it.requests) for it in fleet.served.values()] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "words",
    [("apikey", "create", "cron"), ("debug", "on"), ("debug", "status"), ("login",), ("logout",)],
    ids=" ".join,
)
def test_what_is_kept_on_this_machine_is_not_done_on_another(
    fleet: Fleet, words: Sequence[str]
) -> None:
    ran = fleet.json(*words, "--all", "--executor", "dask://127.0.0.1:9")

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert "on the machine that it runs on" in ran.error["message"]


def test_all_that_is_wrong_is_told_at_once(fleet: Fleet) -> None:
    ran = fleet.run("server", "create", "-i", "nowhere", "--waves", "x")

    assert ran.code == 2
    assert all(what in ran.err for what in ("nowhere", "--waves", "missing: name"))


def test_instances_without_a_credential_are_named_before_anything_is_sent(fleet: Fleet) -> None:
    text = fleet.inventory.read_text()
    for name in ("south", "west"):
        text = text.replace(f"[instances.{name}]", f'[instances.{name}]\npassword = ""')
    fleet.inventory.write_text(text)

    ran = fleet.json("server", "list", "--all")

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert ran.error["message"] == "neither api_key nor password is given for south, west"
    assert [len(it.requests) for it in fleet.served.values()] == [0, 0, 0, 0]


def test_what_asks_wants_a_yes_for_many(fleet: Fleet) -> None:
    fleet.add_server(*NAMES)

    ran = fleet.json("server", "delete", "Main", "--all", "--force")

    assert (ran.code, ran.error["code"]) == (2, "missing-value")
    assert "--yes" in ran.error["hint"]
    assert [len(it.requests) for it in fleet.served.values()] == [0, 0, 0, 0]
    assert fleet.json("server", "delete", "Main", "--all", "--force", "--yes").code == 0


def test_a_change_is_made_on_each(fleet: Fleet) -> None:
    fleet.add_server(*NAMES)

    ran = fleet.json("server", "update", "Main", "--sequence", "7", "-t", "th", "--yes")

    assert ran.code == 0
    sequences = [fleet.served[name].database.servers.rows[1]["sequence"] for name in NAMES]
    assert sequences == [7, 7, 10, 10]


def test_instances_can_be_checked_for_a_login(fleet: Fleet) -> None:
    ran = fleet.json("instance", "check", "--all")

    assert ran.code == 0
    assert ran.json["results"][0]["data"] == {
        "login": "admin",
        "database": "openspp",
        "version": "19.0",
        "protocol": "jsonrpc",
    }


def test_an_interrupted_run_ends_at_once_with_what_is_known(fleet: Fleet) -> None:
    fleet.served["west"].misbehaving.switch_to(parse_misbehaviour("silence"))
    # the others share the address, so they wait until one of them was let in
    words = ["server", "list", "--all", "-o", "json", "--inventory", str(fleet.inventory)]
    process = subprocess.Popen(
        [sys.executable, "-m", "remote_mailcfg", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:  # until the three others are done
        if line.startswith("[3/4]"):
            break
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    out, _err = process.communicate(timeout=30)

    assert (process.returncode, time.monotonic() - begun < 1) == (130, True)
    results: list[dict[str, Any]] = json.loads(out)["results"]
    assert [it["ok"] for it in results] == [True, True, True, False]
    assert results[3]["error"]["code"] == "interrupted"


def test_a_terminal_shows_how_far_the_run_is(fleet: Fleet) -> None:
    fleet.served["west"].misbehaving.switch_to(parse_misbehaviour("silence"))

    with on_terminal(fleet, "server", "list", "--all") as terminal:
        terminal.read_until("3 of 4 done, 0 failed")
        terminal.interrupt()
        assert terminal.finish() == 130

    assert "west: not finished" in terminal.screen
    assert "4 instances: 3 ok, 0 failed, 1 not finished" in terminal.screen


def test_a_secret_that_is_typed_is_asked_for_once(fleet: Fleet) -> None:
    text = fleet.inventory.read_text()
    fleet.inventory.write_text(text.replace("file:password", "prompt:The password"))

    with on_terminal(fleet, "server", "list", "--all") as terminal:
        terminal.read_until("The password: ")  # the blank comes once nothing is echoed
        terminal.type(ADMIN[1])
        assert terminal.finish() == 0

    assert terminal.screen.count("The password") == 1
    assert ADMIN[1] not in terminal.screen
    assert "4 instances: 4 ok" in terminal.screen


def test_a_secret_that_is_typed_needs_a_terminal(fleet: Fleet) -> None:
    text = fleet.inventory.read_text()
    fleet.inventory.write_text(text.replace("file:password", "prompt:"))

    ran = fleet.json("server", "list", "--all")

    codes = {it["error"]["code"] for it in ran.json["results"]}
    assert (ran.code, codes) == (2, {"configuration"})
    assert [len(it.requests) for it in fleet.served.values()] == [0, 0, 0, 0]


def interrupted(fleet: Fleet, *words: str, **variables: str) -> Ran:
    """Run a command, press Ctrl-C once every instance holds a request, and return how it ended."""
    fleet.unshare()
    process = subprocess.Popen(
        [sys.executable, "-m", "remote_mailcfg", *words, "--inventory", str(fleet.inventory)],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert all(it.held.wait(30) for it in fleet.served.values())
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - begun < 1.2
    return Ran(process.returncode, out, err)


def test_an_interrupted_change_leaves_no_candidate(fleet: Fleet) -> None:
    for it in fleet.served.values():
        it.database.switches.break_before["ir.mail_server.test_smtp_connection"] = True
    words = ["--name", "Silent", "--smtp-host", "smtp.example.org", "--smtp-user", "mailer"]

    words += ["-o", "json"]
    ran = interrupted(fleet, "server", "create", "--all", *words, SMTP_PASS="smtp-Canary-1")

    assert ran.code == 130
    hints = [it["error"]["hint"] for it in ran.json["results"]]
    assert [it for it in hints if not it.endswith("is undone: nothing is left")] == []
    assert "smtp-Canary-1" not in ran.out + ran.err
    assert [it.database.servers.rows for it in fleet.served.values()] == [{}] * 4


def test_an_interrupted_login_leaves_no_freeze(fleet: Fleet) -> None:
    for it in fleet.served.values():
        it.odoo.break_after["/web/session/authenticate"] = True

    ran = interrupted(fleet, "login", "--all")

    assert ran.code == 130
    frozen = [it.database.parameters.value("web.base.url.freeze") for it in fleet.served.values()]
    assert frozen == [None] * 4
