import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from remote_mailcfg.errors import LoginError, OdooError, RemoteMailcfgError, TransportError
from remote_mailcfg.rpc.execute_kw import ExecuteKw
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.transport import Access
from remote_mailcfg.rpc.xmlrpc import XmlRpc
from remote_mailcfg.secret import Secret
from tests.recorded import Version
from tests.replay_server import (
    ReplayServer,
    Reply,
    Step,
    html_reply,
    raw_xml,
    recorded,
    replay,
    xml_reply,
)

LOGIN = recorded("17.0", "xml-auth-ok")
ENTITIES = "".join(
    f'<!ENTITY {name} "{f"&{inner};" * 10}">'
    for inner, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMB = (
    f'<?xml version="1.0"?><!DOCTYPE bomb [<!ENTITY a "aaaaaaaaaa">{ENTITIES}]>'
    "<methodResponse><params><param><value><string>&i;</string></value></param></params>"
    "</methodResponse>"
)


@contextmanager
def wire(*script: Step, database: str = "odoo17") -> Iterator[tuple[ExecuteKw, ReplayServer]]:
    with replay(*script) as server, HttpClient(server.target()) as http:
        access = Access(server.url, database, "admin", Secret("admin"))
        yield ExecuteKw(XmlRpc(http, access), access), server


@contextmanager
def logged_in(*script: Step) -> Iterator[tuple[ExecuteKw, ReplayServer]]:
    with wire(LOGIN, *script) as (transport, server):
        transport.log_in()
        yield transport, server


def sent(server: ReplayServer) -> tuple[tuple[Any, ...], str | None]:
    """Return the arguments and the method of the last request."""
    return xmlrpc.client.loads(server.requests[-1].body.decode())


def result(value: str) -> Step:
    return raw_xml(
        f"<methodResponse><params><param><value>{value}</value></param></params></methodResponse>"
    )


def test_a_login_is_one_request_and_tells_the_user() -> None:
    with wire(LOGIN) as (transport, server):
        transport.log_in()

        assert transport.fetch_uid() == 2

    assert server.paths == ["POST /xmlrpc/2/common"]
    assert sent(server) == (("odoo17", "admin", "admin", {}), "authenticate")


def test_it_names_its_wire() -> None:
    with wire() as (transport, _server):
        assert transport.wire == "xmlrpc"


@pytest.mark.parametrize(
    ("version", "name", "code"),
    [
        pytest.param(*row, id=f"{row[0]}-{row[1]}")
        for row in (
            ("17.0", "xml-auth-wrong", "authentication-failed"),
            ("17.0", "totp-xml-authenticate", "authentication-failed"),
            ("17.0", "xml-auth-wrongdb", "database-not-found"),
            ("19.0", "a-xmlrpc2-authenticate-wrongpw", "authentication-failed"),
            ("19.0", "t-xml-authenticate-totp-password", "authentication-failed"),
            ("19.0", "a-xmlrpc2-authenticate-wrongdb", "database-not-found"),
        )
    ],
)
def test_a_refused_login_says_what_was_wrong(version: Version, name: str, code: str) -> None:
    reply = recorded(version, name)
    with wire(reply, database="nodb") as (transport, _server), pytest.raises(LoginError) as caught:
        transport.log_in()

    assert caught.value.code == code


def test_a_method_of_records_gets_the_ids_first() -> None:
    with logged_in(xml_reply(True)) as (transport, server):  # noqa: FBT003 - what Odoo answers
        assert transport.call("ir.mail_server", "write", (5, 6), vals={"name": "n"}) is True

    assert server.requests[-1].path == "/xmlrpc/2/object"
    assert sent(server) == (
        ("odoo17", 2, "admin", "ir.mail_server", "write", [[5, 6]], {"vals": {"name": "n"}}),
        "execute_kw",
    )


def test_a_method_of_a_model_gets_no_positional_argument() -> None:
    with logged_in(xml_reply([1])) as (transport, server):
        assert transport.call("ir.mail_server", "search", domain=[]) == [1]

    assert sent(server)[0][3:] == ("ir.mail_server", "search", [], {"domain": []})


def test_create_gets_its_values_by_position_and_answers_one_id() -> None:
    with logged_in(recorded("17.0", "xml-create")) as (transport, server):
        created = transport.call(
            "ir.mail_server", "create", vals_list={"name": "n"}, context={"lang": "en_US"}
        )

    assert created == 3
    assert sent(server)[0][4:] == ("create", [{"name": "n"}], {"context": {"lang": "en_US"}})


def test_every_call_goes_over_one_connection_and_names_the_database() -> None:
    with logged_in(xml_reply(1), xml_reply(2)) as (transport, server):
        transport.call("ir.mail_server", "search_count", domain=[])
        transport.call("ir.mail_server", "search_count", domain=[])

    assert len(server.connections) == 1
    assert [it.headers["X-Odoo-Database"] for it in server.requests] == ["odoo17"] * 3
    assert {it.headers["Content-Type"] for it in server.requests} == {"text/xml"}


def test_without_a_database_the_header_is_left_out() -> None:
    with wire(recorded("17.0", "xml-version"), database="") as (transport, server):
        assert transport.fetch_version() == "17.0"

    assert server.requests[0].headers["X-Odoo-Database"] is None


@pytest.mark.parametrize(
    "text",
    ["<&>\"']]>", "ὀδοός 数据 🎉", " spaces at the ends ", "line\nbreak\ttab", ""],
    ids=ascii,
)
def test_text_comes_through_both_ways(text: str) -> None:
    with logged_in(xml_reply(text)) as (transport, server):
        came_back = transport.call("ir.mail_server", "search", domain=[["name", "=", text]])

    assert came_back == text
    assert sent(server)[0][-1] == {"domain": [["name", "=", text]]}


@pytest.mark.parametrize(
    ("value", "means"),
    [
        pytest.param("<int>-5</int>", -5, id="int"),
        pytest.param("<boolean>1</boolean>", True, id="boolean"),
        pytest.param("<double>2.5</double>", 2.5, id="double"),
        pytest.param("bare", "bare", id="bare-text"),
        pytest.param("<nil/>", None, id="nil"),
        pytest.param("<string>a&#228;b&amp;</string>", "aäb&", id="references"),
    ],
)
def test_every_kind_of_value_is_read(value: str, means: object) -> None:
    with logged_in(result(value)) as (transport, _server):
        assert transport.call("ir.mail_server", "search", domain=[]) == means


def test_an_answer_in_another_encoding_is_read() -> None:
    text = (
        '<?xml version="1.0" encoding="iso-8859-1"?><methodResponse><params><param>'
        "<value><string>Zoë</string></value></param></params></methodResponse>"
    )
    reply = Reply(content_type="text/xml", body=text.encode("iso-8859-1"))
    with logged_in(reply) as (transport, _server):
        assert transport.call("ir.mail_server", "search", domain=[]) == "Zoë"


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("17.0", "xml-action_archive-None"),
        ("17.0", "xml-action_unarchive"),
        ("17.0", "mail-send-xml"),
        ("19.0", "d2-xml-action_archive"),
        ("19.0", "d2-xml-action_unarchive"),
    ],
)
def test_a_method_that_returns_nothing_is_none(version: Version, name: str) -> None:
    with logged_in(recorded(version, name)) as (transport, _server):
        assert transport.call("ir.mail_server", "action_archive", (1,)) is None


