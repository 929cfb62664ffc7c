from typing import Any

import pytest

from remote_mailcfg.instance.senders import Senders, fetch_senders
from tests.fake_transport import FakeTransport, MailServerTable, make_instance

USER = {"id": 2, "login": "me", "email": "me@example.org", "company_id": [3, "C"]}
COMPANY = {"id": 3, "email": "info@example.org", "default_from_email": "notify@example.org"}
FILTER = [{"id": 1, "key": "mail.default.from_filter", "value": "example.org"}]


@pytest.mark.parametrize(
    ("answers", "senders"),
    [
        pytest.param(
            {
                "res.users.read": [USER],
                "res.company.read": [COMPANY],
                "ir.config_parameter.search_read": FILTER,
            },
            Senders(
                "notify@example.org",
                "example.org",
                ("notify@example.org", "info@example.org", "me@example.org"),
            ),
            id="all-there",
        ),
        pytest.param(
            {
                "res.users.read": [USER | {"email": False}],
                "res.company.read": [COMPANY | {"email": False, "default_from_email": False}],
            },
            Senders("", "", ()),
            id="none-there",
        ),
    ],
)
def test_the_senders_of_an_instance_are_those_of_the_company_and_the_user(
    answers: dict[str, Any], senders: Senders
) -> None:
    transport = FakeTransport(MailServerTable(others=answers))

    assert fetch_senders(make_instance(transport)) == senders
    assert transport.named("res.company.read")[0].ids == (3,)


def test_the_user_is_asked_for_once() -> None:
    transport = FakeTransport(MailServerTable())
    instance = make_instance(transport)

    fetch_senders(instance)
    fetch_senders(instance)

    (asked,) = transport.named("res.users.read")
    assert asked.params["fields"] == ["login", "email", "company_id"]
