"""What of a plan is refused unless it is forced, in numbers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote_mailcfg.model.desired import DesiredServer, Policy, Relay
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.target import Role, Target
from remote_mailcfg.model.values import Values
from remote_mailcfg.plan.guards import (
    Danger,
    Scene,
    Share,
    count_changes,
    find_dangers,
    find_large_shares,
    make_refusal,
    production_relays,
)
from remote_mailcfg.plan.server_plan import FieldChange, Plan, PlannedAction, PlannedChange

RELAY = "smtp.example.org"
ARCHIVED = {"active": FieldChange(before=True, after=False)}


def target(role: Role | None = None, name: str = "north") -> Target:
    return Target(name=name, url=f"https://{name}.example", database="openspp", role=role)


def scene(role: Role | None = None, **values: Any) -> Scene:
    given: dict[str, Any] = {
        "target": target(role),
        "production_relays": frozenset({Relay(RELAY)}),
        "neutralized": False,
        "used_by": {},
    }
    return Scene(**given | values)


def servers(count: int, **values: Any) -> tuple[MailServerRecord, ...]:
    return tuple(
        MailServerRecord(id=number, name=f"S{number}", smtp_host="other.example.org", **values)
        for number in range(1, count + 1)
    )


def change(
    action: PlannedAction, server_id: int | None = None, **fields: FieldChange
) -> PlannedChange:
    return PlannedChange(
        action=action, key="main", server_id=server_id, name=f"S{server_id}", fields=fields
    )


def plan(records: tuple[MailServerRecord, ...], *changes: PlannedChange) -> Plan:
    return Plan(changes=changes, servers=records, managed={}, fingerprint="")


def updates(*ids: int) -> list[PlannedChange]:
    return [change("update", it, sequence=FieldChange(10, 1)) for it in ids]


def texts(dangers: tuple[Danger, ...]) -> list[str]:
    return [it.text for it in dangers]


def large(most: float, *plans: Plan | None, policy: Policy | None = None) -> list[str]:
    """Return what is said of the shares of a run on instances with these plans."""
    run = [(target(name=f"n{number}"), it) for number, it in enumerate(plans)]
    return texts(find_large_shares(count_changes(run, policy or Policy()), most))


@pytest.mark.parametrize(
    ("count", "changed", "told"),
    [
        pytest.param(4, 4, [], id="all-of-four-are-not-counted"),
        pytest.param(5, 2, [], id="two-of-five"),
        pytest.param(6, 3, [], id="half-of-six"),
        pytest.param(
            5,
            3,
            ["3 of 5 mail servers would change, more than 50% (max_changed_share)"],
            id="three-of-five",
        ),
    ],
)
def test_the_share_of_servers_is_counted_from_five_on(
    count: int, changed: int, told: list[str]
) -> None:
    made = plan(servers(count), *updates(*range(1, changed + 1)))

    assert large(0.5, made) == told


def test_servers_are_counted_over_all_selected_instances() -> None:
    all_change = plan(servers(2), *updates(1, 2))
    nothing_changes = plan(servers(3))

    assert large(0.5, all_change, all_change, nothing_changes) == [
        "4 of 7 mail servers would change, more than 50% (max_changed_share)"
    ]
    assert large(0.5, all_change, nothing_changes, nothing_changes) == []


CREATES = plan((), change("create", smtp_host=FieldChange(None, "new.example.org")))
CHANGES = plan(servers(1), *updates(1))
MARKS = plan(servers(1), change("adopt", 1))
DELETES = plan(servers(1), change("delete", 1))
NOTHING = plan(servers(1))


@pytest.mark.parametrize(
    ("plans", "told"),
    [
        pytest.param([CREATES] * 212, [], id="a-first-rollout"),
        pytest.param([MARKS] * 6, [], id="adopting-without-a-change"),
        pytest.param([CHANGES] * 3 + [CREATES] * 3, [], id="half-of-six"),
        pytest.param([CHANGES] * 4, [], id="all-of-four"),
        pytest.param([CHANGES] * 3 + [CREATES] * 2, ["3 of 5 instances"], id="three-of-five"),
        pytest.param([CHANGES] * 3 + [None] * 3, [], id="those-that-failed-are-selected"),
        pytest.param([CHANGES] * 3 + [None] * 2, ["3 of 5 instances"], id="three-and-two-failed"),
        pytest.param(
            [CHANGES] * 107 + [NOTHING] * 105, ["107 of 212 instances", "107 of 212"], id="of-212"
        ),
        pytest.param(
            [DELETES] * 6, ["6 of 6 instances", "6 of 6 mail servers"], id="deleting-is-changing"
        ),
    ],
)
def test_only_what_exists_can_change(plans: list[Plan | None], told: list[str]) -> None:
    found = large(0.5, *plans)

    assert len(found) == len(told), found
    assert all(it.startswith(begin) for it, begin in zip(found, told, strict=True))


@pytest.mark.parametrize("percent", range(1, 100))
def test_the_share_that_is_told_is_enough(percent: int) -> None:
    shares = [Share(of="instances", changed=percent, total=100)]

    (danger,) = find_large_shares(shares, (percent - 1) / 100)

    assert danger.allowed_by == f"--max-changed {percent}%"
    assert find_large_shares(shares, percent / 100) == ()


def test_one_option_is_enough_for_both_shares() -> None:
    shares = [
        Share(of="instances", changed=4, total=6),
        Share(of="mail servers", changed=8, total=9),
    ]

    refusal = make_refusal(find_large_shares(shares, 0.5))

    assert refusal.code == "unsafe-plan"
    assert refusal.message.splitlines() == [
        "4 of 6 instances would change, more than 50% (max_changed_share)",
        "8 of 9 mail servers would change, more than 50% (max_changed_share)",
    ]
    assert "--max-changed 89% allows" in refusal.hint
    assert "--force" not in refusal.hint


def test_what_a_safe_role_has_archived_is_not_counted_among_servers() -> None:
    made = plan(servers(6), *[change("archive", it, **ARCHIVED) for it in range(1, 6)])
    run = [(target("training"), made)]

    by_policy = find_large_shares(count_changes(run, Policy(safe_roles=("training",))), 0.5)
    by_file = find_large_shares(count_changes(run, Policy()), 0.5)

    assert (len(by_policy), len(by_file)) == (0, 1)


def test_records_of_our_own_and_personal_ones_are_not_counted() -> None:
    backup = MailServerRecord(id=9, name="remote-mailcfg backup R: S1", active=False)
    personal = MailServerRecord(id=10, name="P", owner_user_id=4)
    made = plan((*servers(4), backup, personal), *updates(1, 2, 3))

    assert large(0.5, made) == []


@pytest.mark.parametrize(
    ("records", "changes", "refused"),
    [
        pytest.param(servers(1), [change("archive", 1, **ARCHIVED)], True, id="the-last"),
        pytest.param(servers(2), [change("archive", 1, **ARCHIVED)], False, id="one-of-two"),
        pytest.param(servers(1), [change("delete", 1)], True, id="the-last-deleted"),
        pytest.param(
            servers(1),
            [change("archive", 1, **ARCHIVED), change("create")],
            False,
            id="another-in-its-place",
        ),
        pytest.param(
            (*servers(1), replace(servers(2)[1], active=False)),
            [
                change("archive", 1, **ARCHIVED),
                change("update", 2, active=FieldChange(before=False, after=True)),
            ],
            False,
            id="an-archived-one-in-its-place",
        ),
        pytest.param(servers(1, active=False), [], False, id="none-before"),
    ],
)
def test_the_last_active_server_is_kept(
    records: tuple[MailServerRecord, ...],
    changes: list[PlannedChange],
    refused: bool,  # noqa: FBT001 - a row's value
) -> None:
    dangers = texts(find_dangers(plan(records, *changes), scene()))

    assert any("active mail server(s) would be left" in it for it in dangers) is refused


TO_RELAY = {"smtp_host": FieldChange("other.example.org", RELAY.upper())}


@pytest.mark.parametrize(
    ("role", "neutralized", "refused"),
    [
        pytest.param("production", False, False, id="production"),
        pytest.param(None, False, False, id="nobody-said"),
        pytest.param("training", False, True, id="training"),
        pytest.param("staging", False, True, id="staging"),
        pytest.param("test", False, True, id="test"),
        pytest.param("production", True, True, id="neutralized"),
        pytest.param(None, True, True, id="neutralized-without-a-role"),
    ],
)
def test_a_relay_of_production_is_for_production_alone(
    role: Role | None,
    neutralized: bool,  # noqa: FBT001 - a row's value
    refused: bool,  # noqa: FBT001 - a row's value
) -> None:
    made = plan(servers(1), change("update", 1, **TO_RELAY))

    dangers = texts(find_dangers(made, scene(role, neutralized=neutralized)))

    assert any("is a relay of production" in it for it in dangers) is refused


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(plan((), change("create", None, **TO_RELAY)), id="a-new-one"),
        pytest.param(
            plan(
                (MailServerRecord(id=1, name="S1", smtp_host=RELAY, active=False),),
                change("update", 1, active=FieldChange(before=False, after=True)),
            ),
            id="one-that-becomes-active",
        ),
    ],
)
def test_a_server_that_becomes_active_is_looked_at(made: Plan) -> None:
    assert len(find_dangers(made, scene("training"))) == 1


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(
            plan((), change("create", None, **TO_RELAY, active=FieldChange(None, after=False))),
            id="archived",
        ),
        pytest.param(
            plan(
                (MailServerRecord(id=1, name="S1", smtp_host=RELAY), *servers(3)[1:]),
                change("archive", 1, **ARCHIVED),
            ),
            id="taken-out-of-use",
        ),
    ],
)
def test_a_server_that_is_not_used_may_have_the_relay(made: Plan) -> None:
    assert find_dangers(made, scene("training")) == ()


def test_the_relays_of_production_are_named_wanted_or_had() -> None:
    relay: Values = {"name": "Main", "smtp_host": "{instance}.Relay.example", "smtp_port": 587}
    loopback: Values = {"name": "Local", "smtp_host": "127.0.0.1"}
    wanted = [
        DesiredServer(key="main", values=values, tags=("country",), folder=Path())
        for values in (relay, loopback)
    ]
    national = replace(target("production", "national"), tags=("country",))
    training = replace(target("training", "training"), tags=("country",))
    has = MailServerRecord(id=1, name="S", smtp_host="had.example", smtp_port=465)
    local = MailServerRecord(id=2, name="L", smtp_host="localhost", smtp_port=1025)
    left = MailServerRecord(id=3, name="T", smtp_host="left.example", active=False)

    found = production_relays(
        Policy(production_hosts=(Relay("Named.example", 25),)),
        wanted,
        [national, training],
        [(national, plan((has, local, left))), (training, plan(servers(1)))],
    )

    assert found == {
        Relay("Named.example", 25),
        Relay("national.Relay.example"),
        Relay("127.0.0.1", 25),
        Relay("had.example"),
        Relay("localhost", 1025),
    }


@pytest.mark.parametrize(
    ("relay", "host", "port", "same"),
    [
        pytest.param(Relay("smtp.example"), "SMTP.example", 2525, True, id="host-alone"),
        pytest.param(Relay("smtp.example"), "smtp.example.", 25, True, id="final-dot"),
        pytest.param(Relay("smtp.example"), "smtp2.example", 25, False, id="another-host"),
        pytest.param(Relay("smtp.example", 587), "smtp.example", 587, True, id="port-given"),
        pytest.param(Relay("smtp.example", 587), "smtp.example", 25, False, id="another-port"),
        pytest.param(Relay("localhost", 25), "127.0.0.1", 25, True, id="loopback-by-address"),
        pytest.param(Relay("127.0.0.1", 25), "::1", 25, True, id="loopback-of-ipv6"),
        pytest.param(Relay("127.0.0.1", 25), "127.0.0.1", 1025, False, id="a-catcher-beside-it"),
        pytest.param(Relay("127.0.0.1"), "localhost", 1025, True, id="loopback-without-a-port"),
        pytest.param(Relay("127.0.0.1", 25), "192.0.2.1", 25, False, id="not-the-loopback"),
    ],
)
def test_a_relay_is_known_by_its_host_and_by_the_port_that_it_names(
    relay: Relay,
    host: str,
    port: int,
    same: bool,  # noqa: FBT001 - a row's value
) -> None:
    created = plan(
        (), change("create", smtp_host=FieldChange(None, host), smtp_port=FieldChange(None, port))
    )
    given = scene("training", production_relays=frozenset({relay}))

    assert bool(find_dangers(created, given)) is same


def test_a_field_that_the_environment_manages_is_told() -> None:
    record = replace(servers(1)[0], environment_managed=("smtp_host",))
    made = plan((record,), change("update", 1, **TO_RELAY, sequence=FieldChange(10, 1)))

    (danger,) = texts(find_dangers(made, scene()))

    assert danger.startswith("S1: smtp_host managed by the server's environment")
    assert "--force leaves these as they are" in danger


def test_an_archived_server_that_is_used_is_told_with_its_users() -> None:
    made = plan(servers(2), change("archive", 1, **ARCHIVED))

    (danger,) = texts(find_dangers(made, scene(used_by={1: "template 'Welcome'"})))

    assert danger == (
        "mail server 1 'S1' is used by template 'Welcome'; point these to another server first"
    )