@pytest.mark.parametrize(
    ("version", "name", "code", "words"),
    [
        pytest.param(*row, id=f"{row[0]}-{row[1]}")
        for row in (
            ("17.0", "xml-execute-wrongpw", "authentication-failed", "'admin' was refused"),
            ("17.0", "xml-execute-wronguid", "not-found", "Record does not exist"),
            ("17.0", "xml-clerk-search_read", "access-denied", "You are not allowed to access"),
            ("17.0", "xml-archive-in-use", "refused-by-odoo", "it is still used in"),
            ("17.0", "xml-create-bad-unknown-field", "refused-by-odoo", "Invalid field 'smtp_h"),
            ("17.0", "xml-create-bad-missing-name", "refused-by-odoo", "a mandatory field"),
            ("17.0", "xml-method-unknown", "refused-by-odoo", "The method 'nope' does not exist"),
            ("17.0", "xml-model-unknown", "refused-by-odoo", "doesn't exist"),
            ("17.0", "xml-unknown-common", "refused-by-odoo", "Method not found: nope"),
            ("17.0", "mail-send-raise-xml", "refused-by-odoo", "Unable to connect to SMTP Server"),
            ("17.0", "test-xml-refused", "refused-by-odoo", "[Errno 111] Connection refused"),
            ("19.0", "a-xmlrpc2-execute-wrongpw", "authentication-failed", "was refused"),
            ("19.0", "t-xml-exec-totp-password", "authentication-failed", "was refused"),
            ("19.0", "c-bob-xml-write", "access-denied", "You are not allowed to modify"),
            ("19.0", "e-unknown-field-write-xmlrpc", "refused-by-odoo", "Invalid field 'nosuch'"),
            ("19.0", "e-private-method-xmlrpc", "access-denied", "Private methods"),
            ("19.0", "f-xmlrpc-make_key", "refused-by-odoo", "only be accessed over HTTP"),
        )
    ],
)
def test_a_refused_call_keeps_odoos_words_and_no_traceback(
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


def test_a_fault_of_an_unknown_code_keeps_its_text() -> None:
    fault = xmlrpc.client.Fault(77, "something new")
    with (
        logged_in(xml_reply(fault)) as (transport, _server),
        pytest.raises(OdooError, match=r"^something new$") as caught,
    ):
        transport.call("ir.mail_server", "unlink", (1,))

    assert caught.value.code == "refused-by-odoo"


def test_an_entity_bomb_is_refused() -> None:
    with (
        wire(raw_xml(BOMB)) as (transport, _server),
        pytest.raises(TransportError, match="document type is not allowed") as caught,
    ):
        transport.fetch_version()

    assert caught.value.code == "not-odoo"


@pytest.mark.parametrize(
    "document_type",
    [
        pytest.param("<!DOCTYPE methodResponse>", id="empty"),
        pytest.param('<!DOCTYPE x SYSTEM "file:///etc/hostname">', id="external-subset"),
        pytest.param(
            '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>', id="external-entity"
        ),
    ],
)
def test_every_document_type_is_refused(document_type: str) -> None:
    text = f'<?xml version="1.0"?>{document_type}<methodResponse/>'
    with (
        wire(raw_xml(text)) as (transport, _server),
        pytest.raises(TransportError, match="document type is not allowed"),
    ):
        transport.fetch_version()


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(raw_xml(""), id="empty"),
        pytest.param(raw_xml("<methodResponse><params>"), id="cut-off"),
        pytest.param(raw_xml("<html/>"), id="other-xml"),
        pytest.param(raw_xml("<methodResponse><params/></methodResponse>"), id="no-value"),
        pytest.param(raw_xml("<methodResponse>&undefined;</methodResponse>"), id="entity"),
        pytest.param(result("<int>many</int>"), id="no-number"),
        pytest.param(result("<base64>a</base64>"), id="no-base64"),
        pytest.param(
            raw_xml("<methodResponse><fault><value><int>1</int></value></fault></methodResponse>"),
            id="fault-without-parts",
        ),
        pytest.param(html_reply(200, "Welcome"), id="page"),
        pytest.param(html_reply(404, "Not Found"), id="no-such-route"),
        pytest.param(Reply(500, "text/xml", b"<methodResponse/>"), id="server-error"),
        pytest.param(recorded("17.0", "jsonrpc-version"), id="json"),
    ],
)
def test_what_is_no_method_response_is_not_odoo(reply: Step) -> None:
    with wire(reply) as (transport, _server), pytest.raises(TransportError) as caught:
        transport.log_in()

    assert caught.value.code == "not-odoo"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(html_reply(502), "unreachable", id="bad-gateway"),
        pytest.param(html_reply(429), "rate-limited", id="rate-limit"),
        pytest.param(
            html_reply(401, headers={"WWW-Authenticate": "Basic"}), "http-basic-required", id="gate"
        ),
        pytest.param(html_reply(301, headers={"Location": "/x"}), "redirected", id="redirect"),
    ],
)
def test_what_a_proxy_says_is_told_apart(reply: Step, code: str) -> None:
    with wire(reply) as (transport, _server), pytest.raises(RemoteMailcfgError) as caught:
        transport.log_in()

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
