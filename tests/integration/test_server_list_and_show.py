"""`server list` and `server show`."""

from base64 import b64encode

import pytest
import trustme

from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import PASSWORD, SmtpPeers
from tests.integration.instance import Instance

SERVER_KEYS = {
    "id",
    "name",
    "sequence",
    "smtp_encryption",
    "smtp_authentication",
    "smtp_user",
    "smtp_host",
    "smtp_port",
    "from_filter",
    "smtp_ssl_certificate",
    "smtp_ssl_private_key",
    "smtp_debug",
    "max_email_size",
    "active",
    "has_password",
    "default",
    "ours",
}


def test_the_list_shows_archived_servers_too(instance: Instance, smtp: SmtpPeers) -> None:
    instance.add_server(smtp.plain, active=False)
    ran = instance.json("server", "list")
    (shown,) = [it for it in ran.data["servers"] if it["name"] == instance.name()]
    assert (ran.code, shown["active"]) == (0, False)


def test_a_server_has_exactly_the_keys_of_the_contract(instance: Instance, smtp: SmtpPeers) -> None:
    instance.add_server(smtp.plain)
    ran = instance.json("server", "show", instance.name())
    assert ran.data.keys() == {"server", "test"}
    assert ran.data["server"].keys() == SERVER_KEYS


def test_a_server_is_shown_with_odoos_own_values(instance: Instance, smtp: SmtpPeers) -> None:
    server_id = instance.add_server(
        smtp.plain_auth, from_filter="a.example.org, b.example.org", sequence=7
    )
    shown = instance.json("server", "show", str(server_id)).data["server"]
    expected = {
        "id": server_id,
        "name": instance.name(),
        "sequence": 7,
        "smtp_encryption": "none",
        "smtp_authentication": "login",
        "smtp_user": smtp.plain_auth.user,
        "smtp_host": smtp.plain_auth.host,
        "smtp_port": smtp.plain_auth.port,
        "from_filter": "a.example.org, b.example.org",
        "smtp_ssl_certificate": False,
        "smtp_ssl_private_key": False,
        "smtp_debug": False,
        "active": True,
        "has_password": True,
        "ours": None,
    }
    assert shown | expected == shown


@pytest.mark.parametrize("password", [PASSWORD, False], ids=["with", "without"])
def test_the_list_tells_who_has_a_password(
    instance: Instance, smtp: SmtpPeers, *, password: str | bool
) -> None:
    server_id = instance.add_server(smtp.plain, smtp_pass=password)
    servers = {it["id"]: it for it in instance.json("server", "list").data["servers"]}
    assert servers[server_id]["has_password"] is bool(password)


@pytest.mark.usefixtures("alone")
def test_the_first_server_by_priority_is_marked_as_the_default(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    some_instance.add_server(smtp.plain, sequence=9)
    first = some_instance.add_server(smtp.plain, sequence=8)
    servers = some_instance.json("server", "list").data["servers"]
    assert [it["id"] for it in servers if it["default"]] == [first]


def test_a_candidate_that_was_left_behind_is_marked(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    left = f"remote-mailcfg candidate 20260101T000000Z-abcdef: {some_instance.name()}"
    server_id = some_instance.add_server(smtp.plain, name=left, active=False)
    servers = some_instance.json("server", "list").data["servers"]
    some_instance.records.call("ir.mail_server", "unlink", [server_id])
    assert {it["id"]: it["ours"] for it in servers}[server_id] == "candidate"


def test_a_server_that_is_not_there_is_not_found(instance: Instance) -> None:
    ran = instance.json("server", "show", instance.name())
    assert (ran.code, ran.error["code"]) == (1, "not-found")


def test_a_name_that_fits_two_servers_is_refused_with_both_ids(
    instance: Instance, smtp: SmtpPeers
) -> None:
    ids = [instance.add_server(smtp.plain), instance.add_server(smtp.plain, active=False)]
    ran = instance.json("server", "show", instance.name())
    assert (ran.code, ran.error["code"]) == (1, "ambiguous")
    assert all(str(server_id) in ran.error["message"] for server_id in ids)


def test_a_mail_server_without_any_is_an_empty_list(faulty: tuple[Instance, Served]) -> None:
    instance, _sandbox = faulty
    ran = instance.run("server", "list")
    assert (ran.code, "No outgoing mail server." in ran.out) == (0, True)


def test_certificate_and_key_are_shown_as_set(some_instance: Instance, smtp: SmtpPeers) -> None:
    issued = trustme.CA().issue_cert("client.example.org")
    pem, key = issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()
    values = {
        "smtp_authentication": "certificate",
        "smtp_encryption": "starttls",
        "smtp_ssl_certificate": _base64(pem),
        "smtp_ssl_private_key": _base64(key),
    }
    server_id = some_instance.add_server(smtp.starttls_auth, **values)
    shown = some_instance.json("server", "show", str(server_id)).data["server"]
    assert (shown["smtp_ssl_certificate"], shown["smtp_ssl_private_key"]) == (True, True)


def test_people_see_the_labels_of_the_guide(some_instance: Instance, smtp: SmtpPeers) -> None:
    some_instance.add_server(smtp.plain_auth)
    shown = some_instance.run("server", "show", some_instance.name()).out
    labels = ("Name", "Priority", "FROM Filtering", "SMTP Server", "SMTP Port", "Password")
    assert [label for label in labels if label not in shown] == []


def test_people_see_servers_filters_and_what_is_odd_about_each(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    domain = f"{some_instance.token}.example.org"
    some_instance.add_server(smtp.plain, name=some_instance.name("1"), from_filter=domain)
    some_instance.add_server(smtp.plain, name=some_instance.name("2"), smtp_user="no-password")
    some_instance.add_server(smtp.plain, name=some_instance.name("3"), active=False)
    shown = " ".join(some_instance.run("server", "list").out.split())
    for text in (f"only from {domain}", "no-password (no password)", "archived"):
        assert text in shown


@pytest.mark.parametrize(
    ("protocol", "count"), [("jsonrpc", 5), ("xmlrpc", 5), ("json2", 4)], ids=str
)
def test_a_list_takes_few_requests(
    faulty: tuple[Instance, Served], protocol: str, count: int
) -> None:
    instance, sandbox = faulty
    if instance.version == 17 and protocol == "json2":
        pytest.skip("17 has no JSON-2")
    key = sandbox.database.add_api_key(instance.login) if protocol == "json2" else ""
    sandbox.requests.clear()
    ran = instance.json("server", "list", OPENSPP_PROTOCOL=protocol, OPENSPP_API_KEY=key)
    assert ran.code == 0
    assert len(sandbox.requests) == count


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
