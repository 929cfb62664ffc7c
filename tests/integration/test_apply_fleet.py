"""Plans for several instances are looked at together, and what is dangerous is refused."""

import json
import shlex
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from remote_mailcfg.cli.main import app
from remote_mailcfg.model.target import Target
from remote_mailcfg.sandbox.smtp_servers import PASSWORD, SmtpPeers
from remote_mailcfg.store.locks import changing_instance, changing_inventory
from tests.integration.fleet import NAMES, Fleet
from tests.integration.instance import Ran
from tests.integration.terminal import on_terminal

LONG_AGO = {"create_date": "2026-01-01 00:00:00"}
FILE = """
[[mail_server]]
key = "main"
name = "Main"
smtp_host = "127.0.0.1"
smtp_port = {port}
smtp_user = "mailer@example.org"
smtp_pass = "env:SMTP_PASS_MAIN"
"""


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASS_MAIN", PASSWORD)


@pytest.fixture
def file(tmp_path: Path, smtp: SmtpPeers) -> Path:
    path = tmp_path / "mail-servers.toml"
    path.write_text(FILE.format(port=smtp.plain_auth.port))
    return path


def add(fleet: Fleet, instance: str, **values: Any) -> int:
    given = {"name": "Main", "smtp_host": "127.0.0.1", "smtp_port": 1}
    return fleet.served[instance].database.servers.add(**given | values)


def rows(fleet: Fleet, name: str) -> list[dict[str, Any]]:
    return list(fleet.served[name].database.servers.rows.values())


def give_role(fleet: Fleet, **roles: str) -> None:
    text = fleet.inventory.read_text()
    for name, role in roles.items():
        text = text.replace(f"[instances.{name}]\n", f'[instances.{name}]\nrole = "{role}"\n')
    fleet.inventory.write_text(text)


def prefix(file: Path, policy: str) -> None:
    file.write_text(f"[policy]\n{policy}\n{file.read_text()}")


def errors(ran: Ran) -> dict[str, str]:
    return {it["instance"]: it["error"]["code"] for it in ran.json["results"] if not it["ok"]}


def outcomes(ran: Ran) -> dict[str, list[str]]:
    return {
        it["instance"]: [f"{c['action']} {c['outcome']}" for c in it["data"]["changes"]]
        for it in ran.json["results"]
        if "data" in it
    }


# Carrying out


def test_every_instance_gets_what_the_file_says(fleet: Fleet, file: Path) -> None:
    add(fleet, "north")

    ran = fleet.json("apply", str(file), "--all", "--yes")

    assert ran.code == 0, ran.out + ran.err
    created = {name: ["create done"] for name in NAMES[1:]}
    assert outcomes(ran) == {"north": ["adopt done"]} | created
    assert len({it["data"]["run"] for it in ran.json["results"]}) == 1
    again = fleet.run("apply", str(file), "--all", "--yes").out
    assert "4 instances: north, south, east, west\n  unchanged Main (main)\nNothing to do" in again
    assert fleet.json("plan", str(file), "--all").code == 0


def test_one_rollback_undoes_a_run_on_all_its_instances(fleet: Fleet, file: Path) -> None:
    add(fleet, "north", smtp_pass="0ld", smtp_user="0ld")
    before = rows(fleet, "north")[0].copy()
    fleet.json("apply", str(file), "--all", "--yes")

    ran = fleet.json("rollback", "--all", "--yes", "--no-test")

    assert ran.code == 0, ran.out + ran.err
    (north,) = rows(fleet, "north")
    assert {name: it for name, it in north.items() if not name.startswith("write_")} == {
        name: it for name, it in before.items() if not name.startswith("write_")
    }
    assert [rows(fleet, name) for name in NAMES[1:]] == [[], [], []]


@pytest.mark.usefixtures("one_second")
def test_the_last_run_of_several_instances_is_the_one_that_began_last(fleet: Fleet) -> None:
    fleet.add_server("north", "south")
    for name in ("north", "south"):
        assert fleet.run("server", "update", "Main", "--sequence", "3", "-i", name).code == 0

    ran = fleet.json("rollback", "--all", "--yes")

    assert ran.code == 0, ran.out + ran.err
    assert [rows(fleet, name)[0]["sequence"] for name in ("north", "south")] == [3, 10]


