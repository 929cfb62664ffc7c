"""`remote-mailcfg audit`: what it finds, what it costs, and how it ends."""

from typing import Any

import pytest

from remote_mailcfg.audit.rules import BOOK
from remote_mailcfg.report.rules import render_rules
from remote_mailcfg.sandbox.database import CLERK
from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import SmtpPeers
from tests.integration.fleet import Fleet
from tests.integration.instance import Instance

WRONG: dict[str, Any] = {
    "smtp_host": "smtp.contract.invalid",
    "smtp_port": 465,
    "smtp_encryption": "none",
    "smtp_user": "mailer",
    "smtp_debug": True,
}


def rules_of(data: dict[str, Any], server_id: int | None) -> set[str]:
    """Return which rules found something of this server, or of none."""
    found = data["findings"]
    return {it["rule"] for it in found if (it["server"] or {"id": None})["id"] == server_id}


def test_the_json_has_exactly_the_keys_of_the_contract(instance: Instance) -> None:
    server_id = instance.add_server(**WRONG)

    data = instance.json("audit", "--no-test").data

    assert data.keys() == {"findings", "skipped"}
    keys = {"rule", "severity", "server", "message", "remedy"}
    assert {frozenset(it) for it in data["findings"]} == {frozenset(keys)}
    assert {frozenset(it) for it in data["skipped"]} == {frozenset({"rule", "because"})}
    servers = [it["server"] for it in data["findings"] if it["rule"] == "smtp-debug"]
    assert {"id": server_id, "name": instance.name()} in servers


def test_what_is_wrong_with_a_server_is_found_and_ends_with_3(instance: Instance) -> None:
    server_id = instance.add_server(**WRONG)

    ran = instance.json("audit", "--no-test")

    wrong = {"port-against-encryption", "sent-in-clear", "smtp-debug", "half-credentials"}
    assert wrong <= rules_of(ran.data, server_id)
    assert ran.result["ok"]
    assert ran.code == 3


def test_rules_that_need_a_role_say_why_they_could_not_look(some_instance: Instance) -> None:
    skipped = some_instance.json("audit", "--no-test").data["skipped"]

    why = {it["rule"]: it["because"] for it in skipped}
    assert why["relay-on-copy"] == (
        "neither OPENSPP_ROLE nor the inventory gives the instance a role"
    )


@pytest.mark.parametrize(
    ("role", "found"),
    [
        ("production", {"neutralized-production"}),
        ("staging", set()),
        ("training", set()),
        ("test", set()),
    ],
)
def test_the_instance_of_the_variables_is_judged_by_its_role(
    some_instance: Instance, role: str, found: set[str]
) -> None:
    with some_instance.parameter("database.is_neutralized", "true"):
        ran = some_instance.json("audit", "--no-test", OPENSPP_ROLE=role)

    rules = {it["rule"] for it in ran.data["findings"]}
    assert rules & {"neutralized-production", "copy-not-neutralized"} == found
    assert {it["because"] for it in ran.data["skipped"] if "role" in it["because"]} == set()


@pytest.mark.parametrize(
    ("fail_on", "code"), [("info", 3), ("warning", 3), ("error", 3), ("critical", 0)]
)
def test_what_is_not_bad_enough_does_not_fail(
    faulty: tuple[Instance, Served], fail_on: str, code: int
) -> None:
    instance, _ = faulty
    instance.add_server(**WRONG)

    assert instance.run("audit", "--no-test", "--fail-on", fail_on).code == code


def test_quiet_says_nothing_of_what_is_not_bad_enough(faulty: tuple[Instance, Served]) -> None:
    instance, _ = faulty
    instance.add_server(**WRONG)

    ran = instance.run("audit", "-q", "--no-test", "--fail-on", "critical")

    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_quiet_tells_what_is_bad_enough(some_instance: Instance) -> None:
    some_instance.add_server(**WRONG)

    ran = some_instance.run("audit", "-q", "--no-test")

    assert "port-against-encryption" in ran.out
    assert ran.code == 3


