"""The promise: no active server whose connection was changed and not proved, and none missing."""

from typing import Any

import pytest

from remote_mailcfg.errors import OdooError, TransportError
from remote_mailcfg.instance.server_actions import restore_server
from remote_mailcfg.secret import Secret
from remote_mailcfg.store.runs import load_runs
from tests.apply_stage import (
    REFUSED,
    SCENES,
    Stage,
    creating,
    gmail_row,
    live_row,
    refuse_everything,
    updating,
)
from tests.fake_transport import (
    SERVERS,
    TARGET,
    Call,
    FakeTransport,
    MailServerTable,
    connection_of,
    make_instance,
    make_row,
)
from tests.recorded import VERSIONS, Version

# Create


def test_a_new_server_is_created_archived_tested_and_then_switched_on() -> None:
    stage = creating()

    server_id, test = stage.carry_out()

    assert stage.steps == ["create", "test_smtp_connection [8]", "write [8]"]
    assert server_id == 8
    assert test is not None
    assert (test.ok, test.id, test.name) == (True, 8, "New")
    assert stage.table.rows[8]["active"] is True
    assert stage.table.rows[8]["name"] == "New"
    assert stage.table.rows[8]["smtp_pass"] == "n3w"


def test_a_new_server_is_a_candidate_by_name_from_its_birth() -> None:
    stage = creating()

    stage.carry_out()

    (born,) = stage.transport.named(f"{SERVERS}.create")
    assert born.values["active"] is False
    assert str(born.values["name"]).startswith("remote-mailcfg candidate 20")
    assert str(born.values["name"]).endswith(": New")


def test_a_new_server_whose_test_fails_is_removed() -> None:
    stage = creating(failure=refuse_everything)

    error = stage.fail()

    assert stage.steps == ["create", "test_smtp_connection [8]", "unlink [8]"]
    assert stage.table.rows == stage.started
    assert error.message == (f"the test of 'New' failed (refused), nothing was changed: {REFUSED}")
    assert error.hint


def test_a_new_server_that_is_not_as_written_is_removed() -> None:
    stage = creating(ignored=("active",))

    error = stage.fail(code="not-verified")

    assert stage.table.rows == stage.started
    assert "active is not what was written" in error.message


def test_without_a_test_a_new_server_is_born_archived_all_the_same() -> None:
    stage = creating()
    stage.test = False

    assert stage.carry_out() == (8, None)

    assert stage.steps == ["create", "write [8]"]


# Update


@pytest.mark.parametrize("version", VERSIONS)
def test_an_update_is_proved_on_an_archived_copy_before_it_is_written(version: Version) -> None:
    stage = updating(version=version)

    server_id, test = stage.carry_out()

    assert stage.steps == ["copy [7]", "test_smtp_connection [8]", "write [7]", "unlink [8]"]
    assert server_id == 7
    assert test is not None
    assert test.ok
    assert stage.table.rows == {7: live_row(smtp_host="new.example.org")}


def test_the_copy_is_a_candidate_by_name_from_its_birth() -> None:
    stage = updating()

    stage.carry_out()

    (born,) = stage.transport.named(f"{SERVERS}.copy")
    assert born.values["active"] is False
    assert str(born.values["name"]).startswith("remote-mailcfg candidate 20")
    assert str(born.values["name"]).endswith(": Live")


def test_the_test_of_a_copy_carries_the_id_and_name_of_the_live_record() -> None:
    _, test = updating({"smtp_port": 25}).carry_out()

    assert test is not None
    assert (test.id, test.name) == (7, "Live")


def test_a_copy_is_tested_with_the_new_values_and_the_stored_password() -> None:
    stage = updating()

    stage.carry_out()

    assert stage.table.proved == [connection_of(live_row(smtp_host="new.example.org"))]


def test_an_update_whose_test_fails_leaves_the_live_record_untouched() -> None:
    stage = updating(failure=refuse_everything)

    error = stage.fail()

    assert stage.steps == ["copy [7]", "test_smtp_connection [8]", "unlink [8]"]
    assert stage.table.rows == stage.started
    test = error.details["test"]
    assert (test.id, test.name, test.ok, test.cause) == (7, "Live", False, "refused")


@pytest.mark.parametrize(
    "values", [{"name": "N"}, {"sequence": 1}, {"smtp_debug": True}], ids=lambda it: next(iter(it))
)
def test_what_the_connection_does_not_depend_on_is_written_without_a_test(
    values: dict[str, Any],
) -> None:
    stage = updating(values, failure=refuse_everything)

    assert stage.carry_out() == (7, None)

    assert stage.steps == ["write [7]"]


def test_without_a_test_an_update_is_written_at_once() -> None:
    stage = updating(failure=refuse_everything)
    stage.test = False

    assert stage.carry_out() == (7, None)

    assert stage.steps == ["write [7]"]
    assert stage.live["smtp_host"] == "new.example.org"


