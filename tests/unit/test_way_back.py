"""What undoes the changes of a run."""

from dataclasses import replace
from typing import Any

import pytest

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.plan.change import Change
from remote_mailcfg.plan.rollback import plan_way_back
from remote_mailcfg.store.runs import JournaledChange

BEFORE = MailServerRecord(
    id=7, name="Main", smtp_host="old.example.org", smtp_port=25, has_password=True
)
BACKUP = MailServerRecord(id=9, name="remote-mailcfg backup R: Main", active=False)


def done(action: str, **values: Any) -> JournaledChange:
    given: dict[str, Any] = {
        "action": action,
        "key": None,
        "unmarks": False,
        "backup": None,
        "reversible": True,
        "before": BEFORE,
        "values": {},
        "secrets": {},
        "steps": {},
        "ids": {},
        "reasons": {},
        "outcome": "done",
    }
    return JournaledChange(**given | values)


def undo(change: JournaledChange, *servers: MailServerRecord, force: bool = False) -> list[Change]:
    return [it for _, it in plan_way_back([change], servers, force=force).changes]


def test_an_update_writes_the_old_values() -> None:
    now = replace(BEFORE, smtp_port=587)

    (change,) = undo(done("update", values={"smtp_port": 587}), now)

    assert (change.action, change.before, change.values) == ("update", now, {"smtp_port": 25})
    assert (change.backup, change.restored, change.key) == (None, frozenset(), None)


def test_a_password_comes_from_the_backup_with_all_that_was_written_beside_it() -> None:
    now = replace(BEFORE, smtp_port=587, name="New")
    run = done(
        "update",
        values={"smtp_port": 587, "name": "New"},
        secrets={"smtp_pass": True},
        ids={"backup": 9},
    )

    (change,) = undo(run, now, BACKUP)

    assert change.backup == 9
    assert change.restored == {"smtp_pass", "smtp_port"}
    assert change.values == {"smtp_port": 25, "name": "Main"}


@pytest.mark.parametrize(
    ("reversible", "why"),
    [(True, "has no backup any more"), (False, "was emptied for good")],
    ids=["no-backup", "for-good"],
)
def test_a_password_that_nobody_has_is_told_and_the_rest_is_undone(
    reversible: bool,  # noqa: FBT001 - a row's value
    why: str,
) -> None:
    now = replace(BEFORE, smtp_port=587, has_password=False)
    run = done(
        "update", values={"smtp_port": 587}, secrets={"smtp_pass": False}, reversible=reversible
    )

    way_back = plan_way_back([run], [now], force=False)

    assert way_back.lost == (f"mail server 7: smtp_pass {why}",)
    assert [it.values for _, it in way_back.changes] == [{"smtp_port": 25}]


def test_a_new_server_is_removed() -> None:
    run = done("create", before=None, key="main", values={"name": "New"}, ids={"create": 8})
    now = MailServerRecord(id=8, name="New")

    (change,) = undo(run, now)

    assert (change.action, change.before) == ("delete", now)


def test_a_new_server_that_is_gone_needs_nothing() -> None:
    run = done("create", before=None, values={"name": "New"}, ids={"create": 8})

    assert undo(run) == []


@pytest.mark.parametrize(
    ("action", "written", "back"),
    [("archive", False, "unarchive"), ("unarchive", True, "archive")],
)
def test_a_server_is_taken_in_and_out_of_use_again(
    action: str,
    written: bool,  # noqa: FBT001 - a row's value
    back: str,
) -> None:
    before = replace(BEFORE, active=not written)
    run = done(action, before=before, values={"active": written})

    (change,) = undo(run, replace(before, active=written))

    assert (change.action, change.values) == (back, {"active": not written})


def test_an_adopted_server_loses_its_mark() -> None:
    now = replace(BEFORE, sequence=1)

    (change,) = undo(done("adopt", key="main", values={"sequence": 1}), now)

    assert (change.key, change.unmarks, change.values) == ("main", True, {"sequence": 10})


def test_a_removed_server_is_made_again_from_its_backup() -> None:
    run = done("delete", ids={"backup": 9})

    (change,) = undo(run, BACKUP)

    assert (change.action, change.before, change.backup) == ("create", None, 9)
    assert change.values["name"] == "Main"
    assert change.values["smtp_host"] == "old.example.org"
    assert change.values["active"] is True
    assert "id" not in change.values
    assert "has_password" not in change.values


def test_a_removed_server_without_a_backup_cannot_be_made_again() -> None:
    with pytest.raises(RemoteMailcfgError, match="the backup of mail server 7") as caught:
        undo(done("delete"))
    assert caught.value.code == "stale-plan"


@pytest.mark.parametrize(
    ("servers", "fact"),
    [
        pytest.param([], "mail server 7 is gone", id="gone"),
        pytest.param(
            [replace(BEFORE, smtp_port=2525)],
            "mail server 7: smtp_port was written as 587 and is 2525",
            id="changed-since",
        ),
    ],
)
def test_what_somebody_changed_since_is_refused(servers: list[MailServerRecord], fact: str) -> None:
    with pytest.raises(RemoteMailcfgError, match=fact) as caught:
        undo(done("update", values={"smtp_port": 587}), *servers)
    assert caught.value.code == "stale-plan"


def test_force_writes_back_what_was_found_all_the_same() -> None:
    run = done("update", values={"smtp_port": 587})

    (change,) = undo(run, replace(BEFORE, smtp_port=2525), force=True)

    assert change.values == {"smtp_port": 25}


def test_what_is_as_it_was_needs_nothing() -> None:
    assert undo(done("update", values={"smtp_port": 587}), BEFORE, force=True) == []


def test_the_last_change_is_undone_first() -> None:
    first = done("update", values={"sequence": 1})
    second = done("create", before=None, values={"name": "New"}, ids={"create": 8})
    servers = [replace(BEFORE, sequence=1), MailServerRecord(id=8, name="New")]

    way_back = plan_way_back([first, second], servers, force=False)

    assert [it.action for _, it in way_back.changes] == ["delete", "update"]