@pytest.mark.parametrize(
    ("options", "tested"),
    [pytest.param([], True, id="by-default"), pytest.param(["--no-test"], False, id="no-test")],
)
def test_active_servers_are_tested_where_nobody_says_no(
    faulty: tuple[Instance, Served], smtp: SmtpPeers, options: list[str], *, tested: bool
) -> None:
    instance, served = faulty
    instance.add_server(smtp.plain)

    instance.run("audit", *options)

    called = [b"test_smtp_connection" in it.get_data() for it in served.requests]
    assert any(called) is tested


def test_a_test_that_fails_is_no_failure_of_the_audit(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    some_instance.add_server(smtp.refused)

    ran = some_instance.json("audit")

    assert ran.result["ok"]
    assert ran.code in {0, 3}


def test_the_fullest_instance_takes_at_most_18_requests(faulty: tuple[Instance, Served]) -> None:
    instance, served = faulty
    database = served.database
    fields = {"smtp_authentication": "certificate", "smtp_encryption": "ssl"}
    certificate = {"smtp_ssl_certificate": "QQ==", "smtp_ssl_private_key": "QQ=="}
    server_id = database.servers.add(name="Main", smtp_host="x.org", **fields, **certificate)
    served.requests.clear()

    with instance.template(server_id):
        seen = len(served.requests)
        ran = instance.run("audit", "--no-test", OPENSPP_PROTOCOL="auto", OPENSPP_DB="")
        cost = len(served.requests) - seen

    assert ran.code == 3
    assert cost <= 18


def test_a_user_without_the_role_is_told_that_rules_could_not_look(
    faulty: tuple[Instance, Served],
) -> None:
    instance, _ = faulty
    login, password = CLERK
    clerk = {"OPENSPP_LOGIN": login, "OPENSPP_PASSWORD": password, "OPENSPP_API_KEY": ""}

    ran = instance.json("audit", OPENSPP_PROTOCOL="jsonrpc", **clerk)

    assert "servers-not-readable" in rules_of(ran.data, None)
    assert "no-active-server" in {it["rule"] for it in ran.data["skipped"]}
    assert ran.code == 3


def test_an_instance_that_cannot_be_looked_at_is_a_failure_and_the_others_are_reported(
    fleet: Fleet,
) -> None:
    text = fleet.inventory.read_text()
    fleet.inventory.write_text(text.replace("/south", "/nowhere"))

    ran = fleet.json("audit", "--all", "--no-test")

    assert ran.code == 1
    assert [it["ok"] for it in ran.json["results"]] == [True, False, True, True]


def test_csv_has_a_row_for_each_finding(some_instance: Instance) -> None:
    server_id = some_instance.add_server(**WRONG)

    lines = some_instance.run("audit", "--no-test", "-o", "csv").out.splitlines()

    assert lines[0] == "instance,rule,severity,server_id,server_name,message,remedy"
    place, name = some_instance.place, some_instance.name()
    assert any(it.startswith(f"{place},smtp-debug,warning,{server_id},{name},") for it in lines)


def test_the_rule_book_is_shown_without_an_instance(some_instance: Instance) -> None:
    out = some_instance.run("audit", "rules", OPENSPP_URL="").out

    assert all(rule.id in out for rule in BOOK)


def test_the_rule_book_is_shown_as_the_table_of_the_documents(some_instance: Instance) -> None:
    assert some_instance.run("audit", "rules", "--markdown").out == render_rules(BOOK)


def test_a_rule_is_explained(some_instance: Instance) -> None:
    ran = some_instance.run("audit", "explain", "same-priority", OPENSPP_URL="")

    assert ran.code == 0
    assert "Two mail servers for the same senders have one priority" in ran.out
    assert "created first" in ran.out


def test_a_rule_that_does_not_exist_is_wrong_usage(some_instance: Instance) -> None:
    ran = some_instance.run("audit", "explain", "no-such-rule", OPENSPP_URL="")

    assert ran.code == 2
    assert "no-such-rule" in ran.err
