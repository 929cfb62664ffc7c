from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from remote_mailcfg.errors import LoginError, OdooError, RemoteMailcfgError, TransportError
from remote_mailcfg.rpc.execute_kw import ExecuteKw
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.jsonrpc import JsonRpc
from remote_mailcfg.rpc.transport import Access
from remote_mailcfg.secret import Secret
from tests.recorded import Version
from tests.replay_server import (
    ReplayServer,
    Step,
    html_reply,
    json_reply,
    recorded,
    replay,
    rpc_error,
    rpc_reply,
)

LOGIN = recorded("17.0", "jsonrpc-auth-ok")


@contextmanager
def wire(*script: Step, database: str = "odoo17") -> Iterator[tuple[ExecuteKw, ReplayServer]]:
    with replay(*script) as server, HttpClient(server.target()) as http:
        access = Access(server.url, database, "admin", Secret("admin"))
        yield ExecuteKw(JsonRpc(http, access), access), server


@contextmanager
def logged_in(*script: Step) -> Iterator[tuple[ExecuteKw, ReplayServer]]:
    with wire(LOGIN, *script) as (transport, server):
        transport.log_in()
        yield transport, server


def call_of(server: ReplayServer) -> Any:
    """Return the arguments of the last request."""
    return server.requests[-1].json["params"]["args"]


def test_a_login_is_one_request_and_tells_the_user() -> None:
    with wire(LOGIN) as (transport, server):
        transport.log_in()

        assert transport.fetch_uid() == 2

    assert server.paths == ["POST /jsonrpc"]
    assert server.requests[0].json["params"] == {
        "service": "common",
        "method": "authenticate",
        "args": ["odoo17", "admin", "admin", {}],
    }


def test_it_names_its_wire() -> None:
    with wire() as (transport, _server):
        assert transport.wire == "jsonrpc"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(
            recorded("17.0", "jsonrpc-auth-wrong"), "authentication-failed", id="17-password"
        ),
        pytest.param(
            recorded("19.0", "a-jsonrpc-authenticate-wrongpw"),
            "authentication-failed",
            id="19-password",
        ),
        pytest.param(
            recorded("17.0", "jsonrpc-auth-wrongdb"), "database-not-found", id="17-database"
        ),
    ],
)
def test_a_refused_login_says_what_was_wrong(reply: Step, code: str) -> None:
    with wire(reply) as (transport, _server), pytest.raises(LoginError) as caught:
        transport.log_in()

    assert caught.value.code == code


def test_a_method_of_records_gets_the_ids_first() -> None:
    with logged_in(rpc_reply(True)) as (transport, server):  # noqa: FBT003 - what Odoo answers
        assert transport.call("ir.mail_server", "write", (5, 6), vals={"name": "n"}) is True

    assert call_of(server) == [
        "odoo17", 2, "admin", "ir.mail_server", "write", [[5, 6]], {"vals": {"name": "n"}},
    ]  # fmt: skip


def test_a_method_of_a_model_gets_no_positional_argument() -> None:
    with logged_in(rpc_reply([1])) as (transport, server):
        assert transport.call("ir.mail_server", "search", domain=[]) == [1]

    assert call_of(server)[3:] == ["ir.mail_server", "search", [], {"domain": []}]


def test_create_gets_its_values_by_position_and_answers_one_id() -> None:
    with logged_in(recorded("17.0", "create-min")) as (transport, server):
        created = transport.call(
            "ir.mail_server", "create", vals_list={"name": "n"}, context={"lang": "en_US"}
        )

    assert created == 1
    assert call_of(server)[3:] == [
        "ir.mail_server", "create", [{"name": "n"}], {"context": {"lang": "en_US"}},
    ]  # fmt: skip


def test_every_call_goes_over_one_connection_and_names_the_database() -> None:
    with logged_in(rpc_reply(1), rpc_reply(2)) as (transport, server):
        transport.call("ir.mail_server", "search_count", domain=[])
        transport.call("ir.mail_server", "search_count", domain=[])

    assert len(server.connections) == 1
    assert [it.headers["X-Odoo-Database"] for it in server.requests] == ["odoo17"] * 3
    assert {it.headers["Content-Type"] for it in server.requests} == {"application/json"}


def test_without_a_database_the_header_is_left_out() -> None:
    with wire(recorded("17.0", "jsonrpc-version"), database="") as (transport, server):
        assert transport.fetch_version() == "17.0"

    assert server.requests[0].headers["X-Odoo-Database"] is None


