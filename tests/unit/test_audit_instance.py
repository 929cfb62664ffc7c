from remote_mailcfg.errors import OdooError
from remote_mailcfg.fleet.worker import Unattended
from remote_mailcfg.operations.audit_instance import add_tests
from tests.audit_evidence import make_evidence
from tests.fake_transport import FakeTransport, MailServerTable, make_instance, make_row

UNTESTED = {"tests": "the mail servers were not tested", "mailings": "not installed"}


def test_each_active_server_is_tested_and_a_failure_is_evidence() -> None:
    table = MailServerTable(
        make_row(1, from_filter="a@x.org"),
        make_row(2, from_filter="b@x.org"),
        failure=lambda row: "[Errno 111] Connection refused" if row["id"] == 2 else "",
    )
    servers = [
        {"id": 1, "from_filter": "a@x.org"},
        {"id": 2, "from_filter": "b@x.org"},
        {"id": 3, "active": False},
        {"id": 4, "owner_user_id": 9},
    ]
    evidence = make_evidence({"servers": servers, "missing": UNTESTED})

    tested = add_tests(make_instance(FakeTransport(table)), evidence, Unattended())

    assert [(it.id, it.cause) for it in tested.tests] == [(1, None), (2, "refused")]
    assert tested.missing == {"mailings": "not installed"}


def test_tests_that_odoo_does_not_allow_are_missing_for_its_reason() -> None:
    def refuse(_call: object) -> None:
        raise OdooError("access-denied", "Odoo denies access: no\nAsk")

    servers = [{"id": 1, "from_filter": "a@x.org"}]
    evidence = make_evidence({"servers": servers, "missing": UNTESTED})

    tested = add_tests(make_instance(FakeTransport(refuse)), evidence, Unattended())

    assert tested.tests == ()
    assert tested.missing["tests"] == "Odoo denies access: no"
