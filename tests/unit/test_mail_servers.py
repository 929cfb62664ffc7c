from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from remote_mailcfg.errors import LoginError, OdooError, RemoteMailcfgError, TransportError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import (
    READ_FIELDS,
    copy_server,
    create_server,
    fetch_capabilities,
    fetch_ids_with,
    fetch_probe_sender,
    fetch_servers,
    find_servers_named,
    holds,
    run_smtp_test,
    unlink_servers,
    write_server,
)
from remote_mailcfg.instance.server_actions import restore_server
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.secret import Secret
from tests.fake_transport import (
    ACTIONS,
    SECRET_FIELDS,
    SERVERS,
    SUCCESS,
    Call,
    FakeTransport,
    MailServerTable,
    make_instance,
    make_row,
    refusal,
)
from tests.recorded import VERSIONS, Version, exchange

SERVER = MailServerRecord(id=7, name="Main", smtp_host="s.example.org", smtp_port=587)
CERTIFIED = {"smtp_ssl_certificate": "Y2VydA==", "smtp_ssl_private_key": "a2V5"}


def open_table(table: MailServerTable) -> tuple[FakeTransport, Instance]:
    transport = FakeTransport(table)
    return transport, make_instance(transport)


def answering(answer: Any) -> Instance:
    """Return an instance whose every call has this answer, or raises it."""

    def function(_call: Call) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return make_instance(FakeTransport(function))


def test_capabilities_are_asked_of_the_instance() -> None:
    table = MailServerTable(version="17.0")

    assert fetch_capabilities(open_table(table)[1]) == table.capabilities


def test_servers_are_read_as_records_in_odoos_order() -> None:
    table = MailServerTable(
        make_row(1, sequence=20, name=False, max_email_size=9.5),
        make_row(2, smtp_user="u", smtp_pass="s3cret", from_filter="example.org", smtp_debug=True),
        make_row(3, active=False, owner_user_id=[6, "Bob"], **CERTIFIED),
    )
    _, instance = open_table(table)

    assert fetch_servers(instance, table.capabilities) == (
        MailServerRecord(
            id=2,
            name="S2",
            smtp_encryption="starttls",
            smtp_user="u",
            smtp_host="smtp2.example.org",
            smtp_port=587,
            from_filter="example.org",
            smtp_debug=True,
            max_email_size=0.0,
            has_password=True,
        ),
        MailServerRecord(
            id=3,
            name="S3",
            smtp_encryption="starttls",
            smtp_host="smtp3.example.org",
            smtp_port=587,
            smtp_ssl_certificate=True,
            smtp_ssl_private_key=True,
            max_email_size=0.0,
            active=False,
            owner_user_id=6,
        ),
        MailServerRecord(
            id=1,
            name="",
            sequence=20,
            smtp_encryption="starttls",
            smtp_host="smtp1.example.org",
            smtp_port=587,
            max_email_size=9.5,
        ),
    )


def test_an_instance_without_a_size_has_none() -> None:
    table = MailServerTable(make_row(1), version="17.0")
    _, instance = open_table(table)

    (server,) = fetch_servers(instance, table.capabilities)

    assert server.max_email_size is None
    assert server.owner_user_id is None


def test_servers_can_be_chosen_by_id() -> None:
    table = MailServerTable(make_row(1), make_row(2, active=False), make_row(3))
    _, instance = open_table(table)

    found = fetch_servers(instance, table.capabilities, ids=[2, 3])

    assert [server.id for server in found] == [2, 3]


def test_fields_of_the_servers_environment_are_known_by_what_cannot_be_edited() -> None:
    table = MailServerTable(
        make_row(1, x_smtp_host_env_is_editable=False, smtp_port_env_is_editable=True),
        make_row(2, x_smtp_host_env_is_editable=True, smtp_port_env_is_editable=False),
        fields=("x_smtp_host_env_is_editable", "smtp_port_env_is_editable"),
    )
    _, instance = open_table(table)

    found = fetch_servers(instance, table.capabilities)

    assert [server.environment_managed for server in found] == [("smtp_host",), ("smtp_port",)]


