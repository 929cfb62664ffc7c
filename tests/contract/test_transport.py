"""What every wire does alike, against a real server."""

import base64
import logging
from dataclasses import replace
from typing import Any

import pytest

from remote_mailcfg.errors import LoginError, OdooError, RemoteMailcfgError
from remote_mailcfg.instance.instance import Instance, open_instance
from remote_mailcfg.instance.mail_servers import (
    ARCHIVED_TOO,
    copy_server,
    fetch_capabilities,
    fetch_servers,
    find_servers_named,
    holds,
    write_server,
)
from remote_mailcfg.model.target import Target
from remote_mailcfg.secret import Secret
from tests.contract.conftest import MARK, CreateServer, name

MODEL = "ir.mail_server"
PEM = b"-----BEGIN CERTIFICATE-----\n" + b"MIIB" * 300 + b"\n-----END CERTIFICATE-----\n"


def read(instance: Instance, server_id: int, *fields: str) -> dict[str, Any]:
    (row,) = instance.call(MODEL, "read", (server_id,), fields=list(fields))
    return dict(row)


def refusal(instance: Instance, method: str, ids: tuple[int, ...] = (), **params: Any) -> OdooError:
    with pytest.raises(OdooError) as caught:
        instance.call(MODEL, method, ids, **params)
    return caught.value


# Login


def test_the_wire_is_the_one_that_was_asked_for(instance: Instance, target: Target) -> None:
    assert instance.connection.transport.wire == target.protocol


def test_the_user_is_the_one_who_logged_in(instance: Instance, given: Target) -> None:
    uid = instance.connection.transport.fetch_uid()

    (row,) = instance.call("res.users", "read", (uid,), fields=["login"])
    assert row["login"] == given.login


def test_the_version_is_told(instance: Instance, version: int) -> None:
    assert instance.connection.transport.fetch_version().startswith(f"{version}.")


def test_a_wrong_credential_is_refused(target: Target) -> None:
    wrong = Secret("0" * 40)
    refused = replace(target, password=target.password and wrong, api_key=target.api_key and wrong)
    # JSON-2 has no login: the first call tells
    with pytest.raises(LoginError) as caught, open_instance(refused) as opened:
        opened.connection.transport.call("res.users", "context_get")

    assert caught.value.code == "authentication-failed"
    assert repr(target.login) in caught.value.message


def test_a_database_that_does_not_exist_is_named(target: Target) -> None:
    elsewhere = replace(target, database="no_such_database")

    with pytest.raises(LoginError) as caught, open_instance(elsewhere) as opened:
        opened.connection.transport.call("res.users", "context_get")

    assert caught.value.code == "database-not-found"
    assert "'no_such_database'" in caught.value.message


# Records


def test_create_answers_one_id(create: CreateServer) -> None:
    assert type(create()) is int


def test_what_is_created_is_read_back(instance: Instance, create: CreateServer) -> None:
    values = {
        "name": name(),
        "sequence": 77,
        "smtp_host": "smtp.invalid",
        "smtp_port": 2525,
        "smtp_user": "ann",
        "smtp_debug": True,
        "active": False,
    }

    server_id = create(**values)

    assert read(instance, server_id, *values) == {"id": server_id} | values


def test_a_field_that_is_not_set_reads_as_false(instance: Instance, create: CreateServer) -> None:
    server_id = create()

    assert read(instance, server_id, "smtp_user", "from_filter") == {
        "id": server_id,
        "smtp_user": False,
        "from_filter": False,
    }


def test_a_number_with_a_fraction_comes_through(instance: Instance, create: CreateServer) -> None:
    if "max_email_size" not in fetch_capabilities(instance).fields:
        pytest.skip("this version has no max_email_size")
    server_id = create(max_email_size=2.5)

    assert read(instance, server_id, "max_email_size")["max_email_size"] == 2.5


def test_search_read_with_the_active_term_finds_archived_records(
    instance: Instance, create: CreateServer
) -> None:
    server_id = create()

    rows = instance.call(
        MODEL, "search_read", domain=[ARCHIVED_TOO, ["id", "=", server_id]], fields=["active"]
    )

    assert rows == [{"id": server_id, "active": False}]


def test_search_read_without_it_does_not(instance: Instance, create: CreateServer) -> None:
    server_id = create()

    assert instance.call(MODEL, "search_read", domain=[["id", "=", server_id]], fields=[]) == []


def test_all_servers_are_fetched_with_archived_ones(
    instance: Instance, create: CreateServer
) -> None:
    server_id = create(smtp_user="ann", smtp_pass="s3cret")

    servers = fetch_servers(instance, fetch_capabilities(instance))

    (server,) = (it for it in servers if it.id == server_id)
    assert (server.active, server.has_password, server.smtp_user) == (False, True, "ann")


