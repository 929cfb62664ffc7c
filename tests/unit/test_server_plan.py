from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.model.desired import DesiredServer, Policy
from remote_mailcfg.model.mail_server import CANDIDATE_PREFIX, MailServerRecord
from remote_mailcfg.model.target import Target
from remote_mailcfg.plan.matching import match_servers
from remote_mailcfg.plan.server_plan import Actual, FieldChange, Plan, SecretState, make_plan

TARGET = Target(name="north", url="https://north.example", database="openspp")
MAIN = MailServerRecord(
    id=3, name="Main", smtp_host="smtp.example.org", smtp_port=587, smtp_encryption="starttls"
)
OLD = MailServerRecord(id=8, name="Old", smtp_host="old.example.org")


def entry(key: str = "main", **values: Any) -> DesiredServer:
    given: dict[str, Any] = {"name": "Main", "smtp_host": "smtp.example.org", "smtp_port": 587}
    references = (("smtp_pass", "env:PASS"),) if values.pop("with_password", False) else ()
    return DesiredServer(
        key=key,
        values=given | {"smtp_encryption": "starttls"} | values,
        references=references,
        folder=Path(),
    )


def plan(
    desired: list[DesiredServer],
    servers: list[MailServerRecord],
    *,
    managed: dict[str, int] | None = None,
    secrets: dict[tuple[str, str], SecretState] | None = None,
    policy: Policy | None = None,
    target: Target = TARGET,
) -> Plan:
    marked = managed or {}
    actual = Actual(
        servers=tuple(servers),
        managed=marked,
        matched=match_servers(desired, servers, marked),
        secrets=secrets or {},
    )
    return make_plan(target, desired, policy or Policy(), actual)


def actions(made: Plan) -> list[tuple[str, str | None, int | None]]:
    return [(it.action, it.key, it.server_id) for it in made.changes]


# What is done


def test_a_server_that_is_not_there_is_created() -> None:
    (change,) = plan([entry()], []).changes

    assert (change.action, change.server_id, change.name) == ("create", None, "Main")
    assert change.fields["smtp_host"] == FieldChange(None, "smtp.example.org")


def test_a_server_that_is_as_it_shall_be_is_unchanged() -> None:
    made = plan([entry()], [MAIN], managed={"main": 3})

    assert actions(made) == [("unchanged", "main", 3)]
    assert made.is_empty


def test_what_differs_is_updated_field_by_field() -> None:
    made = plan([entry(smtp_port=465, sequence=1)], [MAIN], managed={"main": 3})

    (change,) = made.changes
    assert change.action == "update"
    assert change.fields == {"smtp_port": FieldChange(587, 465), "sequence": FieldChange(10, 1)}
    assert not made.is_empty


def test_a_field_that_the_file_does_not_give_stays() -> None:
    made = plan([entry()], [replace(MAIN, smtp_debug=True)], managed={"main": 3})

    assert made.is_empty


def test_a_server_of_the_name_is_adopted_where_something_differs() -> None:
    assert actions(plan([entry(sequence=1)], [MAIN])) == [("adopt", "main", 3)]


def test_a_server_of_the_name_that_is_right_is_left_as_it_is() -> None:
    assert actions(plan([entry()], [MAIN])) == [("unchanged", "main", 3)]


def test_a_marked_server_is_found_under_another_name() -> None:
    (change,) = plan([entry()], [replace(MAIN, name="Renamed")], managed={"main": 3}).changes

    assert change.fields == {"name": FieldChange("Renamed", "Main")}


def test_an_archived_server_is_made_active_again() -> None:
    (change,) = plan([entry()], [replace(MAIN, active=False)], managed={"main": 3}).changes

    assert change.action == "update"
    assert change.fields == {"active": FieldChange(before=False, after=True)}


def test_an_entry_that_shall_not_be_active_is_archived() -> None:
    (change,) = plan([entry(active=False)], [MAIN], managed={"main": 3}).changes

    assert change.action == "archive"