@pytest.mark.parametrize(
    ("values", "written"),
    [
        pytest.param({"smtp_pass": Secret("n3w")}, {"smtp_pass": "n3w"}, id="a-password"),
        pytest.param({"smtp_pass": ""}, {"smtp_pass": False}, id="a-password-cleared"),
        pytest.param(
            {"smtp_ssl_certificate": "Y2VydA=="},
            {"smtp_ssl_certificate": "Y2VydA=="},
            id="a-certificate",
        ),
        pytest.param(
            {"smtp_ssl_certificate": ""}, {"smtp_ssl_certificate": False}, id="no-certificate"
        ),
        pytest.param({"smtp_user": ""}, {"smtp_user": False}, id="a-user-cleared"),
    ],
)
def test_every_kind_of_value_is_read_back(values: dict[str, Any], written: dict[str, Any]) -> None:
    stage = updating(values)

    stage.carry_out()

    assert stage.table.rows == {7: live_row(**written)}


@pytest.mark.parametrize(
    ("values", "ignored"),
    [
        pytest.param({"smtp_host": "new", "smtp_port": 25}, "smtp_host", id="a-text"),
        pytest.param({"smtp_user": ""}, "smtp_user", id="a-text-to-clear"),
        pytest.param({"smtp_pass": Secret("n3w")}, "smtp_pass", id="a-password"),
        pytest.param({"smtp_pass": ""}, "smtp_pass", id="a-password-to-clear"),
        pytest.param({"smtp_ssl_certificate": "bmV3"}, "smtp_ssl_certificate", id="a-certificate"),
    ],
)
def test_a_write_that_changed_nothing_is_not_verified(values: dict[str, Any], ignored: str) -> None:
    stage = updating(values, ignored=(ignored,))

    error = stage.fail(code="not-verified")

    assert error.message == (
        f"mail server 7 was written, and on reading back {ignored} is not what was written"
    )
    assert stage.table.rows == stage.started


def test_a_certificate_that_could_not_be_cleared_is_not_verified() -> None:
    row = live_row(smtp_ssl_certificate="Y2VydA==", smtp_ssl_private_key="a2V5")
    stage = updating({"smtp_ssl_certificate": ""}, row=row, ignored=("smtp_ssl_certificate",))

    assert "smtp_ssl_certificate is not" in stage.fail(code="not-verified").message


def test_a_record_that_is_gone_on_reading_back_is_not_verified() -> None:
    stage = updating({"sequence": 1})
    stage.found = stage.before
    stage.table.rows.clear()

    error = stage.fail(code="not-verified")

    assert "on reading back it is not there" in error.message


def test_a_backup_is_made_before_a_secret_is_written_and_is_known_by_name() -> None:
    stage = updating({"smtp_pass": Secret("n3w")})

    stage.carry_out()

    assert stage.steps == [
        "copy [7]",
        "test_smtp_connection [8]",
        "copy [7]",
        "write [7]",
        "unlink [8, 9]",
    ]
    _, backup = stage.transport.named(f"{SERVERS}.copy")
    assert backup.values.keys() == {"active", "name"}
    assert backup.values["active"] is False
    assert str(backup.values["name"]).startswith("remote-mailcfg backup 20")
    assert str(backup.values["name"]).endswith(": Live")


def test_a_secret_that_is_written_without_a_test_has_a_backup_too() -> None:
    stage = updating({"smtp_pass": Secret("n3w")})
    stage.test = False

    stage.carry_out()

    assert stage.steps == ["copy [7]", "write [7]", "unlink [8]"]
    assert stage.table.rows == {7: live_row(smtp_pass="n3w")}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"smtp_host": "new.example.org", "sequence": 1}, id="what-can-be-read"),
        pytest.param({"smtp_pass": Secret("n3w")}, id="a-secret"),
        pytest.param(
            {"smtp_host": "new.example.org", "smtp_pass": Secret("n3w")}, id="beside-a-secret"
        ),
        pytest.param({"name": "New", "smtp_pass": Secret("n3w")}, id="a-name-beside-a-secret"),
        pytest.param({"smtp_ssl_certificate": "bmV3"}, id="a-certificate"),
    ],
)
def test_what_was_written_is_put_back_when_it_cannot_be_read_back(values: dict[str, Any]) -> None:
    stage = updating(values)
    written: list[Call] = []

    def forget(call: Call) -> Any:
        if call.method == "write" and not written:
            written.append(call)
        elif len(written) == 1 and call.name == f"{SERVERS}.search_read":
            written.append(call)
            raise TransportError("timeout", "no answer within 90 s")
        return stage.table(call)

    stage.transport = FakeTransport(forget)

    stage.fail(code="timeout")

    assert stage.table.rows == stage.started


# A record that was there before