def test_what_fails_on_one_instance_stops_no_other(fleet: Fleet, file: Path) -> None:
    fleet.served["south"].database.switches.odd_answers["ir.mail_server.test_smtp_connection"] = 1

    ran = fleet.json("apply", str(file), "--all", "--yes")

    assert ran.code == 1
    assert errors(ran) == {"south": "test-failed"}
    assert outcomes(ran)["south"] == ["create failed"]
    assert rows(fleet, "south") == []
    assert len(rows(fleet, "west")) == 1


def test_a_wave_that_fails_stops_the_next(fleet: Fleet, file: Path) -> None:
    fleet.served["north"].database.switches.odd_answers["ir.mail_server.test_smtp_connection"] = 1

    ran = fleet.json("apply", str(file), "--all", "--yes", "--waves", "1,100%")

    assert ran.code == 1
    assert errors(ran) == {"north": "test-failed"} | dict.fromkeys(NAMES[1:], "not-tried")
    assert rows(fleet, "west") == []


def test_the_instances_that_need_nothing_are_left_out_of_the_run(fleet: Fleet, file: Path) -> None:
    fleet.json("apply", str(file), "--all", "--yes")
    fleet.served["east"].database.servers.rows[1]["sequence"] = 3
    file.write_text(file.read_text() + "sequence = 10\n")

    ran = fleet.json("apply", str(file), "--all", "--yes")

    runs = {it["instance"]: bool(it["data"]["run"]) for it in ran.json["results"]}
    assert runs == {"north": False, "south": False, "east": True, "west": False}


# Asking


def test_where_nobody_can_be_asked_yes_must_be_given(fleet: Fleet, file: Path) -> None:
    ran = fleet.json("apply", str(file), "--all")

    assert (ran.code, ran.error["code"]) == (2, "missing-value")
    assert fleet.served["north"].requests == []


@pytest.mark.parametrize(("answer", "code", "made"), [("y", 0, 1), ("n", 0, 0)], ids=["yes", "no"])
def test_a_person_sees_the_plan_and_is_asked(
    fleet: Fleet, file: Path, answer: str, code: int, made: int
) -> None:
    words = ("apply", str(file), "-i", "north", "-i", "south")
    with on_terminal(fleet, *words) as terminal:
        terminal.read_until("Make 2 change(s) on 2 instances? [y/N]: ")
        assert "2 instances: north, south\n+ create Main (main)\n" in terminal.screen
        terminal.type(answer)
        assert terminal.finish() == code, terminal.screen
    assert [len(rows(fleet, name)) for name in ("north", "south")] == [made, made]
    assert PASSWORD not in terminal.screen


# Guards


def test_a_server_in_use_is_told_with_its_users(fleet: Fleet, file: Path) -> None:
    server_id = add(fleet, "north", name="Old")
    add(fleet, "north", name="Other")
    templates = fleet.served["north"].database.models["mail.template"]
    templates.add(name="Welcome", mail_server_id=server_id)
    prefix(file, 'unmanaged = "archive"')

    ran = fleet.json("apply", str(file), "-i", "north", "--yes")

    assert (ran.code, ran.error["code"]) == (1, "unsafe-plan")
    assert "'Old' is used by template 'Welcome'" in ran.error["message"]


def test_what_the_environment_manages_is_refused_and_left_as_it_is_by_force(
    fleet: Fleet, file: Path
) -> None:
    add(fleet, "north", smtp_pass=PASSWORD, smtp_user="mailer@example.org", sequence=3)
    fleet.served["north"].database.manage_by_environment("smtp_port")
    file.write_text(file.read_text() + "sequence = 7\n")

    refused = fleet.json("apply", str(file), "-i", "north", "--yes")
    forced = fleet.json("apply", str(file), "-i", "north", "--yes", "--force", "--no-test")

    assert (refused.code, refused.error["code"]) == (1, "unsafe-plan")
    assert "smtp_port managed by the server's environment" in refused.error["message"]
    assert forced.code == 0, forced.out
    (row,) = rows(fleet, "north")
    assert (row["smtp_port"], row["sequence"]) == (1, 7)