def test_servers_are_found_by_a_part_of_their_name_and_how_it_begins(
    instance: Instance, create: CreateServer
) -> None:
    text = name()
    begins = create(name=f"{text} first")
    create(name=f"second {text}")

    assert find_servers_named(instance, text.upper(), prefixes=(text,)) == (begins,)


def test_what_is_written_is_read_back(instance: Instance, create: CreateServer) -> None:
    server_id = create()

    write_server(instance, server_id, {"smtp_host": "other.invalid", "from_filter": "a.invalid"})

    assert read(instance, server_id, "smtp_host", "from_filter") == {
        "id": server_id,
        "smtp_host": "other.invalid",
        "from_filter": "a.invalid",
    }


def test_a_text_that_is_emptied_is_not_set(instance: Instance, create: CreateServer) -> None:
    server_id = create(smtp_user="ann")

    write_server(instance, server_id, {"smtp_user": ""})

    assert read(instance, server_id, "smtp_user")["smtp_user"] is False


def test_a_record_that_is_removed_is_gone(instance: Instance, create: CreateServer) -> None:
    server_id = create()

    assert instance.call(MODEL, "unlink", (server_id,)) is True

    assert instance.call(MODEL, "read", (server_id,), fields=["name"]) == []


def test_a_copy_carries_the_password_and_is_named_and_archived_from_birth(
    instance: Instance, create: CreateServer, admin: Instance
) -> None:
    password = Secret("s3cret <&> ключ")
    server_id = create(smtp_user="ann", smtp_pass=password, smtp_port=2525)
    copy_name = name()

    copy_id = copy_server(instance, server_id, {"name": copy_name, "active": False})

    try:
        assert type(copy_id) is int
        assert copy_id != server_id
        assert read(instance, copy_id, "name", "active", "smtp_port") == {
            "id": copy_id,
            "name": copy_name,
            "active": False,
            "smtp_port": 2525,
        }
        assert holds(instance, copy_id, "smtp_pass", password)
    finally:
        admin.call(MODEL, "unlink", (copy_id,))


# Texts

TEXTS = [
    "<b>&amp;\"'</b> ]]> <![CDATA[",
    "ὀδοός Ærøskøbing 数据 🎉",
    "{json: [1, \\n]} %s ${HOME}",
    "line\nbreak\ttab",
    "x" * 5000,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:24])
def test_text_comes_through_both_ways(text: str, instance: Instance, create: CreateServer) -> None:
    text = f"{MARK} {text}"

    server_id = create(name=text)

    assert read(instance, server_id, "name")["name"] == text


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:24])
def test_a_password_is_compared_without_reading_it(
    text: str, instance: Instance, create: CreateServer
) -> None:
    server_id = create(smtp_pass=Secret(text))

    assert holds(instance, server_id, "smtp_pass", Secret(text))
    assert not holds(instance, server_id, "smtp_pass", Secret(text + "x"))


# Binary fields


@pytest.fixture
def with_certificate(create: CreateServer) -> int:
    """A mail server that has a certificate."""
    return create(smtp_ssl_certificate=base64.b64encode(PEM).decode())


def test_a_certificate_is_compared_without_reading_it(
    instance: Instance, with_certificate: int
) -> None:
    written, other = (base64.b64encode(it).decode() for it in (PEM, PEM + b"x"))

    assert holds(instance, with_certificate, "smtp_ssl_certificate", written)
    assert not holds(instance, with_certificate, "smtp_ssl_certificate", other)


def test_a_certificate_comes_as_its_size(instance: Instance, with_certificate: int) -> None:
    (row,) = instance.call(
        MODEL,
        "search_read",
        domain=[ARCHIVED_TOO, ["id", "=", with_certificate]],
        fields=["smtp_ssl_certificate"],
        context={"bin_size": True},
    )

    size = row["smtp_ssl_certificate"]
    assert size
    assert len(str(size)) < 20


def test_without_a_certificate_there_is_no_size(instance: Instance, create: CreateServer) -> None:
    (row,) = instance.call(
        MODEL,
        "search_read",
        domain=[ARCHIVED_TOO, ["id", "=", create()]],
        fields=["smtp_ssl_certificate"],
        context={"bin_size": True},
    )

    assert row["smtp_ssl_certificate"] is False


# Methods that return nothing


def test_archiving_returns_nothing_and_is_done(instance: Instance, create: CreateServer) -> None:
    server_id = create(active=True, sequence=9999, from_filter="never.invalid")

    assert instance.call(MODEL, "action_archive", (server_id,)) is None

    assert read(instance, server_id, "active")["active"] is False


