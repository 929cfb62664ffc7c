"""The live mail servers of a fleet as a file, and the plan that finds no difference."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.integration.fleet import NAMES, Fleet

MAIN = {"name": "Main", "smtp_host": "smtp.example.org", "smtp_port": 587, "sequence": 5}
LOGIN = {"smtp_encryption": "starttls", "smtp_user": "mailer", "smtp_pass": "smtp-Canary-1"}


def exported(fleet: Fleet, *words: str) -> list[dict[str, Any]]:
    ran = fleet.run("export", *(words or ("--all",)))
    assert ran.code == 0, ran.err
    assert "smtp-Canary-1" not in ran.out + ran.err
    servers: list[dict[str, Any]] = tomllib.loads(ran.out)["mail_server"]
    return servers


def add(fleet: Fleet, *names: str, **values: Any) -> None:
    for name in names:
        fleet.served[name].database.servers.add(**MAIN | values)


def test_what_all_instances_have_is_there_once(fleet: Fleet) -> None:
    add(fleet, *NAMES, **LOGIN, from_filter="example.org, office@example.net")

    assert exported(fleet) == [
        {
            "key": "main",
            "name": "Main",
            "sequence": 5,
            "smtp_encryption": "starttls",
            "smtp_host": "smtp.example.org",
            "smtp_port": 587,
            "smtp_user": "mailer",
            "smtp_pass": "env:SMTP_PASS_MAIN",
            "from_filter": ["example.org", "office@example.net"],
        }
    ]


def test_what_some_have_names_them(fleet: Fleet) -> None:
    add(fleet, "north", "west")
    add(fleet, "south", smtp_port=25)

    servers = exported(fleet)

    assert [(it["key"], it["smtp_port"], it["tags"]) for it in servers] == [
        ("main", 587, ["north", "west"]),
        ("main-2", 25, ["south"]),
    ]


def test_an_instance_without_servers_is_a_file_without_servers(fleet: Fleet) -> None:
    assert exported(fleet) == []


def test_archived_servers_and_those_of_ours_are_left_out(fleet: Fleet) -> None:
    add(fleet, "north", active=False)
    add(fleet, "north", name="remote-mailcfg backup 1: Main")

    assert exported(fleet, "-i", "north") == []


def test_a_server_without_a_host_is_told(fleet: Fleet) -> None:
    add(fleet, "north", smtp_host=False)

    ran = fleet.run("export", "-i", "north")

    assert "# Left out, since it has no smtp_host: north: 1 'Main'" in ran.out
    assert tomllib.loads(ran.out)["mail_server"] == []


@pytest.mark.parametrize("words", [("--all",), ("-i", "north")], ids=["all", "one"])
def test_the_plan_right_after_is_empty(
    fleet: Fleet, tmp_path: Path, words: tuple[str, ...]
) -> None:
    add(fleet, *NAMES, **LOGIN, from_filter="example.org,  example.net")
    add(fleet, "north", "east", name="Zweiter Größer", smtp_debug=True, max_email_size=12.5)
    add(fleet, "north", name="Twin", smtp_host="twin.example.org")
    add(fleet, "north", name="Twin", smtp_host="twin.example.org")
    add(fleet, "south", name="Twin", smtp_host="other.example.org")
    add(fleet, "west", name="Conf", smtp_authentication="cli", smtp_host=False)
    file = tmp_path / "mail-servers.toml"

    assert fleet.run("export", str(file), *words).code == 0
    ran = fleet.json("plan", str(file), *words)

    assert ran.code == 0, ran.out
    assert [it["data"]["unmanaged"] for it in ran.json["results"]] == [[]] * len(
        ran.json["results"]
    )
    assert ran.json["results"][0]["data"]["changes"][0]["cannot_tell"] == ["smtp_pass"]


def test_a_file_that_exists_is_not_overwritten(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "mail-servers.toml"
    file.write_text("mine")

    ran = fleet.json("export", str(file), "--all")

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert file.read_text() == "mine"


def test_a_folder_that_is_not_there_is_told_before_anything_is_sent(
    fleet: Fleet, tmp_path: Path
) -> None:
    ran = fleet.json("export", str(tmp_path / "no" / "where.toml"), "--all")

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert [len(it.requests) for it in fleet.served.values()] == [0, 0, 0, 0]


def test_an_instance_that_fails_is_told_and_the_others_are_there(fleet: Fleet) -> None:
    add(fleet, *NAMES)
    fleet.inventory.write_text(
        fleet.inventory.read_text() + '[instances.gone]\nurl = "http://127.0.0.1:9"\n'
    )

    ran = fleet.run("export", "--all")

    assert ran.code == 1
    assert "error: gone: " in ran.err
    assert [it.get("tags") for it in tomllib.loads(ran.out)["mail_server"]] == [None]
