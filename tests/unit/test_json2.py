from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from remote_mailcfg.errors import OdooError, RemoteMailcfgError, TransportError
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.json2 import Json2, fetch_json_version
from remote_mailcfg.rpc.transport import Access
from remote_mailcfg.secret import Secret
from tests.replay_server import (
    ReplayServer,
    Reply,
    Step,
    html_reply,
    json_reply,
    recorded,
    replay,
)


@contextmanager
def wire(*script: Step) -> Iterator[tuple[Json2, ReplayServer]]:
    with replay(*script) as server, HttpClient(server.target()) as http:
        yield Json2(http, Access(server.url, "odoo19", "admin", Secret("a-key"))), server


def test_it_names_its_wire() -> None:
    with wire() as (transport, _server):
        assert transport.wire == "json2"


def test_a_call_carries_the_key_the_database_and_named_arguments() -> None:
    with wire(recorded("19.0", "f2-json2-search_read")) as (transport, server):
        rows = transport.call("ir.mail_server", "search_read", domain=[], fields=["name"], limit=2)

    assert [row["name"] for row in rows] == ["plain-ok", "plain-localhost"]
    (request,) = server.requests
    assert server.paths == ["POST /json/2/ir.mail_server/search_read"]
    assert request.json == {"domain": [], "fields": ["name"], "limit": 2}
    assert request.headers["Authorization"] == "bearer a-key"
    assert request.headers["X-Odoo-Database"] == "odoo19"
    assert request.headers["Content-Type"] == "application/json"


def test_ids_stand_beside_the_arguments() -> None:
    with wire(recorded("19.0", "f2-json2-write")) as (transport, server):
        assert transport.call("ir.mail_server", "write", (85, 86), vals={"smtp_port": 26}) is True

    assert server.requests[0].json == {"ids": [85, 86], "vals": {"smtp_port": 26}}


def test_create_with_one_record_answers_one_id() -> None:
    with wire(recorded("19.0", "f2-json2-create-dict")) as (transport, _server):
        assert transport.call("ir.mail_server", "create", vals_list={"name": "j2"}) == 85


def test_create_with_a_list_answers_a_list() -> None:
    with wire(recorded("19.0", "f2-json2-create-list")) as (transport, _server):
        assert transport.call("ir.mail_server", "create", vals_list=[{"name": "j2b"}]) == [86]


def test_a_method_that_returns_nothing_is_none() -> None:
    with wire(recorded("19.0", "d2-json2-action_archive")) as (transport, _server):
        assert transport.call("ir.mail_server", "action_archive", (51,)) is None


def test_the_user_is_asked_for_once() -> None:
    with wire(recorded("19.0", "f2-json2-context_get")) as (transport, server):
        assert (transport.fetch_uid(), transport.fetch_uid()) == (2, 2)

    assert server.paths == ["POST /json/2/res.users/context_get"]


def test_the_version_is_asked_for_without_the_key() -> None:
    with wire(recorded("19.0", "a-json-version")) as (transport, server):
        assert transport.fetch_version() == "19.0"

    assert server.paths == ["GET /json/version"]
    assert server.requests[0].headers["Authorization"] is None