def test_sending_a_mail_returns_nothing_and_is_done(
    instance: Instance, create: CreateServer, admin: Instance
) -> None:
    server_id = create()  # archived: Odoo refuses to send through it
    values = {
        "subject": name(),
        "email_from": "ann@contract.invalid",
        "email_to": "bob@contract.invalid",
        "mail_server_id": server_id,
        "model": MODEL,  # on 19 a message of no document cannot be removed again
        "res_id": server_id,
        "auto_delete": False,
    }
    mail_id = instance.call("mail.mail", "create", vals_list=values)

    try:
        assert instance.call("mail.mail", "send", (mail_id,)) is None
        (row,) = instance.call("mail.mail", "read", (mail_id,), fields=["state"])
        assert row["state"] == "exception"
    finally:
        admin.call("mail.mail", "unlink", (mail_id,))


# What is not there


def test_a_missing_record_is_read_as_nothing(instance: Instance, missing_id: int) -> None:
    assert instance.call(MODEL, "read", (missing_id,), fields=["name"]) == []


def test_writing_to_a_missing_record_seems_to_work(instance: Instance, missing_id: int) -> None:
    assert instance.call(MODEL, "write", (missing_id,), vals={"sequence": 1}) is True


def test_removing_a_missing_record_seems_to_work(instance: Instance, missing_id: int) -> None:
    assert instance.call(MODEL, "unlink", (missing_id,)) is True


def test_testing_a_missing_record_is_an_error(instance: Instance, missing_id: int) -> None:
    assert refusal(instance, "test_smtp_connection", (missing_id,)).code == "not-found"


# What Odoo refuses


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        pytest.param(
            "create", {"vals_list": {"name": "x", "nosuch": 1}}, "nosuch", id="unknown-field"
        ),
        pytest.param(
            "search", {"domain": [["nosuch", "=", 1]]}, "nosuch", id="unknown-field-of-a-domain"
        ),
        pytest.param(
            "create",
            {"vals_list": {"name": "x", "smtp_encryption": "tls"}},
            "smtp_encryption",
            id="unknown-choice",
        ),
        pytest.param("create", {"vals_list": {"smtp_host": "x"}}, "(name)", id="required-field"),
        pytest.param("search", {"domain": [["name", "bad", 1]]}, "bad", id="unknown-operator"),
    ],
)
def test_an_invalid_call_is_refused_in_odoos_words_without_a_traceback(
    method: str, params: dict[str, Any], words: str, instance: Instance
) -> None:
    error = refusal(instance, method, **params)

    assert error.code == "refused-by-odoo"
    assert words in error.message
    assert "Traceback" not in error.message
    assert ".py" not in error.message


def test_an_unknown_method_is_refused(instance: Instance, create: CreateServer) -> None:
    error = refusal(instance, "no_such_method", (create(),))

    assert error.code == "refused-by-odoo"
    assert "no_such_method" in error.message


def test_a_private_method_is_denied(instance: Instance, create: CreateServer) -> None:
    assert refusal(instance, "_connect__", (create(),)).code == "access-denied"


def test_a_mail_server_that_cannot_be_reached_is_refused_in_english(
    instance: Instance, create: CreateServer
) -> None:
    server_id = create(smtp_host="127.0.0.1", smtp_port=1, from_filter="ann@contract.invalid")

    error = refusal(instance, "test_smtp_connection", (server_id,))

    assert error.code == "refused-by-odoo"
    assert "Connection Test Failed!" in error.message
    assert "Connection refused" in error.message


def test_a_record_method_without_ids_is_refused_before_anything_is_sent(
    instance: Instance, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(ValueError, match="ids are for record methods"),
    ):
        instance.call(MODEL, "test_smtp_connection")

    assert caplog.messages == []


# A user without the role


@pytest.mark.parametrize(
    ("method", "params"),
    [
        pytest.param("search_read", {"domain": [], "fields": ["name"]}, id="read"),
        pytest.param("create", {"vals_list": {"name": f"{MARK} denied"}}, id="create"),
    ],
)
def test_a_user_without_the_role_is_denied(
    method: str, params: dict[str, Any], clerks: Instance
) -> None:
    with pytest.raises(RemoteMailcfgError) as caught:
        clerks.call(MODEL, method, **params)

    assert caught.value.code == "access-denied"
    assert "System Admin" in caught.value.hint


@pytest.mark.parametrize("method", ["write", "unlink"])
def test_a_user_without_the_role_cannot_change_a_record(
    method: str, clerks: Instance, create: CreateServer
) -> None:
    params = {"vals": {"sequence": 1}} if method == "write" else {}

    assert refusal(clerks, method, (create(),), **params).code == "access-denied"