def test_a_write_that_changed_nothing_is_an_error(fleet: Fleet, file: Path) -> None:
    add(fleet, "north", smtp_pass=PASSWORD, smtp_user="mailer@example.org")
    fleet.served["north"].database.switches.ignored_fields.add("smtp_port")

    ran = fleet.json("apply", str(file), "-i", "north", "--yes", "--no-test")

    assert (ran.code, ran.error["code"]) == (1, "not-verified")
    assert outcomes(ran) == {"north": ["adopt failed"]}


def test_two_candidates_for_adoption_are_refused_with_their_ids(fleet: Fleet, file: Path) -> None:
    first, second = add(fleet, "north"), add(fleet, "north")

    ran = fleet.json("apply", str(file), "-i", "north", "--yes")

    assert (ran.code, ran.error["code"]) == (1, "ambiguous")
    assert f"{first}, {second}" in ran.error["message"]


# Safe roles


def test_on_a_safe_role_only_servers_of_the_file_are_active(fleet: Fleet, file: Path) -> None:
    give_role(fleet, north="training")
    prefix(file, 'safe_roles = ["training"]')
    add(fleet, "north", name="Relay", smtp_user="real", smtp_pass="real-Canary")

    ran = fleet.json("apply", str(file), "-i", "north", "--yes")

    assert ran.code == 0, ran.out
    relay, main = rows(fleet, "north")
    assert (relay["active"], relay["smtp_pass"]) == (False, "real-Canary")
    assert main["active"] is True


def test_credentials_of_others_are_emptied_for_good(fleet: Fleet, file: Path) -> None:
    give_role(fleet, north="training")
    prefix(file, 'safe_roles = ["training"]')
    add(fleet, "north", name="Relay", smtp_user="real", smtp_pass="real-Canary")
    add(fleet, "north", name="Archived", smtp_user="real", smtp_pass="real-Canary", active=False)

    ran = fleet.json("apply", str(file), "-i", "north", "--yes", "--clear-credentials")

    assert ran.code == 0, ran.out
    *others, main = rows(fleet, "north")
    assert [row["name"] for row in others] == ["Relay", "Archived"]
    assert [(row["active"], row["smtp_user"], row["smtp_pass"]) for row in others] == [
        (False, False, False)
    ] * 2
    assert main["active"] is True
    assert fleet.json("plan", str(file), "-i", "north", "--clear-credentials").code == 0


# Saved plans


def save(fleet: Fleet, file: Path, *words: str) -> Path:
    plan = file.parent / "plan.json"
    ran = fleet.json("plan", str(file), *words, "--out", str(plan))
    assert ran.code == 3, ran.err
    return plan


def test_a_saved_plan_is_carried_out_exactly(
    fleet: Fleet, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMTP_PASS_MAIN")  # where a plan is made, passwords need not be
    plan = save(fleet, file, "-i", "north", "-i", "south")
    monkeypatch.setenv("SMTP_PASS_MAIN", PASSWORD)
    file.unlink()

    ran = fleet.json("apply", "--plan", str(plan), "--yes")

    assert ran.code == 0, ran.out + ran.err
    assert outcomes(ran) == {name: ["create done"] for name in NAMES[:2]}
    assert rows(fleet, "west") == []


def test_a_saved_plan_is_the_users_alone_and_holds_no_secret(fleet: Fleet, file: Path) -> None:
    add(fleet, "north", smtp_pass="stored-Canary", smtp_user="u")

    plan = save(fleet, file, "-i", "north")

    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    text = plan.read_text()
    assert PASSWORD not in text
    assert "stored-Canary" not in text


def test_a_selection_narrows_a_saved_plan(fleet: Fleet, file: Path) -> None:
    plan = save(fleet, file, "--all")

    ran = fleet.json("apply", "--plan", str(plan), "--yes", "-i", "east")

    assert outcomes(ran) == {"east": ["create done"]}
    assert rows(fleet, "north") == []


def test_a_plan_that_is_stale_says_what_differs_and_by_whom(fleet: Fleet, file: Path) -> None:
    server_id = add(fleet, "north")
    plan = save(fleet, file, "-i", "north")
    database = fleet.served["north"].database
    database.servers.rows[server_id]["sequence"] = 42
    add(fleet, "north", name="Another")

    ran = fleet.json("apply", "--plan", str(plan), "--yes")

    assert (ran.code, ran.error["code"]) == (1, "stale-plan")
    assert "'Main': sequence was 10, is 42 (by " in ran.error["message"]
    assert "'Another' is new" in ran.error["message"]


def test_a_password_that_was_changed_since_makes_a_plan_stale(fleet: Fleet, file: Path) -> None:
    server_id = add(fleet, "north", smtp_pass="0ld", smtp_user="mailer@example.org")
    plan = save(fleet, file, "-i", "north")
    fleet.served["north"].database.servers.rows[server_id]["smtp_pass"] = PASSWORD

    ran = fleet.json("apply", "--plan", str(plan), "--yes")

    assert (ran.code, ran.error["code"]) == (1, "stale-plan")
    assert "a stored secret" in ran.error["message"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            lambda text: text.replace('"sequence": 10', '"sequence": 1'),
            "was changed after",
            id="by-hand",
        ),
        pytest.param(lambda _text: "{", "is not a plan", id="no-json"),
        pytest.param(
            lambda text: text.replace('"format": 1', '"format": 9'),
            "its format is 9",
            id="another-format",
        ),
    ],
)
def test_a_plan_that_was_changed_is_refused(
    fleet: Fleet, file: Path, change: Any, told: str
) -> None:
    add(fleet, "north")
    plan = save(fleet, file, "-i", "north")
    plan.write_text(change(plan.read_text()))

    ran = fleet.json("apply", "--plan", str(plan), "--yes")

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert told in ran.error["message"]


