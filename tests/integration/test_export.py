"""The live mail servers of a fleet as a file, and the plan that finds no difference."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from tests.integration.fleet import NAMES, Fleet, running_fleet

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


def test_with_force_a_file_is_replaced(fleet: Fleet, tmp_path: Path) -> None:
    add(fleet, *NAMES)
    file = tmp_path / "mail-servers.toml"
    file.write_text("mine")

    assert fleet.run("export", str(file), "--all", "--force").code == 0
    assert fleet.json("plan", str(file), "--all").code == 0


def test_a_disk_that_is_full_leaves_no_file(
    fleet: Fleet, tmp_path: Path, mocker: MockerFixture
) -> None:
    file = tmp_path / "mail-servers.toml"
    mocker.patch("remote_mailcfg.files.os.fsync", side_effect=OSError(28, "No space left"))

    ran = fleet.run("export", str(file), "--all")

    assert ran.code == 1
    assert f"{file} cannot be written: No space left" in ran.err
    assert not file.exists()


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


# Servers that are managed


DISTRICT = """
[[mail_server]]
key = "relay"
name = "Mail of {instance}"
smtp_encryption = "none"
smtp_host = "{instance}.mail.example.org"
smtp_port = 2525
smtp_user = "{instance}@example.org"
smtp_pass = "env:SMTP_PASS_MAIN"
from_filter = ["{instance}.example.org", "example.org"]

