from typing import Any

import pytest

from remote_mailcfg.apply.run import new_run_name
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.operations.change_server import (
    ChangedServer,
    Scene,
    look_at,
    make_change,
    refuse_invalid,
    refuse_neutralized,
    refuse_used,
)
from remote_mailcfg.plan.change import Change
from remote_mailcfg.store.journal import Journal
from tests.fake_transport import (
    TARGET,
    Call,
    FakeTransport,
    MailServerTable,
    RecordedProgress,
    Row,
    make_instance,
    make_row,
)

NEUTRALIZED = "ir.config_parameter.search_read"


def see(*rows: Row, **options: Any) -> Scene:
    """Return the scene of an instance with these mail servers."""
    instance = make_instance(FakeTransport(MailServerTable(*rows, **options)))
    return look_at(instance, RecordedProgress())


def named(record_id: int, name: str) -> Row:
    """Return a record that names mail server 2."""
    return {"id": record_id, "display_name": name, "mail_server_id": [2, "S2"]}


def calls(scene: Scene) -> list[str]:
    transport = scene.instance.connection.transport
    assert isinstance(transport, FakeTransport)
    return [call.name for call in transport.calls]


def notes(scene: Scene) -> list[str]:
    assert isinstance(scene.progress, RecordedProgress)
    return scene.progress.notes


def test_a_scene_has_every_server_and_what_the_instance_can_hold() -> None:
    scene = see(make_row(1), make_row(2, active=False))

    assert [server.id for server in scene.servers] == [1, 2]
    assert "ssl_strict" in scene.capabilities.encryptions


def test_a_young_candidate_of_a_run_of_this_machine_is_no_other_operators() -> None:
    run = new_run_name()
    journal = Journal(TARGET, run)
    journal.begin(TARGET, (), command="apply", at="", undoes="", test=True)
    journal.end("failed", ())
    own = make_row(2, name=f"remote-mailcfg candidate {run}: S1", active=False)
    other = make_row(3, name=f"remote-mailcfg candidate {new_run_name()}: S1", active=False)

    scene = see(make_row(1), own)

    assert [server.id for server in scene.servers] == [1]
    with pytest.raises(RemoteMailcfgError, match="another operator's run is at work"):
        see(make_row(1), other)


def test_a_personal_server_is_never_ours_to_change() -> None:
    scene = see(make_row(1), make_row(2, name="Bob's", owner_user_id=[6, "Bob"]))

    assert scene.find("1").id == 1
    with pytest.raises(RemoteMailcfgError) as caught:
        scene.find("2")
    assert caught.value.code == "unsafe-plan"
    assert caught.value.message == "mail server 2 'Bob's' is a user's personal server"


def test_all_invalid_values_are_one_usage_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        refuse_invalid(see(), {"smtp_port": 0, "name": ""}, None)

    assert caught.value.is_usage
    assert caught.value.message == "name: is empty\nsmtp_port: 0 is not between 1 and 65535"


def test_valid_values_are_let_through() -> None:
    scene = see()

    refuse_invalid(scene, {"name": "N", "smtp_host": "smtp.example.org"}, None)

    assert notes(scene) == []


@pytest.mark.parametrize("value", ["True", "true", "1", "yes", "False", "0"])
def test_a_neutralized_database_is_refused(value: str) -> None:
    row = {"key": "database.is_neutralized", "value": value}

    with pytest.raises(RemoteMailcfgError) as caught:
        refuse_neutralized(see(others={NEUTRALIZED: [row]}))
    assert caught.value.code == "unsafe-plan"


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="no-parameter"),
        pytest.param([{"key": "database.is_neutralized", "value": ""}], id="empty"),
        pytest.param([{"key": "database.is_neutralized", "value": False}], id="not-set"),
    ],
)
def test_a_database_that_is_not_neutralized_is_let_through(rows: list[Row]) -> None:
    scene = see(others={NEUTRALIZED: rows})

    refuse_neutralized(scene)

    assert calls(scene)[-1] == NEUTRALIZED


@pytest.mark.parametrize(
    ("others", "used_by"),
    [
        pytest.param(
            {"mail.template.search_read": [named(1, "Invitation")]},
            "template 'Invitation'",
            id="a-template",
        ),
        pytest.param(
            {"mailing.mailing.search_read": [named(1, "News")]},
            "mailing 'News'",
            id="a-mailing",
        ),
        pytest.param({"mail.mail.search_count": 3}, "3 mail(s) in the queue", id="queued-mails"),
    ],
)
def test_a_server_that_something_points_to_is_refused(others: Row, used_by: str) -> None:
    scene = see(make_row(1), make_row(2), fields=("active_mailing_ids",), others=others)

    with pytest.raises(RemoteMailcfgError) as caught:
        refuse_used(scene, scene.find("2"))
    assert caught.value.code == "in-use"
    assert caught.value.message == f"mail server 2 'S2' is used by {used_by}"


