from typing import Any

import pytest

from remote_mailcfg.instance.usage import Usage, fetch_usage
from tests.fake_transport import FakeTransport, MailServerTable, make_instance


def open_table(**options: Any) -> tuple[FakeTransport, MailServerTable]:
    table = MailServerTable(**options)
    return FakeTransport(table), table


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        pytest.param(Usage((), (), 0), "", id="nothing"),
        pytest.param(Usage(("A", "B"), (), 0), "template 'A', template 'B'", id="templates"),
        pytest.param(
            Usage(("A",), ("M",), 2),
            "template 'A', mailing 'M', 2 mail(s) in the queue",
            id="everything",
        ),
    ],
)
def test_usage_is_said_in_words(usage: Usage, words: str) -> None:
    assert usage.describe() == words


def test_mailings_are_not_asked_for_where_email_marketing_is_not_installed() -> None:
    transport, table = open_table()

    assert fetch_usage(make_instance(transport), table.capabilities, 7) == Usage((), (), 0)
    assert [call.model for call in transport.calls] == ["mail.template", "mail.mail"]


def test_everything_that_points_to_a_server_is_found() -> None:
    transport, table = open_table(
        fields=("active_mailing_ids",),
        others={
            "mail.template.search_read": [{"id": 1, "display_name": "T"}],
            "mailing.mailing.search_read": [{"id": 2, "display_name": "M"}],
            "mail.mail.search_count": 4,
        },
    )

    found = fetch_usage(make_instance(transport), table.capabilities, 7)

    assert found == Usage(("T",), ("M",), 4)
    for call in transport.calls:
        assert ["mail_server_id", "=", 7] in call.domain


def test_archived_templates_count() -> None:
    transport, table = open_table()

    fetch_usage(make_instance(transport), table.capabilities, 7)

    assert transport.calls[0].params["context"]["active_test"] is False
