from typing import Any

import pytest

from remote_mailcfg.instance.usage import Usage, fetch_usages
from tests.fake_transport import Call, FakeTransport, MailServerTable, make_instance


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

    assert fetch_usages(make_instance(transport), table.capabilities, [7]) == {}
    assert [call.model for call in transport.calls] == ["mail.template", "mail.mail"]


def test_nothing_is_asked_for_no_server() -> None:
    transport, table = open_table()

    assert fetch_usages(make_instance(transport), table.capabilities, []) == {}
    assert transport.calls == []


def test_everything_that_points_to_a_server_is_found() -> None:
    transport, table = open_table(
        fields=("active_mailing_ids",),
        others={
            "mail.template.search_read": [
                {"id": 1, "display_name": "T", "mail_server_id": [7, "S7"]}
            ],
            "mailing.mailing.search_read": [
                {"id": 2, "display_name": "M", "mail_server_id": [7, "S7"]}
            ],
            "mail.mail.search_count": 4,
        },
    )

    found = fetch_usages(make_instance(transport), table.capabilities, [7])

    assert found == {7: Usage(("T",), ("M",), 4)}
    for call in transport.calls:
        assert ["mail_server_id", "in", [7]] in call.domain


def test_archived_templates_count() -> None:
    transport, table = open_table()

    fetch_usages(make_instance(transport), table.capabilities, [7])

    assert transport.calls[0].params["context"]["active_test"] is False


def test_each_of_many_servers_has_its_own_users() -> None:
    table = MailServerTable()
    answers: dict[str, Any] = {
        "mail.template.search_read": [
            {"id": 1, "display_name": "T", "mail_server_id": [7, "S7"]},
            {"id": 2, "display_name": "U", "mail_server_id": [7, "S7"]},
        ],
        "mail.mail.search_count": 3,
        "mail.mail.search_read": [
            {"id": 1, "mail_server_id": [7, "S7"]},
            {"id": 2, "mail_server_id": [9, "S9"]},
            {"id": 3, "mail_server_id": [9, "S9"]},
        ],
    }
    transport = FakeTransport(lambda call: answers[call.name])

    found = fetch_usages(make_instance(transport), table.capabilities, [7, 8, 9])

    assert found == {7: Usage(("T", "U"), (), 1), 9: Usage((), (), 2)}


def test_twenty_thousand_servers_and_their_mails_cost_a_handful_of_requests() -> None:
    ids = list(range(1, 20_001))
    mails = [{"id": it, "mail_server_id": [it, "S"]} for it in ids]

    def answer(call: Call) -> Any:
        if call.model == "mail.template":
            return []
        wanted = next(it[2] for it in call.domain if it[0] == "mail_server_id")
        last = next((it[2] for it in call.domain if it[0] == "id"), 0)
        found = mails[max(wanted[0] - 1, last) : wanted[-1]]
        if call.method == "search_count":
            return len(found)
        assert call.params["order"] == "id"
        return found[: call.params["limit"]]

    transport = FakeTransport(answer)
    found = fetch_usages(make_instance(transport), MailServerTable().capabilities, ids)

    assert found.keys() == set(ids)
    assert len(transport.calls) < 50


def test_more_mails_than_one_answer_holds_are_read_page_by_page() -> None:
    mails = [{"id": it, "mail_server_id": [7 + it % 2, "S"]} for it in range(1, 45_002)]

    def answer(call: Call) -> Any:
        if call.model == "mail.template":
            return []
        if call.method == "search_count":
            return len(mails)
        (last,) = (it[2] for it in call.domain if it[0] == "id")
        return mails[last : last + call.params["limit"]]

    transport = FakeTransport(answer)
    found = fetch_usages(make_instance(transport), MailServerTable().capabilities, [7, 8])

    assert {it: usage.queued_mails for it, usage in found.items()} == {7: 22_500, 8: 22_501}
