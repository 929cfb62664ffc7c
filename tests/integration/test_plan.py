"""The mail servers of a file against those of a fleet."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from tests.integration.fleet import NAMES, Fleet

FILE = """
[[mail_server]]
key = "main"
name = "Main"
sequence = 5
smtp_encryption = "starttls"
smtp_host = "smtp.example.org"
smtp_user = "mailer@example.org"
smtp_pass = "env:SMTP_PASS_MAIN"
from_filter = ["example.org", "{instance}.example.net"]
"""
PASSWORD = "smtp-Canary-1"
RIGHT: dict[str, Any] = {
    "name": "Main",
    "sequence": 5,
    "smtp_encryption": "starttls",
    "smtp_host": "smtp.example.org",
    "smtp_port": 587,
    "smtp_user": "mailer@example.org",
    "smtp_pass": PASSWORD,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mail-servers.toml"
    path.write_text(FILE)
    return path


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASS_MAIN", PASSWORD)


def set_up(fleet: Fleet, *names: str, **values: Any) -> None:
    """Give instances a server that is as the file says, but for these values."""
    for name in names:
        given = RIGHT | {"from_filter": f"example.org,{name}.example.net"} | values
        fleet.served[name].database.servers.add(**given)


def test_nothing_to_do_is_exit_0(fleet: Fleet, file: Path) -> None:
    set_up(fleet, *NAMES)

    ran = fleet.json("plan", str(file), "--all")

    assert ran.code == 0, ran.out
    changes = [it["data"]["changes"] for it in ran.json["results"]]
    assert [[change["action"] for change in it] for it in changes] == [["unchanged"]] * 4


def test_something_to_do_is_exit_3_and_nothing_is_written(fleet: Fleet, file: Path) -> None:
    set_up(fleet, *NAMES[:3], smtp_port=25)

    ran = fleet.json("plan", str(file), "--all")

    assert ran.code == 3
    actions = [it["data"]["changes"][0]["action"] for it in ran.json["results"]]
    assert actions == ["adopt", "adopt", "adopt", "create"]
    fields = ran.json["results"][0]["data"]["changes"][0]["fields"]
    assert fields == {"smtp_port": {"from": 25, "to": 587}}
    assert [len(it.database.servers.rows) for it in fleet.served.values()] == [1, 1, 1, 0]
    written = [r for it in fleet.served.values() for r in it.requests if b"write" in r.get_data()]
    assert written == []


@pytest.mark.parametrize(
    ("stored", "fields"),
    [
        (PASSWORD, {}),
        ("another", {"smtp_pass": {"from": "set", "to": "changed"}}),
        (False, {"smtp_pass": {"from": None, "to": "set"}}),
    ],
    ids=["the-same", "another", "none"],
)
def test_a_password_is_compared_and_never_read(
    fleet: Fleet, file: Path, stored: object, fields: dict[str, Any]
) -> None:
    set_up(fleet, "north", smtp_pass=stored)

    ran = fleet.json("plan", str(file), "-i", "north")

    assert ran.data["changes"][0]["fields"] == fields
    assert PASSWORD not in ran.out + ran.err
    asked = [it.get_json() for it in fleet.served["north"].requests if it.path == "/jsonrpc"]
    reads = [str(it) for it in asked if "'read'" in str(it) or "search_read" in str(it)]
    assert not [it for it in reads if "smtp_pass" in it]


def test_a_reference_that_cannot_be_resolved_is_told_and_stops_nothing(
    fleet: Fleet, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMTP_PASS_MAIN")
    set_up(fleet, "north")

    ran = fleet.json("plan", str(file), "-i", "north")

    assert ran.code == 0
    assert ran.data["changes"][0]["cannot_tell"] == ["smtp_pass"]
    assert "SMTP_PASS_MAIN" in fleet.run("plan", str(file), "-i", "north").out


@pytest.mark.parametrize(
    ("stored", "fields"),
    [
        (b"-----BEGIN CERTIFICATE-----\nmain\n", {}),
        (
            b"-----BEGIN CERTIFICATE-----\nother\n",
            {"smtp_ssl_certificate": {"from": "set", "to": "changed"}},
        ),
    ],
    ids=["the-same", "another"],
)
def test_a_certificate_is_compared_with_what_is_stored(
    fleet: Fleet, file: Path, stored: bytes, fields: dict[str, Any]
) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nmain\n"
    (file.parent / "main.pem").write_text(pem)
    file.write_text(FILE + 'smtp_ssl_certificate = "file:main.pem"\n')
    set_up(fleet, "north", smtp_ssl_certificate=b64encode(stored).decode())

    ran = fleet.json("plan", str(file), "-i", "north")

    assert ran.data["changes"][0]["fields"] == fields


def test_people_see_the_same_change_once_for_all_instances_that_have_it(
    fleet: Fleet, file: Path
) -> None:
    file.write_text(FILE.replace(', "{instance}.example.net"', ""))
    for name in NAMES:
        set_up(fleet, name, from_filter="example.org", smtp_port=25)

    ran = fleet.run("plan", str(file), "--all")

    assert "4 instances: north, south, east, west" in ran.out
    assert ran.out.count("~ adopt Main (main)") == 1
    assert "    smtp_port: 25 -> 587" in ran.out


def test_other_servers_are_reported(fleet: Fleet, file: Path) -> None:
    set_up(fleet, "north")
    fleet.served["north"].database.servers.add(name="Old", smtp_host="old.example.org")

    ran = fleet.run("plan", str(file), "-i", "north")

    assert ran.code == 0
    assert "? Old: active, and not in the file; left alone" in ran.out
    assert "Nothing to do." in ran.out


def test_on_an_instance_of_a_safe_role_all_others_are_archived(fleet: Fleet, file: Path) -> None:
    set_up(fleet, "north")
    fleet.served["north"].database.servers.add(name="Old", smtp_host="old.example.org")
    file.write_text('[policy]\nsafe_roles = ["training"]\n' + FILE)
    fleet.inventory.write_text(
        fleet.inventory.read_text().replace(
            "[instances.north]", '[instances.north]\nrole = "training"'
        )
    )

    ran = fleet.json("plan", str(file), "-i", "north")

    assert ran.code == 3
    assert [it["action"] for it in ran.data["changes"]] == ["unchanged", "archive"]


def test_a_file_without_a_server_for_a_safe_role_is_refused(fleet: Fleet, file: Path) -> None:
    file.write_text('[policy]\nsafe_roles = ["training"]\n' + FILE + 'tags = ["south"]\n')
    fleet.inventory.write_text(
        fleet.inventory.read_text().replace(
            "[instances.north]", '[instances.north]\nrole = "training"'
        )
    )

    ran = fleet.json("plan", str(file), "-i", "north")

    assert (ran.code, ran.error["code"]) == (1, "unsafe-plan")


def test_what_an_instance_cannot_hold_is_refused_with_its_key(fleet: Fleet, file: Path) -> None:
    file.write_text(FILE.replace('"starttls"', '"tls"'))

    ran = fleet.json("plan", str(file), "-i", "north")

    assert ran.code == 2
    assert "main" in ran.error["message"]
    assert "tls" in ran.error["message"]


def test_only_entries_with_a_tag_of_the_instance_are_planned(fleet: Fleet, file: Path) -> None:
    file.write_text(FILE + 'tags = ["st"]\n')

    ran = fleet.json("plan", str(file), "--all")

    assert [len(it["data"]["changes"]) for it in ran.json["results"]] == [0, 0, 1, 1]


def test_csv_has_a_row_for_each_field(fleet: Fleet, file: Path) -> None:
    set_up(fleet, "north", smtp_port=25)

    ran = fleet.run("plan", str(file), "-i", "north", "-o", "csv")

    assert ran.out.splitlines() == [
        "instance,action,key,id,name,field,from,to",
        "north,adopt,main,1,Main,smtp_port,25,587",
    ]


def test_quiet_shows_drift_alone(fleet: Fleet, file: Path) -> None:
    set_up(fleet, *NAMES)
    assert fleet.run("plan", str(file), "--all", "-q").out == ""
    fleet.served["east"].database.servers.rows[1]["smtp_port"] = 25

    ran = fleet.run("plan", str(file), "--all", "-q")

    assert (ran.code, ran.err) == (3, "")
    assert ran.out.startswith("east\n~ adopt Main (main)\n    smtp_port: 25 -> 587\n")
    assert "north" not in ran.out


def test_a_plan_that_cannot_be_saved_is_shown_and_leaves_the_one_before(
    fleet: Fleet, file: Path, tmp_path: Path, mocker: MockerFixture
) -> None:
    saved = tmp_path / "plan.json"
    assert fleet.run("plan", str(file), "--all", "--out", str(saved)).code == 3
    before = saved.read_text()
    mocker.patch("remote_mailcfg.files.os.fsync", side_effect=OSError(28, "No space left"))

    ran = fleet.json("plan", str(file), "--all", "--out", str(saved))

    assert ran.code == 1
    assert f"{saved} cannot be written: No space left" in ran.err
    assert len(ran.json["results"]) == 4
    assert saved.read_text() == before


def test_a_plan_may_go_to_standard_output(fleet: Fleet, file: Path) -> None:
    ran = fleet.run("plan", str(file), "--all", "-q", "--out", "/dev/stdout")

    assert ran.code == 3
    assert '"fingerprint"' in ran.out


def test_two_entries_of_one_name_on_one_instance_are_wrong_usage(fleet: Fleet, file: Path) -> None:
    copy = FILE.replace('"main"', '"copy"')
    file.write_text(f'{FILE}tags = ["north"]\n{copy}tags = ["th"]\n')

    ran = fleet.json("plan", str(file), "--all")

    assert ran.code == 2
    failed = {it["instance"]: it["error"] for it in ran.json["results"] if not it["ok"]}
    assert failed.keys() == {"north"}
    assert (
        "line 13: [[mail_server]] copy: the name 'Main' is also that of"
        in (failed["north"]["message"])
    )
    assert f"{file}: line 2: [[mail_server]] main" in failed["north"]["message"]
