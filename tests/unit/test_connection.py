import logging

import pytest

from remote_mailcfg.errors import ConfigurationError, LoginError, RemoteMailcfgError
from remote_mailcfg.rpc.connection import Connection, fetch_version, locate, open_connection
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.secret import Secret
from tests.replay_server import (
    ReplayServer,
    Step,
    html_reply,
    json_reply,
    recorded,
    replay,
    rpc_reply,
)

KEY = Secret("a-key")
JSON_LOGIN = recorded("17.0", "jsonrpc-auth-ok")
XML_LOGIN = recorded("17.0", "xml-auth-ok")
VERSION_19 = recorded("19.0", "a-json-version")
NO_JSON2 = recorded("17.0", "404-web-get")
ONE_DATABASE = recorded("17.0", "web-database-list")


def connect(server: ReplayServer, **values: object) -> Connection:
    with HttpClient(server.target(**values)) as http:
        return open_connection(server.target(**values), http)


# Which protocol, and why


@pytest.mark.parametrize(
    ("values", "script", "wire", "why"),
    [
        pytest.param({"protocol": "jsonrpc"}, [JSON_LOGIN], "jsonrpc", "it is set", id="jsonrpc"),
        pytest.param({"protocol": "xmlrpc"}, [XML_LOGIN], "xmlrpc", "it is set", id="xmlrpc"),
        pytest.param({"protocol": "json2", "api_key": KEY}, [], "json2", "it is set", id="json2"),
        pytest.param(
            {"protocol": "auto"},
            [JSON_LOGIN],
            "jsonrpc",
            "there is no API key, and JSON-2 takes nothing else",
            id="auto-with-a-password",
        ),
        pytest.param(
            {"protocol": "auto", "api_key": KEY, "http_basic": Secret("gate:keeper")},
            [JSON_LOGIN],
            "jsonrpc",
            "HTTP Basic in front needs the header that JSON-2 needs",
            id="auto-behind-http-basic",
        ),
        pytest.param(
            {"protocol": "auto", "api_key": KEY},
            [VERSION_19],
            "json2",
            "the server is Odoo 19.0 and an API key is given",
            id="auto-with-a-key-on-19",
        ),
        pytest.param(
            {"protocol": "auto", "api_key": KEY},
            [NO_JSON2, JSON_LOGIN],
            "jsonrpc",
            "the server does not offer JSON-2 (Odoo before 19)",
            id="auto-with-a-key-on-17",
        ),
    ],
)
def test_the_protocol_is_chosen_with_a_reason_and_in_few_requests_on_one_connection(
    values: dict[str, object], script: list[Step], wire: str, why: str
) -> None:
    with replay(*script) as server:
        connection = connect(server, **values)

        assert (connection.transport.wire, connection.why) == (wire, why)
        assert len(server.connections) == min(len(script), 1)


def test_the_choice_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "remote_mailcfg"), replay(JSON_LOGIN) as server:
        connect(server)

    assert f"{server.url}: jsonrpc, because it is set" in caplog.messages


