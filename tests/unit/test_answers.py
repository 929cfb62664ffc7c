import pytest
from urllib3 import HTTPHeaderDict

from remote_mailcfg.errors import OdooError, RemoteMailcfgError, TransportError
from remote_mailcfg.instance.instance import open_instance
from remote_mailcfg.instance.mail_servers import fetch_capabilities, fetch_servers
from remote_mailcfg.instance.parameters import fetch_parameters
from remote_mailcfg.rpc.answers import text
from remote_mailcfg.rpc.connection import find_database
from remote_mailcfg.rpc.faults import check_answer
from remote_mailcfg.rpc.http import Answer, CookieJar, HttpClient
from remote_mailcfg.rpc.transport import Access
from remote_mailcfg.rpc.web import WebSession
from remote_mailcfg.secret import Secret
from tests.fake_transport import FakeTransport, make_instance
from tests.replay_server import (
    Reply,
    Step,
    json_reply,
    raw_xml,
    replay,
    rpc_reply,
    xml_reply,
)

UNKNOWN_ENCODING = '<?xml version="1.0" encoding="x-nobodys"?><methodResponse/>'
FAULT = "<methodResponse><fault>{}</fault></methodResponse>"
LIST = "<value><array><data><value><int>1</int></value></data></array></value>"
MEMBER = "<member><name>{}</name>{}</member>"


def ask(reply: Step, protocol: str) -> str:
    """Return the text that a logged-in call answers with."""
    login = {"jsonrpc": rpc_reply(2), "xmlrpc": xml_reply(2)}
    script = (*([login[protocol]] if protocol in login else []), reply)
    with replay(*script) as server:
        key = Secret("k" * 40) if protocol == "json2" else None
        target = server.target(protocol=protocol, api_key=key)
        with open_instance(target) as instance:
            answer: str = instance.call("res.users", "search_read", domain=[], expect=text)
            return answer


@pytest.mark.parametrize("half", ["\\ud800", "\\uDFFF", "a\\udc00b"])
@pytest.mark.parametrize("protocol", ["jsonrpc", "json2"])
def test_half_a_surrogate_in_json_is_replaced(half: str, protocol: str) -> None:
    body = f'"{half}"' if protocol == "json2" else f'{{"jsonrpc": "2.0", "result": "{half}"}}'

    found = ask(Reply(body=body.encode()), protocol)

    assert "\ufffd" in found
    found.encode()


@pytest.mark.parametrize("half", ["&#xD800;", "&#xdfff;", "&#55296;"])
def test_half_a_surrogate_in_xml_is_replaced(half: str) -> None:
    value = f"<params><param><value><string>a{half}b</string></value></param></params>"

    assert ask(raw_xml(f"<methodResponse>{value}</methodResponse>"), "xmlrpc") == "a\ufffdb"


def test_a_whole_surrogate_pair_and_its_spelling_stay() -> None:
    body = rb'{"jsonrpc": "2.0", "result": "\ud83d\ude00 \\ud800"}'

    assert ask(Reply(body=body), "jsonrpc") == "\U0001f600 \\ud800"


def test_half_a_surrogate_in_a_web_session_is_replaced() -> None:
    body = rb'{"jsonrpc": "2.0", "result": {"\ud800": [["\udfff"]]}}'

    with replay(Reply(body=body)) as server, HttpClient(server.target()) as http:
        session = WebSession(http, server.target(), CookieJar())
        session.fetch_info()

    assert session.info["\ufffd"] == [["\ufffd"]]


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    assert ask(Reply(body=b'{"jsonrpc": "2.0", "result": "\xed\xa0\x80"}'), "jsonrpc")


@pytest.mark.parametrize(
    ("reply", "protocol"),
    [
        pytest.param(raw_xml(UNKNOWN_ENCODING), "xmlrpc", id="unknown-encoding"),
        pytest.param(raw_xml(FAULT.format(LIST)), "xmlrpc", id="fault-is-a-list"),
        pytest.param(
            raw_xml(
                FAULT.format(
                    "<value><struct>"
                    + MEMBER.format("faultCode", LIST)
                    + MEMBER.format("faultString", LIST)
                    + "</struct></value>"
                )
            ),
            "xmlrpc",
            id="fault-of-lists",
        ),
        pytest.param(
            raw_xml("<params><param><value><bigdecimal>x</bigdecimal></value></param></params>"),
            "xmlrpc",
            id="decimal",
        ),
        pytest.param(
            json_reply({"jsonrpc": "2.0", "error": {"data": {"name": [], "message": {}}}}),
            "jsonrpc",
            id="error-of-lists",
        ),
        pytest.param(json_reply({"name": 1, "message": 2}, status=422), "json2", id="refusal"),
        pytest.param(rpc_reply([1]), "jsonrpc", id="wrong-type"),
    ],
)
def test_an_answer_of_another_shape_is_not_odoo(reply: Step, protocol: str) -> None:
    with pytest.raises(RemoteMailcfgError) as caught:
        ask(reply, protocol)

    assert caught.value.code == "not-odoo"


def test_a_redirect_to_what_is_no_address_is_not_odoo() -> None:
    headers = HTTPHeaderDict({"location": "http://[half"})
    access = Access("http://odoo.example", "odoo17", "admin", Secret(""))

    with pytest.raises(TransportError) as caught:
        check_answer(Answer(302, headers, b""), "http://odoo.example/jsonrpc", access)

    assert caught.value.code == "not-odoo"


@pytest.mark.parametrize("names", [5, "x", [5], {}])
def test_databases_that_are_no_list_of_names_are_not_odoo(names: object) -> None:
    with (
        replay(rpc_reply(names)) as server,
        HttpClient(server.target()) as http,
        pytest.raises(TransportError) as caught,
    ):
        find_database(server.target(), http)

    assert caught.value.code == "not-odoo"


def test_the_error_names_the_call_and_the_types_and_never_the_value() -> None:
    instance = make_instance(FakeTransport(lambda _call: [{"key": "k", "value": "v", "id": 1}, 7]))

    with pytest.raises(TransportError) as caught:
        fetch_parameters(instance, "k")

    assert caught.value.message == (
        "https://registry.example.org answered ir.config_parameter.search_read with a number"
        " for an item of the list; expected an object"
    )


@pytest.mark.parametrize(
    ("value", "means"), [(True, "True"), (5, "5"), (False, ""), ("x", "x"), (None, "")]
)
def test_a_parameter_may_have_a_value_of_any_type(value: object, means: str) -> None:
    instance = make_instance(FakeTransport(lambda _call: [{"id": 1, "key": "k", "value": value}]))

    assert fetch_parameters(instance, "k") == {"k": means}


def test_a_field_that_the_instance_does_not_have_is_as_a_new_records() -> None:
    answers = {
        "fields_get": {"active": {"type": "boolean"}, "smtp_encryption": {"selection": False}},
        "search_read": [{"id": 3, "active": True, "smtp_encryption": "none"}],
        "search": [],
    }
    instance = make_instance(FakeTransport(lambda call: answers[call.method]))

    (found,) = fetch_servers(instance, fetch_capabilities(instance))

    assert (found.id, found.name, found.smtp_port, found.smtp_authentication) == (
        3,
        "",
        25,
        "login",
    )


def test_what_odoo_refuses_stays_its_refusal() -> None:
    refusal = {"name": "odoo.exceptions.UserError", "message": "No"}

    with pytest.raises(OdooError, match="No"):
        ask(json_reply(refusal, status=422), "json2")
