"""What is unusually large or dangerous is refused, and the option that allows just that."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.fleet import Fleet
from tests.integration.instance import Ran
from tests.integration.terminal import on_terminal

HOST = "127.0.0.1"
FILE = """
[[mail_server]]
key = "main"
name = "Main"
smtp_host = "127.0.0.1"
smtp_port = 9
sequence = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mail-servers.toml"
    path.write_text(FILE)
    return path


def add(fleet: Fleet, *names: str, **values: Any) -> None:
    given = {"name": "Main", "smtp_host": HOST, "smtp_port": 9}
    for name in names:
        fleet.served[name].database.servers.add(**given | values)


def rows(fleet: Fleet, name: str) -> list[dict[str, Any]]:
    return list(fleet.served[name].database.servers.rows.values())


def sequences(fleet: Fleet) -> list[int]:
    return [row["sequence"] for name in fleet.served for row in rows(fleet, name)]


def errors(ran: Ran) -> dict[str, str]:
    return {it["instance"]: it["error"]["code"] for it in ran.json["results"] if not it["ok"]}


def prefix(file: Path, policy: str) -> None:
    file.write_text(f"[policy]\n{policy}\n{file.read_text()}")


def give_role(fleet: Fleet, **roles: str) -> None:
    text = fleet.inventory.read_text()
    for name, role in roles.items():
        text = text.replace(f"[instances.{name}]\n", f'[instances.{name}]\nrole = "{role}"\n')
    fleet.inventory.write_text(text)


# Shares


def test_a_first_rollout_needs_no_permission(six: Fleet, file: Path) -> None:
    ran = six.json("apply", str(file), "--all", "--yes", "--no-test")

    assert ran.code == 0, ran.out + ran.err
    assert [row["name"] for name in six.served for row in rows(six, name)] == ["Main"] * 6
    assert six.json("plan", str(file), "--all").code == 0


def test_a_share_is_refused_before_the_first_wave_and_plan_tells_it(six: Fleet, file: Path) -> None:
    add(six, *list(six.served)[:4])
    said = "4 of 6 instances would change, more than 50% (max_changed_share)"

    planned = six.json("plan", str(file), "--all")
    shown = six.run("plan", str(file), "--all")
    ran = six.json("apply", str(file), "--all", "--yes", "--no-test", "--waves", "1,100%")

    assert planned.code == 3
    assert [it["data"]["dangers"] for it in planned.json["results"]] == [[said]] * 6
    assert f"apply would refuse: {said} (--max-changed 67% allows it)" in shown.out
    assert ran.code == 1, ran.out + ran.err
    assert errors(ran) == dict.fromkeys(six.served, "unsafe-plan")
    assert {it["error"]["message"] for it in ran.json["results"]} == {said}
    assert "--max-changed 67% allows just this" in ran.json["results"][0]["error"]["hint"]
    assert sequences(six) == [10] * 4


@pytest.mark.parametrize("share", ["67%", "0.67", "100%"])
def test_the_share_can_be_raised_for_one_run(six: Fleet, file: Path, share: str) -> None:
    add(six, *list(six.served)[:4])

    ran = six.json("apply", str(file), "--all", "--yes", "--no-test", "--max-changed", share)

    assert ran.code == 0, ran.out + ran.err
    assert sequences(six) == [7] * 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--force"], "more than 50% (max_changed_share)", id="force"),
        pytest.param(["--max-changed", "66%"], "more than 66% (--max-changed)", id="too-small"),
        pytest.param(["--max-changed", "0.6"], "more than 60% (--max-changed)", id="as-a-number"),
    ],
)
def test_nothing_else_raises_the_share(six: Fleet, file: Path, words: list[str], said: str) -> None:
    add(six, *list(six.served)[:4])

    ran = six.json("apply", str(file), "--all", "--yes", "--no-test", *words)

    assert errors(ran) == dict.fromkeys(six.served, "unsafe-plan")
    assert said in ran.json["results"][0]["error"]["message"]
    assert sequences(six) == [10] * 4