def test_the_key_goes_before_the_password() -> None:
    with replay(JSON_LOGIN) as server:
        connect(server, api_key=KEY)

    assert server.requests[0].json["params"]["args"][2] == "a-key"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param({"password": None}, "neither an API key nor a password", id="no-credential"),
        pytest.param({"protocol": "json2"}, "json2 takes an API key", id="json2-without-key"),
        pytest.param(
            {"protocol": "json2", "api_key": KEY, "http_basic": Secret("gate:keeper")},
            "json2 cannot pass HTTP Basic",
            id="json2-with-http-basic",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(
    values: dict[str, object], words: str
) -> None:
    with replay() as server, pytest.raises(ConfigurationError, match=words) as caught:
        connect(server, **values)

    assert caught.value.is_usage
    assert caught.value.hint
    assert server.requests == []


@pytest.mark.parametrize(
    ("protocol", "reply"),
    [
        pytest.param("jsonrpc", recorded("17.0", "jsonrpc-auth-wrong"), id="jsonrpc"),
        pytest.param("xmlrpc", recorded("17.0", "xml-auth-wrong"), id="xmlrpc"),
    ],
)
def test_a_refused_login_is_tried_neither_again_nor_another_way(protocol: str, reply: Step) -> None:
    with replay(reply) as server, pytest.raises(LoginError) as caught:
        connect(server, protocol=protocol)

    assert caught.value.code == "authentication-failed"
    assert len(server.requests) == 1


# Which database


@pytest.mark.parametrize(
    ("values", "script", "paths"),
    [
        pytest.param(
            {"protocol": "jsonrpc"}, [JSON_LOGIN], ["POST /jsonrpc"], id="jsonrpc-one-more"
        ),
        pytest.param(
            {"protocol": "xmlrpc"}, [XML_LOGIN], ["POST /xmlrpc/2/common"], id="xmlrpc-one-more"
        ),
        pytest.param({"protocol": "json2", "api_key": KEY}, [], [], id="json2-one-more"),
        pytest.param(
            {"protocol": "auto", "api_key": KEY},
            [VERSION_19],
            ["GET /json/version"],
            id="auto-two-more",
        ),
    ],
)
def test_an_empty_database_is_the_only_one_of_the_server_for_one_more_request(
    values: dict[str, object], script: list[Step], paths: list[str]
) -> None:
    with replay(ONE_DATABASE, *script) as server:
        connection = connect(server, database="", **values)

    assert connection.target.database == "odoo17"
    assert server.paths == ["POST /web/database/list", *paths]
    assert len(server.connections) == 1


def test_a_given_database_is_taken_without_asking() -> None:
    with replay() as server, HttpClient(server.target()) as http:
        assert locate(server.target(database="mine"), http).database == "mine"


def test_several_databases_are_listed() -> None:
    with replay(rpc_reply(["one", "two"])) as server, pytest.raises(LoginError) as caught:
        connect(server, database="")

    assert caught.value.code == "database-not-given"
    assert caught.value.message == f"{server.url} has several databases: one, two"
    assert caught.value.hint == "Set OPENSPP_DB, or `database` in the inventory, to one of them."


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(recorded("19.0", "s1-web-db-list-disabled"), id="list_db-is-off"),
        pytest.param(rpc_reply([]), id="none-visible"),
        pytest.param(html_reply(404, "Not Found"), id="route-closed"),
        pytest.param(html_reply(303, headers={"Location": "/web/login"}), id="route-redirected"),
        pytest.param(html_reply(403, "Forbidden"), id="route-forbidden"),
    ],
)
def test_a_server_that_keeps_its_databases_to_itself_needs_a_name(reply: Step) -> None:
    with replay(reply) as server, pytest.raises(LoginError) as caught:
        connect(server, database="")

    assert caught.value.code == "database-not-given"
    assert caught.value.message.endswith("does not list its databases")
    assert "administrator" in caught.value.hint


def test_a_server_that_is_down_is_not_asked_for_a_name() -> None:
    with replay(html_reply(502)) as server, pytest.raises(RemoteMailcfgError) as caught:
        connect(server, database="")

    assert caught.value.code == "unreachable"


# The version, before any login


def version_of(server: ReplayServer) -> str:
    target = server.target(password=None)
    with HttpClient(target) as http:
        return fetch_version(target, http)


def test_the_version_is_told_without_a_login() -> None:
    with replay(recorded("17.0", "jsonrpc-version")) as server:
        assert version_of(server) == "17.0"


def test_a_server_without_the_older_wires_tells_its_version_beside_json2() -> None:
    with replay(html_reply(404, "Not Found"), VERSION_19) as server:
        assert version_of(server) == "19.0"


def test_what_has_no_version_at_all_is_not_odoo() -> None:
    script = (html_reply(404, "Not Found"), html_reply(404, "Not Found"))
    with replay(*script) as server, pytest.raises(RemoteMailcfgError) as caught:
        version_of(server)

    assert caught.value.code == "not-odoo"


def test_a_server_that_is_down_is_asked_for_its_version_once() -> None:
    with replay(json_reply("", status=503)) as server, pytest.raises(RemoteMailcfgError) as caught:
        version_of(server)

    assert caught.value.code == "unreachable"