def test_two_requests_tell_the_servers_and_who_has_a_password() -> None:
    table = MailServerTable(make_row(1, smtp_pass="s3cret"), make_row(2))
    transport, instance = open_table(table)

    fetch_servers(instance, table.capabilities)

    assert [call.method for call in transport.calls] == ["search_read", "search"]
    assert transport.calls[1].domain[-1] == ["smtp_pass", "!=", False]


def test_the_key_is_asked_for_only_where_there_is_a_certificate() -> None:
    table = MailServerTable(make_row(1), make_row(2, **CERTIFIED))
    transport, instance = open_table(table)

    fetch_servers(instance, table.capabilities)

    assert [call.method for call in transport.calls] == ["search_read", "search", "search"]
    assert transport.calls[2].domain[-1] == ["smtp_ssl_private_key", "!=", False]


def test_a_certificate_comes_as_its_size() -> None:
    table = MailServerTable(make_row(1, **CERTIFIED))
    transport, instance = open_table(table)

    (server,) = fetch_servers(instance, table.capabilities)

    assert transport.calls[0].params["context"] == {"lang": "en_US", "bin_size": True}
    assert server.smtp_ssl_certificate is True


def test_no_field_that_is_read_is_a_secret() -> None:
    assert SECRET_FIELDS.isdisjoint(READ_FIELDS)


USES: dict[str, Callable[[Instance, MailServerTable], object]] = {
    "fetch_servers": lambda instance, table: fetch_servers(instance, table.capabilities),
    "fetch_servers-ids": lambda instance, table: fetch_servers(
        instance, table.capabilities, ids=[1]
    ),
    "fetch_ids_with": lambda instance, _: fetch_ids_with(
        instance, "smtp_pass", [["active", "in", [True, False]]]
    ),
    "holds": lambda instance, _: holds(instance, 1, "smtp_pass", Secret("s3cret")),
    "create_server": lambda instance, _: create_server(instance, {"name": "N"}),
    "copy_server": lambda instance, _: copy_server(instance, 1, {"name": "N"}),
    "write_server": lambda instance, _: write_server(instance, 1, {"name": "N"}),
    "unlink_servers": lambda instance, _: unlink_servers(instance, (1,)),
    "find_servers_named": lambda instance, _: find_servers_named(instance, "S", prefixes=("S",)),
    "restore_server": lambda instance, _: restore_server(instance, 1, 7, ["smtp_pass"], run="R"),
    "fetch_probe_sender": lambda instance, _: fetch_probe_sender(instance, "example.org"),
    "run_smtp_test": lambda instance, _: run_smtp_test(instance, SERVER, ""),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_no_call_reads_a_secret_or_every_field(
    use: Callable[[Instance, MailServerTable], object],
) -> None:
    table = MailServerTable(make_row(1, smtp_pass="s3cret", **CERTIFIED), make_row(7))
    transport, instance = open_table(table)

    use(instance, table)

    assert transport.calls
    for call in transport.calls:
        assert call.name != f"{SERVERS}.read"
        if call.method in {"read", "search_read"}:
            assert SECRET_FIELDS.isdisjoint(call.params["fields"])
            assert call.params["fields"]


@pytest.mark.parametrize(
    "use",
    [USES[name] for name in ("fetch_servers", "fetch_servers-ids", "holds", "find_servers_named")],
    ids=["fetch_servers", "fetch_servers-ids", "holds", "find_servers_named"],
)
def test_every_search_sees_archived_servers(
    use: Callable[[Instance, MailServerTable], object],
) -> None:
    table = MailServerTable(make_row(1, active=False, smtp_pass="s3cret", **CERTIFIED))
    transport, instance = open_table(table)

    use(instance, table)

    for call in transport.calls:
        archived_too = call.params["context"].get("active_test") is False
        assert archived_too or ["active", "in", [True, False]] in call.domain


def test_a_secret_is_compared_on_the_server() -> None:
    transport, instance = open_table(
        MailServerTable(make_row(1, active=False, smtp_pass="s3cret"), make_row(2))
    )

    assert holds(instance, 1, "smtp_pass", Secret("s3cret"))
    assert not holds(instance, 1, "smtp_pass", Secret("other"))
    assert not holds(instance, 2, "smtp_pass", Secret("s3cret"))
    assert {call.method for call in transport.calls} == {"search_count"}


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        pytest.param("", False, id="a-text-that-is-not-set"),
        pytest.param(Secret(""), False, id="a-secret-that-is-not-set"),
        pytest.param(Secret("s3cret"), "s3cret", id="a-secret"),
        pytest.param("text", "text", id="a-text"),
        pytest.param(0, 0, id="zero"),
        pytest.param(False, False, id="no"),
    ],
)
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(create_server, id="create"),
        pytest.param(lambda i, values: copy_server(i, 1, values), id="copy"),
        pytest.param(lambda i, values: write_server(i, 1, values), id="write"),
    ],
)
def test_an_empty_text_is_written_as_false(
    write: Callable[[Instance, dict[str, Any]], object], value: Any, sent: object
) -> None:
    transport, instance = open_table(MailServerTable(make_row(1)))

    write(instance, {"smtp_pass": value})

    written = transport.calls[0].values["smtp_pass"]
    assert written == sent
    assert type(written) is type(sent)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_copy_has_an_id_on_17_and_on_19(version: Version) -> None:
    table = MailServerTable(make_row(1, smtp_host="s.example.org"), version=version)
    _, instance = open_table(table)

    copy_id = copy_server(instance, 1, {"name": "Copy"})

    assert copy_id == 2
    assert table.rows[2]["name"] == "Copy"