@pytest.mark.parametrize("share", ["80", "x", "-1%", "101%", "nan"])
def test_what_is_no_share_is_wrong_usage(six: Fleet, file: Path, share: str) -> None:
    ran = six.json("apply", str(file), "--all", "--yes", "--max-changed", share)

    assert (ran.code, ran.error["code"]) == (2, "configuration")
    assert "--max-changed is not a share" in ran.error["message"]
    assert [len(it.requests) for it in six.served.values()] == [0] * 6


def test_a_raised_share_leaves_the_other_guards_on(six: Fleet, file: Path) -> None:
    names = list(six.served)
    add(six, *names)
    prefix(file, f'production_hosts = ["{HOST}"]')
    give_role(six, **{names[2]: "training"})

    ran = six.json("apply", str(file), "--all", "--yes", "--no-test", "--max-changed", "100%")

    assert errors(ran) == {names[2]: "unsafe-plan"}
    assert sequences(six) == [7, 7, 10, 7, 7, 7]


def test_the_share_of_servers_is_counted_over_the_selection(fleet: Fleet, file: Path) -> None:
    for number in range(5):
        add(fleet, "north", name=f"S{number}")
    prefix(file, 'unmanaged = "archive"')
    words = ("apply", str(file), "-i", "north", "--yes", "--no-test")

    refused = fleet.json(*words)
    forced = fleet.json(*words, "--force")
    allowed = fleet.json(*words, "--max-changed", "100%")

    assert (refused.code, refused.error["code"]) == (1, "unsafe-plan")
    assert "5 of 5 mail servers would change" in refused.error["message"]
    assert (forced.code, forced.error["code"]) == (1, "unsafe-plan")
    assert allowed.code == 0, allowed.err
    assert [row["active"] for row in rows(fleet, "north")] == [False] * 5 + [True]


def test_a_rollback_is_not_held_to_a_share(six: Fleet, file: Path) -> None:
    add(six, *six.served)
    words = ("apply", str(file), "--all", "--yes", "--no-test", "--max-changed", "1.0")
    assert six.json(*words).code == 0

    ran = six.json("rollback", "--all", "--yes", "--no-test")

    assert ran.code == 0, ran.out + ran.err
    assert sequences(six) == [10] * 6


def test_the_share_of_a_saved_plan_is_counted_over_what_is_selected(six: Fleet, file: Path) -> None:
    names = list(six.served)
    add(six, *names)
    saved = file.parent / "friday.plan"
    assert six.json("plan", str(file), "--all", "--out", str(saved)).code == 3

    refused = six.json("apply", "--plan", str(saved), "--yes", "--no-test")
    some = [word for name in names[:4] for word in ("-i", name)]
    allowed = six.json("apply", "--plan", str(saved), "--yes", "--no-test", *some)

    assert errors(refused) == dict.fromkeys(names, "unsafe-plan")
    assert allowed.code == 0, allowed.out
    assert sequences(six) == [7] * 4 + [10] * 2


# Relays of production


def test_a_relay_of_production_is_refused_on_a_training_instance(fleet: Fleet, file: Path) -> None:
    give_role(fleet, north="production", south="training")

    ran = fleet.json("apply", str(file), "-i", "south", "-i", "west", "--yes", "--no-test")

    assert errors(ran) == {"south": "unsafe-plan"}
    assert f"{HOST} is a relay of production" in ran.json["results"][0]["error"]["message"]
    assert len(rows(fleet, "west")) == 1


def test_a_catcher_beside_the_relay_of_production_is_another_server(
    fleet: Fleet, file: Path
) -> None:
    give_role(fleet, north="production", south="training")
    add(fleet, "north", name="Relay", smtp_port=25)
    text = file.read_text() + 'tags = ["north"]\n'
    file.write_text(
        text + FILE.replace("main", "catcher").replace("9", "1025") + 'tags = ["south"]'
    )

    ran = fleet.json("apply", str(file), "-i", "north", "-i", "south", "--yes", "--no-test")

    assert ran.code == 0, ran.out + ran.err