[[mail_server]]
key = "Second_1"
name = "Zweiter"
smtp_host = "second.example.org"
smtp_port = 2525
"""


@pytest.fixture
def twelve(tmp_path: Path) -> Iterator[Fleet]:
    """Run twelve instances, the name of the first of which begins that of others."""
    with running_fleet(tmp_path, [f"district-{number}" for number in range(1, 13)]) as fleet:
        yield fleet


def roll_out(fleet: Fleet, folder: Path, text: str) -> None:
    file = folder / "wanted.toml"
    file.write_text(text)
    ran = fleet.run(
        "apply", str(file), "--all", "--yes", "--no-test", SMTP_PASS_MAIN="smtp-Canary-1"
    )
    assert ran.code == 0, ran.out + ran.err


def plan_of_export(fleet: Fleet, folder: Path, *words: str) -> list[list[str]]:
    """Export, plan right after, and return what is to be done on each instance."""
    file = folder / "exported.toml"
    assert fleet.run("export", str(file), *words).code == 0
    ran = fleet.json("plan", str(file), *words)
    assert ran.code == 0, ran.out + ran.err
    assert all(it["data"]["unmanaged"] == [] for it in ran.json["results"])
    return [[c["action"] for c in it["data"]["changes"]] for it in ran.json["results"]]


def test_what_apply_made_on_twelve_instances_has_its_key(twelve: Fleet, tmp_path: Path) -> None:
    roll_out(twelve, tmp_path, DISTRICT)

    servers = exported(twelve)

    assert [(it["key"], it["name"], it.get("tags")) for it in servers] == [
        ("relay", "Mail of {instance}", None),
        ("Second_1", "Zweiter", None),
    ]
    assert servers[0]["smtp_host"] == "{instance}.mail.example.org"
    assert servers[0]["smtp_user"] == "{instance}@example.org"
    assert servers[0]["from_filter"] == ["{instance}.example.org", "example.org"]
    assert servers[0]["smtp_pass"] == "env:SMTP_PASS_RELAY_{instance}"
    assert plan_of_export(twelve, tmp_path, "--all") == [["unchanged", "unchanged"]] * 12


def test_what_apply_made_on_one_instance_has_its_key(twelve: Fleet, tmp_path: Path) -> None:
    roll_out(twelve, tmp_path, DISTRICT)

    servers = exported(twelve, "-i", "district-1")

    assert [(it["key"], it["name"]) for it in servers] == [
        ("relay", "Mail of district-1"),
        ("Second_1", "Zweiter"),
    ]
    found = plan_of_export(twelve, tmp_path, "-i", "district-1")
    assert found == [["unchanged", "unchanged"]]


def test_an_instance_that_drifted_has_an_entry_of_its_own(twelve: Fleet, tmp_path: Path) -> None:
    roll_out(twelve, tmp_path, DISTRICT)
    drifted = twelve.served["district-2"].database.servers.rows
    drifted[1]["smtp_port"] = 26
    drifted[2]["name"] = "Renamed"

    servers = exported(twelve)
    file = tmp_path / "exported.toml"

    others = [name for name in twelve.served if name != "district-2"]
    assert [(it["key"], it["tags"]) for it in servers] == [
        ("relay", others),
        ("mail-of", ["district-2"]),
        ("Second_1", others),
        ("renamed", ["district-2"]),
    ]
    assert plan_of_export(twelve, tmp_path, "--all") == [["unchanged", "unchanged"]] * 12
    file.write_text(file.read_text().replace("smtp_port = 26", "smtp_port = 27"))
    ran = twelve.json("plan", str(file), "-i", "district-2")
    assert [(it["action"], it["server"]["id"]) for it in ran.data["changes"]] == [
        ("adopt", 1),
        ("unchanged", 2),
    ]


def test_a_server_that_nobody_marked_shares_the_entry_of_one_that_is(
    fleet: Fleet, tmp_path: Path
) -> None:
    text = '[[mail_server]]\nkey = "first"\nname = "Main"\nsmtp_host = "smtp.example.org"\n'
    file = tmp_path / "wanted.toml"
    file.write_text(text + "smtp_port = 587\nsequence = 5\n")
    assert fleet.run("apply", str(file), "-i", "south", "--yes", "--no-test").code == 0
    add(fleet, "north", "east", "west")

    assert [(it["key"], it.get("tags")) for it in exported(fleet)] == [("first", None)]
    assert plan_of_export(fleet, tmp_path, "--all") == [["unchanged"]] * 4


def test_a_name_makes_no_key_that_an_external_id_has(fleet: Fleet, tmp_path: Path) -> None:
    """The archived server that has it would be changed in the place of the active one."""
    text = '[[mail_server]]\nkey = "main"\nname = "Old"\nsmtp_host = "old.example.org"\n'
    file = tmp_path / "wanted.toml"
    file.write_text(text)
    assert fleet.run("apply", str(file), "-i", "north", "--yes", "--no-test").code == 0
    fleet.served["north"].database.servers.rows[1]["active"] = False
    add(fleet, "north", "south")

    assert [it["key"] for it in exported(fleet)] == ["main-2"]
    assert plan_of_export(fleet, tmp_path, "--all") == [["unchanged"], ["unchanged"], [], []]


def test_names_that_make_the_same_key_get_different_ones(fleet: Fleet, tmp_path: Path) -> None:
    add(fleet, "north")
    add(fleet, "north")
    add(fleet, "north", name="Main 2")

    assert [it["key"] for it in exported(fleet, "-i", "north")] == ["main", "main-2", "main-2-2"]
    assert plan_of_export(fleet, tmp_path, "-i", "north") == [["unchanged"] * 3]


def test_the_name_of_an_instance_within_a_shared_name_is_no_place(fleet: Fleet) -> None:
    add(fleet, *NAMES, name="Relay of the north", smtp_host="north.example.org")

    assert [(it["name"], it["smtp_host"]) for it in exported(fleet)] == [
        ("Relay of the north", "north.example.org")
    ]


def test_what_turns_or_hides_text_is_escaped_and_comes_back_as_it_was(
    fleet: Fleet, tmp_path: Path
) -> None:
    name = "Main\u202e\u200b\ufeff ##vso[x] ::error::"
    add(fleet, "north", name=name, smtp_user="a\x85\u2028b")
    add(fleet, "south", name=name)

    everything = fleet.run("export", "--all").out
    ran = fleet.run("export", "-i", "south")
    file = tmp_path / "mail-servers.toml"
    file.write_text(ran.out)

    assert tomllib.loads(everything)["mail_server"][0]["smtp_user"] == "a\x85\u2028b"
    assert {it["name"] for it in tomllib.loads(everything)["mail_server"]} == {name}
    assert everything.isascii()
    assert "##vso[" not in everything
    assert fleet.run("plan", str(file), "-i", "south").code == 0