@pytest.mark.parametrize("answers", [True, False], ids=["nothing-made", "made-all-the-same"])
@pytest.mark.parametrize(
    ("scene", "method", "nth"),
    [("create", "create", 0), ("update", "copy", 0), ("update-password", "copy", 1)],
    ids=["new", "candidate", "backup"],
)
def test_the_id_of_a_record_that_was_there_before_is_refused(
    scene: str, method: str, nth: int, *, answers: bool
) -> None:
    stage = SCENES[scene]()
    mistaken: list[Call] = []

    def mistake(call: Call) -> Any:
        if call.name != f"{SERVERS}.{method}":
            return stage.table(call)
        mistaken.append(call)
        if len(mistaken) <= nth:
            return stage.table(call)
        if not answers:
            stage.table(call)
        return 7

    stage.transport = FakeTransport(mistake)

    error = stage.fail(code="not-verified")

    assert "mail server 7 for a new record" in error.message
    assert stage.table.rows == stage.started
    touched = [call for call in stage.transport.calls if 7 in call.ids and call.method != "copy"]
    assert touched == []
    (run,) = load_runs(TARGET)
    assert run.state == "failed"
    assert 7 not in run.changes[0].ids.values()


def test_a_server_action_that_was_there_before_is_neither_run_nor_removed() -> None:
    answers = {
        "ir.model.search": [5],
        "ir.actions.server.create": 3,
        "ir.actions.server.search": [],
    }
    transport = FakeTransport(lambda call: answers[call.name])

    with pytest.raises(OdooError, match="server action 3 for a new one") as caught:
        restore_server(make_instance(transport), 7, 8, ["smtp_pass"], run="R")

    assert caught.value.code == "not-verified"
    assert [call.method for call in transport.calls if call.ids] == []


# Archive, unarchive, delete


def test_archiving_makes_no_test() -> None:
    stage = Stage(MailServerTable(live_row()), "archive", {"active": False})

    assert stage.carry_out() == (7, None)

    assert stage.steps == ["write [7]"]
    assert stage.live["active"] is False


def test_unarchiving_proves_the_archived_record_first() -> None:
    stage = Stage(MailServerTable(live_row(active=False)), "unarchive", {"active": True})

    _, test = stage.carry_out()

    assert stage.steps == ["test_smtp_connection [7]", "write [7]"]
    assert test is not None
    assert test.id == 7
    assert stage.live["active"] is True


def test_unarchiving_a_server_whose_test_fails_leaves_it_archived() -> None:
    table = MailServerTable(live_row(active=False), failure=refuse_everything)
    stage = Stage(table, "unarchive", {"active": True})

    stage.fail()

    assert stage.steps == ["test_smtp_connection [7]"]
    assert stage.table.rows == stage.started


def test_unarchiving_without_a_test_makes_none() -> None:
    table = MailServerTable(live_row(active=False), failure=refuse_everything)
    stage = Stage(table, "unarchive", {"active": True}, test=False)

    assert stage.carry_out() == (7, None)

    assert stage.steps == ["write [7]"]


def test_a_server_that_cannot_be_archived_stays_active() -> None:
    table = MailServerTable(live_row(), ignored=("active",))
    stage = Stage(table, "archive", {"active": False})

    stage.fail(code="not-verified")

    assert stage.table.rows == stage.started


def test_a_deleted_server_is_gone() -> None:
    stage = Stage(MailServerTable(live_row(), make_row(8)), "delete", {})

    assert stage.carry_out() == (7, None)

    assert stage.steps == ["unlink [7]"]
    assert list(stage.table.rows) == [8]


def test_a_deleted_server_that_is_still_there_is_not_verified() -> None:
    stage = Stage(MailServerTable(live_row()), "delete", {})
    stage.transport = FakeTransport(lambda c: c.method == "unlink" or stage.table(c))

    error = stage.fail(code="not-verified")

    assert "it is still there" in error.message


# Gmail and Outlook: in place


def test_a_server_with_a_token_is_changed_in_place_tested_and_that_is_said() -> None:
    stage = updating({"from_filter": "example.org"}, row=gmail_row(), version="17.0")

    _, test = stage.carry_out()

    assert stage.steps == ["write [7]", "test_smtp_connection [7]"]
    assert test is not None
    assert test.id == 7
    assert stage.progress.notes == [
        (
            "registry: gmail tokens cannot be copied, so the live record is changed first and put"
            " back if its test fails"
        )
    ]


def test_a_server_with_a_token_whose_test_fails_is_put_back() -> None:
    stage = updating(
        {"from_filter": "example.org"}, row=gmail_row(), version="17.0", failure=refuse_everything
    )

    stage.fail()

    assert stage.steps == ["write [7]", "test_smtp_connection [7]", "write [7]"]
    assert stage.table.rows == stage.started


def test_a_priority_of_a_server_with_a_token_is_written_without_a_test() -> None:
    stage = updating({"sequence": 1}, row=gmail_row(), version="17.0")

    stage.carry_out()

    assert stage.steps == ["write [7]"]