def test_a_plan_tells_what_apply_would_refuse(fleet: Fleet, file: Path) -> None:
    prefix(file, f'production_hosts = ["{HOST}:9"]')
    fleet.served["north"].database.parameters.set_value("database.is_neutralized", "False")

    ran = fleet.json("plan", str(file), "-i", "north")
    shown = fleet.run("plan", str(file), "-i", "north")

    assert ran.code == 3
    (danger,) = ran.data["dangers"]
    assert "a neutralized database" in danger
    assert f"apply would refuse: {danger} (--force allows it)" in " ".join(shown.out.split())


# Changes of one server on each of several instances

UPDATE = ("server", "update", "Main", "--sequence", "7")
ARCHIVE = ("server", "archive", "Main", "--force")
DELETE = ("server", "delete", "Main", "--force")
every_change = pytest.mark.parametrize(
    "words", [UPDATE, ARCHIVE, DELETE], ids=["update", "archive", "delete"]
)


def untouched(fleet: Fleet) -> list[str]:
    """Return the instances whose servers are as `add` made them."""
    return [
        name
        for name in fleet.served
        if [(row["sequence"], row["active"]) for row in rows(fleet, name)] == [(10, True)]
    ]


@every_change
def test_several_instances_want_a_yes_where_nobody_can_be_asked(
    fleet: Fleet, words: tuple[str, ...]
) -> None:
    add(fleet, *fleet.served)

    ran = fleet.json(*words, "-i", "north", "-i", "south")

    assert (ran.code, ran.error["code"]) == (2, "missing-value")
    assert "--yes" in ran.error["hint"]
    assert [len(it.requests) for it in fleet.served.values()] == [0] * 4


def test_one_instance_wants_no_yes(fleet: Fleet) -> None:
    add(fleet, *fleet.served)

    assert fleet.json(*UPDATE, "-i", "north").code == 0
    assert fleet.json(*ARCHIVE, "-i", "south").code == 0
    assert untouched(fleet) == ["east", "west"]


@every_change
@pytest.mark.parametrize(("answer", "left"), [("y", 1), ("n", 4)], ids=["yes", "no"])
def test_several_instances_are_asked_about_once(
    fleet: Fleet, words: tuple[str, ...], answer: str, left: int
) -> None:
    add(fleet, "north", "south", "east")
    add(fleet, "west", name="Another")
    verb = words[1].capitalize()

    with on_terminal(fleet, *words, "-i", "north", "-i", "south", "-i", "east") as terminal:
        terminal.read_until(f"{verb} mail server 'Main' on 3 of 3 instances? [y/N]: ")
        terminal.type(answer)
        assert terminal.finish() == 0, terminal.screen

    assert terminal.screen.count("[y/N]") == 1
    assert len(untouched(fleet)) == left


@every_change
def test_a_change_of_most_instances_is_refused(six: Fleet, words: tuple[str, ...]) -> None:
    names = list(six.served)
    add(six, *names[:4])

    refused = six.json(*words, "--all", "--yes", "--waves", "1,100%")
    left = untouched(six)
    allowed = six.json(*words, "--all", "--yes", "--max-changed", "67%")

    assert errors(refused) == dict.fromkeys(names[:4], "unsafe-plan") | dict.fromkeys(
        names[4:], "not-found"
    )
    error = refused.json["results"][0]["error"]
    assert error["message"] == "4 of 6 instances would change, more than 50% (the default)"
    assert "--max-changed 67%" in error["hint"]
    assert left == names[:4]
    assert errors(allowed) == dict.fromkeys(names[4:], "not-found")
    assert untouched(six) == []


def test_what_would_not_change_is_not_counted_and_not_asked_about(six: Fleet) -> None:
    names = list(six.served)
    add(six, *names[:3])
    add(six, *names[3:], sequence=7)

    ran = six.json(*UPDATE, "--all", "--yes")

    assert ran.code == 0, ran.out + ran.err
    assert sequences(six) == [7] * 6
    assert ["run" in it["data"] for it in ran.json["results"]] == [True] * 3 + [False] * 3
