from dataclasses import replace
from typing import Any

import pytest

from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.plan.change import PROVED_FIELDS, Action, Change, drop_unchanged
from remote_mailcfg.secret import Secret

LIVE = MailServerRecord(id=7, name="Live", smtp_host="old.example.org", from_filter="example.org")


@pytest.mark.parametrize("field", sorted(PROVED_FIELDS))
def test_an_update_of_what_the_connection_depends_on_needs_proof(field: str) -> None:
    assert Change(action="update", before=LIVE, values={field: "x", "name": "N"}).needs_proof


@pytest.mark.parametrize("field", ["name", "sequence", "smtp_debug", "max_email_size"])
def test_an_update_of_anything_else_needs_none(field: str) -> None:
    assert not Change(action="update", before=LIVE, values={field: 1}).needs_proof


@pytest.mark.parametrize(
    ("action", "values", "needed"),
    [
        pytest.param("create", {"name": "N"}, True, id="create"),
        pytest.param("unarchive", {"active": True}, True, id="unarchive"),
        pytest.param("archive", {"active": False}, False, id="archive"),
        pytest.param("delete", {}, False, id="delete"),
    ],
)
def test_becoming_active_needs_proof(action: Action, values: dict[str, Any], needed: bool) -> None:  # noqa: FBT001 - a row's value
    before = None if action == "create" else replace(LIVE, active=action != "unarchive")

    assert Change(action=action, before=before, values=values).needs_proof is needed


@pytest.mark.parametrize(
    ("before", "in_place"),
    [
        pytest.param(None, False, id="a-new-server"),
        pytest.param(LIVE, False, id="login"),
        pytest.param(MailServerRecord(id=7, name="L", smtp_authentication="cli"), False, id="cli"),
        pytest.param(
            MailServerRecord(id=7, name="L", smtp_authentication="gmail"), True, id="gmail"
        ),
        pytest.param(
            MailServerRecord(id=7, name="L", smtp_authentication="outlook"), True, id="outlook"
        ),
    ],
)
def test_a_server_with_a_token_is_changed_in_place(
    before: MailServerRecord | None,
    in_place: bool,  # noqa: FBT001 - a row's value
) -> None:
    assert Change(action="update", before=before, values={"name": "N"}).in_place is in_place


@pytest.mark.parametrize(
    ("values", "field", "after"),
    [
        pytest.param({"smtp_host": "new"}, "smtp_host", "new", id="a-text"),
        pytest.param({"from_filter": ""}, "from_filter", "", id="a-text-cleared"),
        pytest.param({"active": False}, "active", False, id="archived"),
        pytest.param({"sequence": 1}, "smtp_host", "old.example.org", id="the-rest-stays"),
        pytest.param({"smtp_pass": Secret("p")}, "has_password", True, id="a-password"),
        pytest.param({"smtp_pass": ""}, "has_password", False, id="a-password-cleared"),
        pytest.param(
            {"smtp_ssl_certificate": "Y2VydA=="}, "smtp_ssl_certificate", True, id="a-certificate"
        ),
        pytest.param(
            {"smtp_ssl_certificate": ""},
            "smtp_ssl_certificate",
            False,
            id="a-certificate-cleared",
        ),
        pytest.param(
            {"smtp_ssl_private_key": Secret("a2V5")}, "smtp_ssl_private_key", True, id="a-key"
        ),
        pytest.param({"smtp_ssl_private_key": ""}, "smtp_ssl_private_key", False, id="key-cleared"),
        pytest.param({"x_note": "n"}, "id", 7, id="a-field-that-is-not-shown"),
    ],
)
def test_the_record_after_a_change_has_its_values(
    values: dict[str, Any], field: str, after: object
) -> None:
    change = Change(action="update", before=LIVE, values=values)

    assert getattr(change.after, field) == after


def test_a_new_record_is_active_and_has_no_id_yet() -> None:
    after = Change(action="create", before=None, values={"name": "N", "smtp_host": "h"}).after

    assert after == MailServerRecord(id=0, name="N", smtp_host="h", active=True)


@pytest.mark.parametrize(
    ("values", "left"),
    [
        pytest.param({"smtp_host": "old.example.org"}, (), id="the-same-text"),
        pytest.param({"smtp_user": ""}, (), id="a-text-that-is-not-set"),
        pytest.param(
            {"smtp_host": "new", "from_filter": "example.org"}, ("smtp_host",), id="one-differs"
        ),
        pytest.param({"smtp_pass": Secret("p")}, ("smtp_pass",), id="a-secret-always-differs"),
        pytest.param(
            {"smtp_ssl_certificate": "Y2VydA=="},
            ("smtp_ssl_certificate",),
            id="a-certificate-always-differs",
        ),
        pytest.param({"smtp_pass": ""}, (), id="no-password-to-clear"),
    ],
)
def test_values_that_the_record_has_are_dropped(
    values: dict[str, Any], left: tuple[str, ...]
) -> None:
    assert tuple(drop_unchanged(values, LIVE)) == left


def test_clearing_a_password_that_is_set_is_a_change() -> None:
    assert drop_unchanged({"smtp_pass": ""}, replace(LIVE, has_password=True)) == {"smtp_pass": ""}