def test_records_are_found_by_the_beginning_of_their_name_archived_or_not() -> None:
    _, instance = open_table(
        MailServerTable(
            make_row(1, name="a run: A"),
            make_row(2, name="b run: B", active=False),
            make_row(3, name="A run: C"),
            make_row(4, name="another a run: D"),
            make_row(5, name="a walk: E"),
        )
    )

    assert find_servers_named(instance, "run", prefixes=("a ", "b ")) == (1, 2)


def test_a_record_gets_the_secrets_of_another_on_the_server() -> None:
    table = MailServerTable(
        make_row(1, smtp_pass="n3w", smtp_user="new", smtp_port=25),
        make_row(2, smtp_pass="0ld", active=False),
    )
    _, instance = open_table(table)

    restore_server(instance, 1, 2, ["smtp_user", "smtp_pass"], run="R")

    assert table.rows[1] == make_row(1, smtp_pass="0ld", smtp_user=False, smtp_port=25)


def test_the_action_that_restores_holds_ids_and_names_of_fields_alone() -> None:
    transport, instance = open_table(MailServerTable(make_row(1), make_row(2, smtp_pass="0ld")))

    restore_server(instance, 1, 2, ["smtp_pass", "smtp_host"], run="R")

    (made,) = transport.named(f"{ACTIONS}.create")
    assert made.values == {
        "name": "remote-mailcfg action R: put mail server 1 back",
        "model_id": 5,
        "state": "code",
        "code": (
            "backup = env['ir.mail_server'].browse(2)\n"
            "env['ir.mail_server'].browse(1).write("
            "{'smtp_host': backup['smtp_host'], 'smtp_pass': backup['smtp_pass']})"
        ),
    }


@pytest.mark.parametrize("error", [None, refusal("no"), KeyboardInterrupt()], ids=repr)
def test_the_action_that_restores_exists_for_one_call(error: BaseException | None) -> None:
    table = MailServerTable(make_row(1), make_row(2))

    def function(call: Call) -> Any:
        if call.method == "run" and error is not None:
            raise error
        return table(call)

    with pytest.raises(type(error)) if error else nullcontext():
        restore_server(make_instance(FakeTransport(function)), 1, 2, ["smtp_pass"], run="R")

    assert table.actions == {}


