"""What of a plan is refused unless it is forced, in numbers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.desired import DesiredServer, Policy
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.target import Role, Target
from remote_mailcfg.plan.guards import (
    Scene,
    find_dangers,
    production_hosts,
    refuse_share_of_instances,
)
from remote_mailcfg.plan.server_plan import FieldChange, Plan, PlannedAction, PlannedChange

RELAY = "smtp.example.org"
ARCHIVED = {"active": FieldChange(before=True, after=False)}


def target(role: Role | None = None, name: str = "north") -> Target:
    return Target(name=name, url=f"https://{name}.example", database="openspp", role=role)


def scene(role: Role | None = None, **values: Any) -> Scene:
    given: dict[str, Any] = {
        "target": target(role),
        "policy": Policy(),
        "production_hosts": frozenset({RELAY}),
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


@pytest.mark.parametrize(
    ("count", "changed", "told"),
    [
        pytest.param(4, 4, "", id="all-of-four-are-not-counted"),
        pytest.param(5, 2, "", id="two-of-five"),
        pytest.param(6, 3, "", id="half-of-six"),
        pytest.param(5, 3, "3 of 5 mail servers would change, more than 50%", id="three-of-five"),
    ],
)
def test_the_share_of_an_instances_servers_is_counted_from_five_on(
    count: int, changed: int, told: str
) -> None:
    dangers = find_dangers(plan(servers(count), *updates(*range(1, changed + 1))), scene())

    assert [it.removesuffix(" (max_changed_share)") for it in dangers] == [told] * bool(told)


def test_what_a_safe_role_has_archived_is_not_counted() -> None:
    made = plan(servers(6), *[change("archive", it, **ARCHIVED) for it in range(1, 6)])

    assert find_dangers(made, scene("training", policy=Policy(safe_roles=("training",)))) == ()
    assert len(find_dangers(made, scene("training"))) == 1


def test_records_of_our_own_and_personal_ones_are_not_counted() -> None:
    backup = MailServerRecord(id=9, name="remote-mailcfg backup R: S1", active=False)
    personal = MailServerRecord(id=10, name="P", owner_user_id=4)
    made = plan((*servers(3), backup, personal), *updates(1, 2, 3))

    assert find_dangers(made, scene()) == ()


@pytest.mark.parametrize(("total", "changed"), [(5, 3), (212, 107)], ids=str)
def test_too_large_a_share_of_instances_is_refused(total: int, changed: int) -> None:
    with pytest.raises(RemoteMailcfgError, match=f"{changed} of {total} instances") as caught:
        refuse_share_of_instances(changed, total, Policy())

    assert caught.value.code == "unsafe-plan"
    assert "more than 50%" in caught.value.message
    assert "--force" in caught.value.hint


@pytest.mark.parametrize(("total", "changed"), [(4, 4), (5, 2), (212, 106)], ids=str)
def test_a_usual_share_of_instances_is_let_through(total: int, changed: int) -> None:
    refuse_share_of_instances(changed, total, Policy())


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
    dangers = find_dangers(plan(records, *changes), scene())

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

    dangers = find_dangers(made, scene(role, neutralized=neutralized))

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
    wanted = DesiredServer(
        key="main",
        values={"name": "Main", "smtp_host": "{instance}.Relay.example"},
        tags=("country",),
        folder=Path(),
    )
    national = replace(target("production", "national"), tags=("country",))
    training = replace(target("training", "training"), tags=("country",))
    has = MailServerRecord(id=1, name="S", smtp_host="had.example")
    left = MailServerRecord(id=2, name="T", smtp_host="left.example", active=False)

    found = production_hosts(
        Policy(production_hosts=("Named.example",)),
        [wanted],
        [national, training],
        [(national, plan((has, left))), (training, plan(servers(1)))],
    )

    assert found == {"named.example", "national.relay.example", "had.example"}


def test_a_field_that_the_environment_manages_is_told() -> None:
    record = replace(servers(1)[0], environment_managed=("smtp_host",))
    made = plan((record,), change("update", 1, **TO_RELAY, sequence=FieldChange(10, 1)))

    (danger,) = find_dangers(made, scene())

    assert danger.startswith("S1: smtp_host managed by the server's environment")
    assert "--force leaves these as they are" in danger


def test_an_archived_server_that_is_used_is_told_with_its_users() -> None:
    made = plan(servers(2), change("archive", 1, **ARCHIVED))

    (danger,) = find_dangers(made, scene(used_by={1: "template 'Welcome'"}))

    assert danger == (
        "mail server 1 'S1' is used by template 'Welcome'; point these to another server first"
    )