@pytest.mark.parametrize(
    ("version", "name"), [("17.0", "action_archive"), ("19.0", "d2-jsonrpc-action_archive")]
)
def test_a_method_that_returns_nothing_is_none(version: Version, name: str) -> None:
    with logged_in(recorded(version, name)) as (transport, _server):
        assert transport.call("ir.mail_server", "action_archive", (1,)) is None


@pytest.mark.parametrize(
    ("version", "name", "code", "words"),
    [
        pytest.param(*row, id=f"{row[0]}-{row[1]}")
        for row in (
            ("17.0", "jsonrpc-execute-wrongpw", "authentication-failed", "'admin' was refused"),
            ("17.0", "clerk-read", "access-denied", "You are not allowed to access"),
            ("17.0", "test-missing", "not-found", "Record does not exist"),
            ("17.0", "create-bad-unknown-field", "refused-by-odoo", "Invalid field 'smtp_hots'"),
            ("17.0", "create-bad-missing-name", "refused-by-odoo", "a mandatory field is not set"),
            ("17.0", "create-bad-port-2^31", "refused-by-odoo", "integer out of range"),
            ("17.0", "model-unknown", "refused-by-odoo", "doesn't exist"),
            ("17.0", "method-private", "access-denied", "Private methods"),
            ("19.0", "a-jsonrpc-execute-wrongpw", "authentication-failed", "was refused"),
            ("19.0", "d-refused-jsonrpc", "refused-by-odoo", "[Errno 111] Connection refused"),
            ("19.0", "e-unknown-field-jsonrpc", "refused-by-odoo", "Invalid field 'nosuch'"),
            ("19.0", "e-unknown-model-jsonrpc", "refused-by-odoo", "doesn't exist"),
        )
    ],
)
def test_a_refused_call_keeps_odoos_words(
    version: Version, name: str, code: str, words: str
) -> None:
    with (
        logged_in(recorded(version, name)) as (transport, _server),
        pytest.raises(RemoteMailcfgError) as caught,
    ):
        transport.call("ir.mail_server", "read", (1,), fields=["name"])

    assert caught.value.code == code
    assert words in caught.value.message
    assert "Traceback" not in caught.value.message


def test_a_refused_call_keeps_odoos_class() -> None:
    with (
        logged_in(rpc_error("odoo.exceptions.UserError", "no")) as (transport, _server),
        pytest.raises(OdooError) as caught,
    ):
        transport.call("ir.mail_server", "unlink", (1,))

    assert caught.value.exception == "odoo.exceptions.UserError"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(recorded("17.0", "404-json"), "not-odoo", id="no-such-route"),
        pytest.param(html_reply(200, "Welcome"), "not-odoo", id="page"),
        pytest.param(json_reply({"detail": "Not Found"}, status=404), "not-odoo", id="other-api"),
        pytest.param(html_reply(502), "unreachable", id="bad-gateway"),
        pytest.param(html_reply(429), "rate-limited", id="rate-limit"),
        pytest.param(
            html_reply(401, headers={"WWW-Authenticate": "Basic"}), "http-basic-required", id="gate"
        ),
        pytest.param(html_reply(301, headers={"Location": "/x"}), "redirected", id="redirect"),
    ],
)
def test_what_is_not_odoo_is_no_wrong_password(reply: Step, code: str) -> None:
    with wire(reply) as (transport, _server), pytest.raises(RemoteMailcfgError) as caught:
        transport.log_in()

    assert caught.value.code == code


def test_a_call_that_breaks_off_is_not_made_again() -> None:
    def breaks_off(*_: object) -> None:
        """Close without a word."""

    with logged_in(breaks_off) as (transport, server):
        with pytest.raises(TransportError) as caught:
            transport.call("ir.mail_server", "create", vals_list={"name": "n"})

        assert len(server.requests) == 2
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize(
    ("method", "ids"),
    [
        pytest.param("test_smtp_connection", (), id="records-without-ids"),
        pytest.param("search", (1,), id="model-with-ids"),
    ],
)
def test_ids_in_the_wrong_place_are_refused_before_anything_is_sent(
    method: str, ids: tuple[int, ...]
) -> None:
    with wire() as (transport, server), pytest.raises(ValueError, match="ids are for record"):
        transport.call("ir.mail_server", method, ids)

    assert server.requests == []