@pytest.mark.parametrize(
    ("from_filter", "asked", "sender"),
    [
        pytest.param("", ["res.users.read"], "me@example.org", id="no-filter-takes-the-user"),
        pytest.param("example.net,a@example.org", [], "a@example.org", id="an-address-is-taken"),
        pytest.param(
            "example.net",
            ["mail.alias.domain.search_read"],
            "notify@example.net",
            id="a-domain-takes-the-default-from-in-it",
        ),
        pytest.param(
            "example.com",
            ["mail.alias.domain.search_read"],
            "odoo@example.com",
            id="a-domain-without-a-default-from",
        ),
    ],
)
def test_the_sender_of_a_test_is_told_with_no_more_than_one_call(
    from_filter: str, asked: list[str], sender: str
) -> None:
    user = {"id": 2, "login": "me", "email": "me@example.org", "company_id": [1, "C"]}
    domains = [{"default_from_email": False}, {"default_from_email": "notify@example.net"}]
    transport, instance = open_table(
        MailServerTable(others={"res.users.read": [user], "mail.alias.domain.search_read": domains})
    )

    assert fetch_probe_sender(instance, from_filter) == sender
    assert [call.name for call in transport.calls] == asked


@pytest.mark.parametrize(
    ("version", "name"),
    [
        pytest.param("17.0", "test-json-ok-plain", id="17"),
        pytest.param("19.0", "d-plain-ok-json2", id="19"),
    ],
)
def test_a_notification_of_success_passes_the_test(version: Version, name: str) -> None:
    body = exchange(version, name).response.body
    test = run_smtp_test(answering(body.get("result", body)), SERVER, "me@example.org")

    assert test == SmtpTest(
        id=7,
        name="Main",
        ok=True,
        cause=None,
        message="Connection Test Successful!",
        hint="",
        sender="me@example.org",
        seconds=test.seconds,
    )
    assert 0 <= test.seconds < 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="nothing"),
        pytest.param(True, id="true"),
        pytest.param({}, id="an-empty-dict"),
        pytest.param(SUCCESS | {"tag": "reload"}, id="another-action"),
        pytest.param(SUCCESS | {"params": {"type": "danger"}}, id="a-warning"),
        pytest.param({"tag": "display_notification"}, id="a-notification-without-type"),
    ],
)
def test_any_other_answer_is_a_failure_of_unknown_cause(answer: object) -> None:
    test = run_smtp_test(answering(answer), SERVER, "")

    assert not test.ok
    assert test.cause == "other"
    assert test.message == f"Odoo answered {answer!r}"


def test_one_call_tests_one_server() -> None:
    transport = FakeTransport(lambda _call: SUCCESS)

    run_smtp_test(make_instance(transport), SERVER, "")

    assert [(call.name, call.ids) for call in transport.calls] == [
        (f"{SERVERS}.test_smtp_connection", (7,))
    ]
    assert transport.calls[0].params == {"context": {"lang": "en_US"}}


def test_odoos_own_words_tell_the_cause() -> None:
    text = "Invalid server name!\n [Errno -2] Name or service not known"
    test = run_smtp_test(answering(refusal(text)), SERVER, "me@example.org")

    assert not test.ok
    assert test.cause == "name-not-found"
    assert test.message == text
    assert test.hint
    assert test.sender == "me@example.org"


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(TransportError("timeout", "no answer within 90 s"), id="our-own-time-limit"),
        pytest.param(TransportError("timeout", "gave up (504)", status=504), id="504"),
        pytest.param(TransportError("unreachable", "no Odoo (502)", status=502), id="502"),
    ],
)
def test_a_call_that_is_cut_off_is_a_test_without_an_answer(error: TransportError) -> None:
    test = run_smtp_test(answering(error), SERVER, "")

    assert not test.ok
    assert test.cause == "no-answer"
    assert test.message == f"{error.message}: timed out"


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OdooError("not-found", "gone"), id="the-record-is-gone"),
        pytest.param(OdooError("access-denied", "no role"), id="no-rights"),
        pytest.param(LoginError("session-expired", "ended"), id="the-login-has-ended"),
        pytest.param(TransportError("unreachable", "no Odoo"), id="no-connection"),
        pytest.param(TransportError("unreachable", "no Odoo (503)", status=503), id="503"),
    ],
)
def test_what_says_nothing_about_the_mail_server_is_an_error(error: RemoteMailcfgError) -> None:
    with pytest.raises(type(error)) as caught:
        run_smtp_test(answering(error), SERVER, "")

    assert caught.value is error