def test_every_call_goes_over_one_connection() -> None:
    with wire(json_reply(1), json_reply(2)) as (transport, server):
        transport.call("ir.mail_server", "search_count", domain=[])
        transport.call("ir.mail_server", "search_count", domain=[])

    assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        pytest.param(*row, id=row[0])
        for row in (
            ("f-json2-badkey", "authentication-failed", "'admin' was refused"),
            ("f-json2-password-as-bearer", "authentication-failed", "was refused"),
            ("f2-json2-otherdb", "authentication-failed", "was refused"),
            ("f-json2-nokey", "authentication-failed", "was refused"),
            ("f2-json2-nodbheader", "database-not-found", "no database 'odoo19'"),
            ("f2-json2-wrongdb", "database-not-found", "no database 'odoo19'"),
            ("f2-json2-bob", "access-denied", "You are not allowed to access"),
            ("e-private-method-json2", "access-denied", "Private methods"),
            ("d2-json2-missing-id", "not-found", "Record does not exist"),
            ("e-unknown-field-json2", "refused-by-odoo", "Invalid field 'nosuch'"),
            ("e-missing-name-json2", "refused-by-odoo", "Missing required value"),
            ("e-port-huge-json2", "refused-by-odoo", "integer out of range"),
            ("e-unknown-method-json2", "refused-by-odoo", "does not exist"),
            ("f2-json2-unknown-model", "refused-by-odoo", "the model 'no.model' does not exist"),
            ("f2-json2-missing-arg", "refused-by-odoo", "missing a required argument"),
            ("f2-json2-badjson", "refused-by-odoo", "could not parse the body as json"),
            ("d-refused-json2", "refused-by-odoo", "[Errno 111] Connection refused"),
            ("f2-json2-500", "refused-by-odoo", "invalid argument type"),
            ("f2-json2-textplain", "not-odoo", "415"),
        )
    ],
)
def test_a_refused_call_keeps_odoos_words_and_no_traceback(
    name: str, code: str, words: str
) -> None:
    with (
        wire(recorded("19.0", name)) as (transport, _server),
        pytest.raises(RemoteMailcfgError) as caught,
    ):
        transport.call("ir.mail_server", "search_read", domain=[])

    assert caught.value.code == code
    assert words in caught.value.message
    assert "Traceback" not in caught.value.message


def test_a_refused_call_keeps_odoos_class() -> None:
    with (
        wire(recorded("19.0", "e-missing-name-json2")) as (transport, _server),
        pytest.raises(OdooError) as caught,
    ):
        transport.call("ir.mail_server", "create", vals_list={"smtp_host": "x"})

    assert caught.value.exception == "odoo.exceptions.ValidationError"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(html_reply(404, "Not Found"), "not-odoo", id="no-such-route"),
        pytest.param(html_reply(200, "Welcome"), "not-odoo", id="page"),
        pytest.param(json_reply({"detail": "no"}, status=401), "not-odoo", id="other-api"),
        pytest.param(json_reply(["no"], status=500), "not-odoo", id="list"),
        pytest.param(html_reply(503), "unreachable", id="unavailable"),
        pytest.param(html_reply(504), "timeout", id="gateway-timeout"),
        pytest.param(
            html_reply(429, headers={"Retry-After": "300"}), "rate-limited", id="rate-limit"
        ),
        pytest.param(
            html_reply(401, headers={"WWW-Authenticate": "Basic"}), "http-basic-required", id="gate"
        ),
        pytest.param(html_reply(308, headers={"Location": "/x"}), "redirected", id="redirect"),
    ],
)
def test_what_stands_in_odoos_place_is_told_apart(reply: Step, code: str) -> None:
    with wire(reply) as (transport, _server), pytest.raises(RemoteMailcfgError) as caught:
        transport.call("ir.mail_server", "search", domain=[])

    assert caught.value.code == code


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


# Which servers have it


def version_said_by(reply: Step) -> str:
    with replay(reply) as server, HttpClient(server.target()) as http:
        return fetch_json_version(http, Access(server.url, "odoo17", "admin", Secret("a-key")))


def test_a_server_with_json2_tells_its_version() -> None:
    assert version_said_by(recorded("19.0", "a-json-version")) == "19.0"


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(recorded("17.0", "404-web-get"), id="17"),
        pytest.param(html_reply(400), id="400"),
        pytest.param(html_reply(403), id="403"),
        pytest.param(html_reply(405), id="405"),
    ],
)
def test_a_server_without_json2_has_no_version(reply: Step) -> None:
    assert version_said_by(reply) == ""


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(html_reply(200, "Welcome"), "not-odoo", id="page"),
        pytest.param(json_reply({"detail": "Not Found"}, status=404), "not-odoo", id="other-api"),
        pytest.param(json_reply([19]), "not-odoo", id="list"),
        pytest.param(Reply(500, "text/html"), "not-odoo", id="server-error"),
        pytest.param(html_reply(502), "unreachable", id="bad-gateway"),
    ],
)
def test_what_tells_no_version_is_an_error(reply: Step, code: str) -> None:
    with pytest.raises(TransportError) as caught:
        version_said_by(reply)

    assert caught.value.code == code