def test_a_plan_for_another_address_is_refused(fleet: Fleet, file: Path) -> None:
    plan = save(fleet, file, "-i", "north")
    content = json.loads(plan.read_text())
    text = fleet.inventory.read_text()
    fleet.inventory.write_text(text.replace(content["instances"][0]["url"], "http://127.0.0.1:9"))

    ran = fleet.json("apply", "--plan", str(plan), "--yes")

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert "another address" in ran.error["message"]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["apply", "--yes"], id="neither-file-nor-plan"),
        pytest.param(["apply", "FILE", "--plan", "PLAN", "--yes"], id="both"),
        pytest.param(["apply", "--plan", "PLAN", "--clear-credentials", "--yes"], id="clear-later"),
        pytest.param(["apply", "--plan", "nowhere.json", "--yes"], id="no-such-plan"),
        pytest.param(["plan", "FILE", "--out", "nowhere/plan.json"], id="no-such-folder"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(fleet: Fleet, file: Path, words: list[str]) -> None:
    plan = save(fleet, file, "-i", "north")
    fleet.served["north"].requests.clear()
    given = [{"FILE": str(file), "PLAN": str(plan)}.get(word, word) for word in words]

    ran = fleet.json(*given, "-i", "north")

    assert ran.code == 2, ran.out
    assert fleet.served["north"].requests == []


def test_a_plan_of_instances_that_are_not_chosen_is_refused(fleet: Fleet, file: Path) -> None:
    plan = save(fleet, file, "-i", "north")

    ran = fleet.json("apply", "--plan", str(plan), "-i", "west", "--yes")

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert "none of which is chosen" in ran.error["message"]


def test_a_secret_that_cannot_be_had_is_told_before_anything_is_written(
    fleet: Fleet, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMTP_PASS_MAIN")

    ran = fleet.json("apply", str(file), "-i", "north", "--yes")

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert "SMTP_PASS_MAIN" in ran.error["message"]
    assert rows(fleet, "north") == []


# Kept apart


def test_two_runs_of_an_inventory_are_kept_apart(fleet: Fleet, file: Path) -> None:
    with changing_inventory(fleet.inventory):
        ran = fleet.json("apply", str(file), "--all", "--yes")

    assert (ran.code, ran.error["code"]) == (1, "busy")


def test_two_changes_of_an_instance_are_kept_apart(fleet: Fleet) -> None:
    served = fleet.served["north"]
    server_id = add(fleet, "north")
    target = Target(name="north", url=served.url, database="openspp")

    with changing_instance(replace(target, name="by another name")):
        ran = fleet.json("server", "archive", str(server_id), "--force", "-i", "north")

    assert (ran.code, ran.error["code"]) == (1, "busy")
    assert rows(fleet, "north")[0]["active"] is True


@pytest.mark.parametrize(
    ("stamp", "born", "code", "left"),
    [
        pytest.param(f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", {}, 1, True, id="at-work"),
        pytest.param("20260101T000000Z", {}, 0, False, id="long-ago"),
        pytest.param("20990101T000000Z", {}, 1, True, id="to-come-and-young"),
        pytest.param("20990101T000000Z", LONG_AGO, 0, False, id="to-come-and-old"),
        pytest.param("once upon a time", {}, 1, True, id="of-no-time-and-young"),
        pytest.param("once upon a time", LONG_AGO, 0, False, id="of-no-time-and-old"),
    ],
)
def test_a_candidate_of_another_machine_is_at_work_or_left(
    fleet: Fleet, file: Path, *, stamp: str, born: dict[str, str], code: int, left: bool
) -> None:
    name = f"remote-mailcfg candidate {stamp}-abcdef: Main"
    add(fleet, "north", name=name, active=False, **born)

    ran = fleet.json("apply", str(file), "-i", "north", "--yes")

    assert ran.code == code
    assert (name in [row["name"] for row in rows(fleet, "north")]) is left
    if left:
        assert ran.error["code"] == "stale-plan"
        assert "another operator's run" in ran.error["message"]
    else:
        assert f"removed what a run left behind: mail server 1 '{name}'" in ran.err


# Runs


def test_runs_are_listed_shown_and_forgotten(fleet: Fleet, file: Path) -> None:
    add(fleet, "north", smtp_pass="0ld", smtp_user="mailer@example.org")
    run = fleet.json("apply", str(file), "-i", "north", "--yes").data["run"]
    assert [row["name"] for row in rows(fleet, "north")][1:] == [
        f"remote-mailcfg backup {run}: Main"
    ]

    listed = fleet.json("runs", "-i", "north").data["runs"]
    shown = fleet.json("runs", "show", run, "-i", "north").data
    people = fleet.run("runs", "show", run, "-i", "north").out
    table = fleet.run("runs", "-i", "north").out
    csv = fleet.run("runs", "-i", "north", "-o", "csv").out
    forgotten = fleet.json("runs", "forget", run, "-i", "north")

    assert [(it["run"], it["state"]) for it in listed] == [(run, "done")]
    (change,) = shown["changes"]
    assert (change["action"], change["outcome"]) == ("adopt", "done")
    assert change["fields"]["smtp_pass"] == {"from": None, "to": "set"}
    assert "adopt 1 Main (main): done" in people
    assert "done   apply    adopt Main" in table
    assert f"north,{run}," in csv
    assert forgotten.data == {"run": run, "backups": 1}
    assert [row["name"] for row in rows(fleet, "north")] == ["Main"]
    assert fleet.json("runs", "-i", "north").data == {"runs": []}
    assert "No run" in fleet.run("runs", "-i", "north").out
    assert fleet.json("rollback", run, "-i", "north", "--yes").code == 1


def test_a_backup_is_kept_until_the_next_run_on_that_server(
    fleet: Fleet, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(fleet, "north", smtp_pass="0ld", smtp_user="mailer@example.org")
    fleet.json("apply", str(file), "-i", "north", "--yes")
    monkeypatch.setenv("SMTP_PASS", "n3w-Canary")

    again = fleet.json("server", "update", "Main", "--no-test", "-i", "north")

    assert again.code == 0, again.err
    backups = [row["name"] for row in rows(fleet, "north") if "backup" in row["name"]]
    assert backups == [f"remote-mailcfg backup {again.data['run']}: Main"]


def test_lists_show_what_is_managed(fleet: Fleet, file: Path) -> None:
    fleet.json("apply", str(file), "-i", "north", "--yes")
    add(fleet, "north", name="Other")

    listed = fleet.json("server", "list", "-i", "north").data["servers"]

    assert {it["name"]: it["ours"] for it in listed} == {"Main": "managed", "Other": None}
    assert "managed" in fleet.run("server", "list", "-i", "north").out


def test_what_somebody_changed_since_is_not_rolled_back_unless_forced(
    fleet: Fleet, file: Path
) -> None:
    server_id = add(fleet, "north", smtp_pass=PASSWORD, smtp_user="mailer@example.org", sequence=3)
    file.write_text(file.read_text() + "sequence = 7\n")
    fleet.json("apply", str(file), "-i", "north", "--yes")
    fleet.served["north"].database.servers.rows[server_id]["sequence"] = 99

    refused = fleet.json("rollback", "-i", "north", "--yes")
    forced = fleet.json("rollback", "-i", "north", "--yes", "--force", "--no-test")

    assert (refused.code, refused.error["code"]) == (1, "stale-plan")
    assert "sequence was written as 7 and is 99" in refused.error["message"]
    assert forced.code == 0, forced.out
    assert rows(fleet, "north")[0]["sequence"] == 3


def test_an_old_state_that_does_not_pass_its_test_says_so(fleet: Fleet, file: Path) -> None:
    add(fleet, "north")  # nobody listens at port 1
    fleet.json("apply", str(file), "-i", "north", "--yes")

    refused = fleet.json("rollback", "-i", "north", "--yes")
    written = fleet.json("rollback", "-i", "north", "--yes", "--no-test")

    assert (refused.code, refused.error["code"]) == (1, "test-failed")
    assert "--no-test writes it" in refused.error["hint"]
    assert written.code == 0
    assert [row["smtp_port"] for row in rows(fleet, "north")] == [1]


# The way back as it is printed


def typed(command: str, **variables: str) -> Ran:
    """Run a command as a person copies it from the screen."""
    program, *words = shlex.split(command)
    assert program == "remote-mailcfg"
    ran = CliRunner().invoke(app, [*words, "--yes"], env=variables, catch_exceptions=False)
    return Ran(ran.exit_code, ran.stdout, ran.stderr)


def printed_undo(ran: Ran) -> str:
    (line,) = [it for it in ran.out.splitlines() if it.startswith("Undo with: ")]
    return line.removeprefix("Undo with: ")


def test_the_printed_way_back_works_for_a_fleet(fleet: Fleet, file: Path) -> None:
    folder = fleet.inventory.parent / "a $folder"
    folder.mkdir()
    moved = replace(fleet, inventory=fleet.inventory.rename(folder / "my instances.toml"))
    (fleet.inventory.parent / "password").rename(folder / "password")

    undo = printed_undo(moved.run("apply", str(file), "-i", "north", "-i", "south", "--yes"))
    other = moved.run("apply", str(file), "-i", "east", "--yes")
    undone = typed(undo)

    assert undone.code == 0, undone.err
    counts = {name: len(rows(moved, name)) for name in ("north", "south", "east")}
    assert counts == {"north": 0, "south": 0, "east": 1}
    assert typed(printed_undo(other)).code == 0


def test_the_way_back_names_the_inventory_where_the_environment_has_an_instance_too(
    fleet: Fleet, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"OPENSPP_URL": "http://127.0.0.1:9", "OPENSPP_LOGIN": "a", "OPENSPP_PASSWORD": "b"}
    monkeypatch.chdir(fleet.inventory.parent)
    ran = CliRunner().invoke(app, ["apply", str(file), "-i", "north", "--yes"], env=own)

    undone = typed(printed_undo(Ran(ran.exit_code, ran.stdout, ran.stderr)), **own)

    assert (undone.code, rows(fleet, "north")) == (0, [])


def test_a_run_may_be_shortened_and_is_one_line_for_all_its_instances(
    fleet: Fleet, file: Path
) -> None:
    name = fleet.json("apply", str(file), "--all", "--yes").json["results"][0]["data"]["run"]
    fleet.run("server", "update", "Main", "--sequence", "3", "-i", "north")

    listed = [line for line in fleet.run("runs", "--all").out.splitlines() if name in line]
    shown = fleet.json("runs", "show", name[:-1], "-i", "north")
    unclear = fleet.json("runs", "show", name[:4], "-i", "north")

    assert len(listed) == 1
    assert shown.data["run"] == name
    assert (unclear.code, unclear.error["code"]) == (1, "ambiguous")
    assert name in unclear.error["message"]
    assert fleet.run("rollback", name[:-1], "--force", "--yes").code == 0
    assert rows(fleet, "west") == []


def test_a_run_tells_why_a_test_failed_and_what_was_not_set(fleet: Fleet) -> None:
    words = ("--name", "Main", "--smtp-host", "127.0.0.1", "--smtp-port", "9")
    fleet.run("server", "create", *words, "--smtp-encryption", "none", "-i", "north")
    (run,) = fleet.json("runs", "-i", "north").data["runs"]

    told = fleet.run("runs", "show", run["run"], "-i", "north").out

    assert "name: (not set) -> Main" in told
    assert "test: the test of 'Main' failed (refused)" in told