def test_an_entry_that_shall_not_be_active_is_not_created() -> None:
    assert plan([entry(active=False)], []).is_empty


# Secrets


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        ("unchanged", {}),
        ("cannot tell", {}),
        ("changed", {"smtp_pass": FieldChange("set", "changed")}),
        ("set", {"smtp_pass": FieldChange(None, "set")}),
    ],
)
def test_a_secret_is_told_in_words(state: SecretState, fields: dict[str, FieldChange]) -> None:
    secrets: dict[tuple[str, str], SecretState] = {("main", "smtp_pass"): state}
    (change,) = plan(
        [entry(with_password=True)], [MAIN], managed={"main": 3}, secrets=secrets
    ).changes

    assert change.fields == fields
    assert change.action == ("update" if fields else "unchanged")
    assert change.cannot_tell == (("smtp_pass",) if state == "cannot tell" else ())


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        (replace(MAIN, has_password=True), {"smtp_pass": FieldChange("set", "")}),
        (MAIN, {}),
    ],
    ids=["set", "not-set"],
)
def test_a_password_that_shall_not_be_is_taken_away(
    record: MailServerRecord, fields: dict[str, FieldChange]
) -> None:
    (change,) = plan([entry(smtp_pass="")], [record], managed={"main": 3}).changes

    assert change.fields == fields


def test_a_certificate_that_shall_not_be_and_is_not_is_no_difference() -> None:
    assert plan([entry(smtp_ssl_certificate="")], [MAIN]).is_empty


# Servers that no entry is for


def test_other_active_servers_are_reported_and_left_alone() -> None:
    made = plan([entry()], [MAIN, OLD, replace(OLD, id=9, active=False)])

    assert [it.id for it in made.unmanaged] == [8]
    assert made.is_empty


@pytest.mark.parametrize(
    ("policy", "role"),
    [(Policy(unmanaged="archive"), None), (Policy(safe_roles=("training",)), "training")],
    ids=["policy", "safe-role"],
)
def test_other_active_servers_are_archived_where_the_policy_says_so(
    policy: Policy, role: Any
) -> None:
    made = plan([entry()], [MAIN, OLD], policy=policy, target=replace(TARGET, role=role))

    assert actions(made) == [("unchanged", "main", 3), ("archive", None, 8)]
    assert made.unmanaged == ()


@pytest.mark.parametrize(
    "record",
    [
        replace(OLD, owner_user_id=2),
        replace(OLD, name=f"{CANDIDATE_PREFIX}1: Main"),
        replace(OLD, active=False),
    ],
    ids=["personal", "ours", "archived"],
)
def test_what_is_nobodys_is_never_archived(record: MailServerRecord) -> None:
    made = plan([entry()], [MAIN, record], policy=Policy(unmanaged="archive"))

    assert made.is_empty


# Which record an entry is


def test_of_several_servers_of_a_name_the_one_that_is_right_is_taken() -> None:
    other = replace(MAIN, id=5, smtp_host="other.example.org")

    assert actions(plan([entry()], [other, MAIN])) == [("unchanged", "main", 3)]


def test_several_servers_of_a_name_are_refused_with_their_ids() -> None:
    servers = [replace(MAIN, id=4, sequence=2), replace(MAIN, id=5, sequence=3)]

    with pytest.raises(RemoteMailcfgError, match="4, 5") as caught:
        plan([entry(sequence=1)], servers)
    assert caught.value.code == "ambiguous"


def test_two_entries_of_one_name_take_two_servers() -> None:
    twin = replace(MAIN, id=4)

    made = plan([entry("one"), entry("two")], [MAIN, twin])

    assert actions(made) == [("unchanged", "one", 3), ("unchanged", "two", 4)]


def test_a_server_that_is_marked_for_another_entry_of_the_instance_is_not_taken() -> None:
    desired = [entry("other"), entry()]

    made = plan(desired, [MAIN], managed={"other": 3})

    assert actions(made) == [("unchanged", "other", 3), ("create", "main", None)]


