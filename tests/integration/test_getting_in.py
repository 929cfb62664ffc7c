"""Which database and protocol, and what stands in the way of a login."""

import pytest

from remote_mailcfg.sandbox.database import ADMIN, CLERK
from remote_mailcfg.sandbox.misbehaviour import Kind, Misbehaviour
from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import SmtpPeers
from tests.integration.instance import Instance
from tests.sandbox import sandbox


def test_the_only_database_is_taken_where_none_is_given(instance: Instance) -> None:
    ran = instance.json("server", "list", OPENSPP_DB="")
    assert (ran.code, ran.result["ok"]) == (0, True)


def test_an_unknown_database_is_told(instance: Instance) -> None:
    ran = instance.json("server", "list", OPENSPP_DB="no-such-database")
    assert (ran.code, ran.error["code"]) == (1, "database-not-found")


def test_a_wrong_credential_is_one_error_with_the_next_step(instance: Instance) -> None:
    ran = instance.json("server", "list", OPENSPP_PASSWORD="nope-1", OPENSPP_API_KEY="")
    if instance.protocol == "json2":
        ran = instance.json("server", "list", OPENSPP_API_KEY="0" * 40)
    assert (ran.code, ran.error["code"]) == (1, "authentication-failed")
    assert "two-factor" in ran.error["hint"]


def test_an_address_where_nothing_listens_is_unreachable(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    url = f"http://{smtp.refused.host}:{smtp.refused.port}"
    ran = some_instance.json("server", "list", OPENSPP_URL=url)
    assert (ran.code, ran.error["code"]) == (1, "unreachable")


def test_auto_takes_json2_where_there_is_one_and_a_key(instance: Instance) -> None:
    if not instance.api_key:
        pytest.skip("this place logs in with a password")
    assert instance.json("check", OPENSPP_PROTOCOL="auto").data["protocol"] == "json2"


def test_auto_takes_json_rpc_with_a_password(instance: Instance) -> None:
    ran = instance.json("check", OPENSPP_PROTOCOL="auto", OPENSPP_API_KEY="")
    assert ran.data["protocol"] == "jsonrpc"


@pytest.mark.parametrize("wire", ["jsonrpc", "xmlrpc"])
def test_an_api_key_stands_for_the_password_on_the_older_wires(
    instance: Instance, wire: str
) -> None:
    if not instance.api_key:
        pytest.skip("this place logs in with a password")
    ran = instance.json("server", "list", OPENSPP_PROTOCOL=wire, OPENSPP_PASSWORD="")
    assert ran.code == 0


def test_17_has_no_json2_and_auto_knows(faulty: tuple[Instance, Served]) -> None:
    instance, server = faulty
    if instance.version >= 19:
        pytest.skip("19 has JSON-2")
    key = server.database.add_api_key(ADMIN[0])
    ran = instance.json("check", OPENSPP_PROTOCOL="auto", OPENSPP_API_KEY=key)
    assert ran.data["protocol"] == "jsonrpc"


def test_a_user_without_the_role_is_denied_with_the_next_step(
    faulty: tuple[Instance, Served],
) -> None:
    instance, _server = faulty
    ran = instance.json("server", "list", OPENSPP_LOGIN=CLERK[0], OPENSPP_PASSWORD=CLERK[1])
    assert (ran.code, ran.error["code"]) == (1, "access-denied")
    assert "System Admin" in ran.error["hint"]


@pytest.mark.parametrize("lists", [True, False], ids=["listed", "kept-back"])
def test_several_databases_are_listed_where_the_server_does(*, lists: bool) -> None:
    with sandbox(19, ("one", "two")) as server:
        server.odoo.lists_databases = lists
        instance = _instance(server, database="")
        ran = instance.json("server", "list")
    assert (ran.code, ran.error["code"]) == (1, "database-not-given")
    assert ("one, two" in ran.error["message"]) == lists


@pytest.mark.parametrize("version", [17, 19])
def test_developer_mode_works_with_several_databases(version: int) -> None:
    with sandbox(17 if version == 17 else 19, ("one", "two")) as server:
        instance = _instance(server, database="one")
        assert instance.json("debug", "on").data["mode"] == "1"
        server.odoo.sessions.clear()
        assert instance.json("debug", "status").data["mode"] == ""


def test_a_connection_that_breaks_is_unreachable(faulty: tuple[Instance, Served]) -> None:
    instance, server = faulty
    server.misbehaving.switch_to(Misbehaviour(Kind.RESET))
    ran = instance.json("server", "list")
    server.misbehaving.switch_to()  # what runs after the test looks at what is left
    assert (ran.code, ran.error["code"]) == (1, "unreachable")


def test_a_connection_that_breaks_once_under_a_read_is_opened_anew(
    faulty: tuple[Instance, Served],
) -> None:
    instance, server = faulty
    server.database.switches.break_before["ir.mail_server.fields_get"] = False
    assert instance.json("server", "list").code == 0


def test_an_instance_that_hangs_runs_into_the_time_limit(
    faulty: tuple[Instance, Served],
) -> None:
    instance, server = faulty
    server.database.switches.break_before["ir.mail_server.fields_get"] = True
    ran = instance.json("server", "list", OPENSPP_TIMEOUT="0.3")
    assert (ran.code, ran.error["code"]) == (1, "timeout")


def _instance(server: Served, *, database: str) -> Instance:
    return Instance(
        url=server.url,
        database=database,
        login=ADMIN[0],
        password=ADMIN[1],
        api_key="",
        protocol="jsonrpc",
        version=server.odoo.version,
        token="unused",
        sandbox=server,
    )