@pytest.mark.parametrize(
    "others",
    [
        pytest.param((), id="alone"),
        pytest.param((make_row(2, active=False),), id="beside-an-archived-one"),
        pytest.param((make_row(2, owner_user_id=[6, "Bob"]),), id="beside-a-personal-one"),
        pytest.param(
            (make_row(2, name="remote-mailcfg candidate R: N"),), id="beside-one-of-our-own"
        ),
    ],
)
def test_the_last_active_server_is_refused_and_where_mail_will_go_is_said(
    others: tuple[Row, ...],
) -> None:
    scene = see(make_row(1), *others)

    with pytest.raises(RemoteMailcfgError) as caught:
        refuse_used(scene, scene.find("1"))
    assert caught.value.code == "in-use"
    assert caught.value.message == "mail server 1 'S1' is the last active one"
    assert "smtp_server of odoo.conf" in caught.value.hint


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((make_row(1), make_row(2)), id="another-active-one"),
        pytest.param((make_row(1, active=False), make_row(2)), id="archived"),
        pytest.param((make_row(1, active=False),), id="archived-and-none-active"),
    ],
)
def test_a_server_that_nothing_needs_is_let_through(rows: tuple[Row, ...]) -> None:
    scene = see(*rows)

    refuse_used(scene, scene.find("1"))

    assert "mail.mail.search_count" in calls(scene)


def make(scene: Scene, change: Change, *, test: bool) -> ChangedServer:
    return make_change(scene, change, test=test, run="20260102T030405Z-0a1b2c")


def change_of(scene: Scene, action: Any, values: Row, named: str = "1") -> Change:
    return Change(action=action, before=scene.find(named), values=values)


def test_what_a_change_means_for_routing_is_said_before_the_first_write() -> None:
    table = MailServerTable(make_row(1, sequence=20), make_row(2, name="Two"))
    progress = RecordedProgress()
    told_by_then: list[tuple[str, ...]] = []

    def watch(call: Call) -> Any:
        if call.method in {"create", "copy", "write", "unlink"}:
            told_by_then.append(tuple(progress.notes))
        return table(call)

    scene = look_at(make_instance(FakeTransport(watch)), progress)
    make(scene, change_of(scene, "update", {"sequence": 1, "smtp_port": 25}), test=True)

    assert len(told_by_then) == 3
    assert all("becomes the default server" in notes[0] for notes in told_by_then)


def test_the_effect_on_routing_is_told() -> None:
    scene = see(make_row(1, sequence=20), make_row(2, name="Two"))

    changed = make(scene, change_of(scene, "update", {"sequence": 1}), test=True)

    assert notes(scene) == [
        (
            "registry: once this is done, 'S1' becomes the default server in place of 'Two': used"
            " for every sender that no from_filter matches."
        ),
        "registry: no test: the connection does not depend on what changes",
    ]
    assert (changed.server.sequence, changed.default, changed.test) == (1, True, None)


def test_a_change_without_its_test_says_so() -> None:
    scene = see(make_row(1))

    changed = make(scene, change_of(scene, "update", {"smtp_port": 25}), test=False)

    assert "registry: --no-test: the connection is not proved before the switch" in notes(scene)
    assert "ir.mail_server.test_smtp_connection" not in calls(scene)
    assert changed.test is None


def test_a_change_with_its_test_returns_it() -> None:
    scene = see(make_row(1))

    changed = make(scene, change_of(scene, "update", {"smtp_port": 25}), test=True)

    assert changed.test is not None
    assert (changed.test.id, changed.test.ok) == (1, True)
    assert changed.server.smtp_port == 25


def test_a_new_server_is_returned_as_it_is_then() -> None:
    scene = see(make_row(1))
    values: Row = {"name": "N", "sequence": 1, "smtp_host": "h"}

    changed = make(scene, Change(action="create", before=None, values=values), test=True)

    assert (changed.server.id, changed.server.name, changed.default) == (2, "N", True)


def test_archiving_the_last_server_leaves_no_default() -> None:
    scene = see(make_row(1))

    changed = make(scene, change_of(scene, "archive", {"active": False}), test=False)

    assert not changed.default
    assert notes(scene) == [
        (
            "registry: once this is done, 'S1' is archived: never chosen, not even as fallback; no"
            " active server is left, so Odoo will use smtp_server of odoo.conf."
        )
    ]


def test_a_deleted_server_is_returned_as_it_was() -> None:
    scene = see(make_row(1), make_row(2))

    changed = make(scene, change_of(scene, "delete", {}), test=False)

    was = next(server for server in scene.servers if server.id == 1)
    assert changed == ChangedServer(was, default=False, test=None, removed=True, run=changed.run)
    assert isinstance(changed.server, MailServerRecord)