@pytest.mark.parametrize(
    ("servers", "managed"),
    [
        pytest.param([], {}, id="both-new"),
        pytest.param([MAIN], {}, id="one-is-there"),
        pytest.param([replace(MAIN, smtp_port=25), replace(MAIN, id=7)], {}, id="one-differs"),
        pytest.param([MAIN], {"third": 3}, id="one-is-marked-for-another"),
    ],
)
def test_two_entries_of_one_name_that_no_mark_tells_apart_are_a_mistake(
    servers: list[MailServerRecord], managed: dict[str, int]
) -> None:
    first = replace(entry(), place="mail-servers.toml: line 3: [[mail_server]] main")
    second = replace(entry("copy"), place="mail-servers.toml: line 9: [[mail_server]] copy")

    with pytest.raises(ConfigurationError) as caught:
        plan([first, second], servers, managed=managed)

    assert caught.value.is_usage
    assert caught.value.message == (
        "mail-servers.toml: line 9: [[mail_server]] copy: the name 'Main' is also that of"
        " mail-servers.toml: line 3: [[mail_server]] main, and no external id tells the two apart"
    )


@pytest.mark.parametrize(
    ("servers", "managed"),
    [
        pytest.param([MAIN, replace(MAIN, id=7)], {"main": 3, "copy": 7}, id="both-marked"),
        pytest.param(
            [replace(MAIN, smtp_port=25), replace(MAIN, id=7)],
            {"main": 3, "copy": 7},
            id="both-marked-and-one-differs",
        ),
        pytest.param([MAIN, replace(MAIN, id=7)], {"copy": 7}, id="one-marked"),
        pytest.param([MAIN], {"copy": 3}, id="one-marked-and-one-new"),
        pytest.param([MAIN, replace(MAIN, id=7)], {}, id="both-as-they-are"),
    ],
)
def test_servers_of_one_name_that_are_told_apart_are_right(
    servers: list[MailServerRecord], managed: dict[str, int]
) -> None:
    assert len(plan([entry(), entry("copy")], servers, managed=managed).changes) == 2


@pytest.mark.parametrize(
    ("wanted", "action"), [({}, "unchanged"), ({"sequence": 1}, "adopt")], ids=["same", "differs"]
)
def test_a_server_of_the_name_is_not_made_twice_under_another_key(
    wanted: dict[str, Any], action: str
) -> None:
    """Another instance may have the key: an entry for each of them is what `export` writes."""
    made = plan([entry("main-2", **wanted)], [MAIN], managed={"main": 3})

    assert actions(made) == [(action, "main-2", 3)]


def test_a_server_without_a_mark_is_taken_before_one_with_the_mark_of_no_entry() -> None:
    free = replace(MAIN, id=7)

    assert actions(plan([entry(sequence=1)], [MAIN, free], managed={"old": 3})) == [
        ("adopt", "main", 7)
    ]


def test_a_mark_whose_record_is_gone_counts_for_nothing() -> None:
    assert actions(plan([entry()], [], managed={"main": 3})) == [("create", "main", None)]


# Fingerprint and order


def test_the_same_plan_has_the_same_fingerprint() -> None:
    assert plan([entry()], [OLD]).fingerprint == plan([entry()], [OLD]).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        plan([entry(sequence=1)], [OLD]),
        plan([entry()], [replace(OLD, smtp_port=26)]),
        plan([entry()], [OLD], target=replace(TARGET, url="https://south.example")),
        plan([entry()], [OLD], target=replace(TARGET, database="other")),
    ],
    ids=["change", "record", "address", "database"],
)
def test_another_plan_has_another_fingerprint(other: Plan) -> None:
    assert plan([entry()], [OLD]).fingerprint != other.fingerprint


def test_changes_come_in_the_order_of_the_file_and_then_by_server() -> None:
    servers = [replace(OLD, id=9, name="Z"), OLD]
    made = plan(
        [entry("b", name="B"), entry("a", name="A")], servers, policy=Policy(unmanaged="archive")
    )

    assert [it.key or it.server_id for it in made.changes] == ["b", "a", 9, 8]
