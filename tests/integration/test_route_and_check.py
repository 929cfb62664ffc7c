"""`route` and `check`."""

from datetime import UTC, datetime, timedelta

import pytest

from remote_mailcfg.sandbox.database import ADMIN, CLERK
from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import SmtpPeers
from tests.integration.instance import Instance

STEPS = ["reach", "version", "login", "role", "developer-mode", "menu", "servers", "test", "queue"]


def test_a_filter_that_matches_decides_before_the_priority(
    instance: Instance, smtp: SmtpPeers
) -> None:
    domain = f"{instance.token}.example.org"
    instance.add_server(smtp.plain, name=instance.name("first"), sequence=0)
    server_id = instance.add_server(smtp.plain, from_filter=domain, sequence=99)
    ran = instance.json("route", f"office@{domain}")
    assert ran.data.keys() == {"server", "sender", "why"}
    assert (ran.code, ran.data["server"]["id"]) == (0, server_id)
    assert ran.data["sender"] == f"office@{domain}"
    assert domain in ran.data["why"]


@pytest.mark.usefixtures("alone")
def test_a_sender_that_no_filter_matches_goes_through_the_default_server(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = some_instance.add_server(smtp.plain)
    ran = some_instance.json("route", "office@elsewhere.example.net")
    assert (ran.data["server"]["id"], ran.data["server"]["default"]) == (server_id, True)


@pytest.mark.usefixtures("alone")
def test_without_a_server_odoo_uses_its_own_configuration(some_instance: Instance) -> None:
    ran = some_instance.json("route", "office@example.org")
    assert (ran.code, ran.data["server"]) == (0, None)
    assert "odoo.conf" in ran.data["why"]


def test_people_are_told_the_route_in_words(some_instance: Instance, smtp: SmtpPeers) -> None:
    domain = f"{some_instance.token}.example.org"
    some_instance.add_server(smtp.plain, from_filter=domain)
    ran = some_instance.run("route", f"office@{domain}")
    assert ran.out.startswith(f"Mail from office@{domain} goes through server ")
    assert "\nWhy: " in ran.out


@pytest.mark.usefixtures("alone")
def test_a_healthy_instance_passes_every_step(instance: Instance, smtp: SmtpPeers) -> None:
    instance.add_server(smtp.plain)
    ran = instance.json("check")
    assert ran.data.keys() == {"version", "openspp", "protocol", "steps"}
    assert [step["step"] for step in ran.data["steps"]] == STEPS
    assert [step for step in ran.data["steps"] if not step["ok"]] == []
    assert (ran.code, ran.data["protocol"]) == (0, instance.protocol)
    assert ran.data["version"].startswith(str(instance.version))


def test_a_step_has_exactly_the_keys_of_the_contract(some_instance: Instance) -> None:
    for step in some_instance.json("check").data["steps"]:
        assert step.keys() == {"step", "ok", "detail", "hint"}


@pytest.mark.usefixtures("alone")
def test_an_instance_without_a_mail_server_is_not_ok(some_instance: Instance) -> None:
    ran = some_instance.json("check")
    steps = {step["step"]: step for step in ran.data["steps"]}
    assert (ran.code, ran.error["code"]) == (1, "check-failed")
    assert (steps["servers"]["ok"], steps["test"]["ok"]) == (False, None)


@pytest.mark.usefixtures("alone")
def test_a_mail_server_that_fails_is_not_ok(some_instance: Instance, smtp: SmtpPeers) -> None:
    some_instance.add_server(smtp.refused)
    ran = some_instance.json("check")
    (step,) = [it for it in ran.data["steps"] if it["step"] == "test"]
    assert (ran.code, step["ok"]) == (1, False)
    assert "Connection refused" in step["detail"]
    assert step["hint"]


def test_a_wrong_password_is_told_at_its_step_and_the_later_ones_are_not_tried(
    instance: Instance,
) -> None:
    ran = instance.json("check", OPENSPP_PASSWORD="nope-1", OPENSPP_API_KEY="0" * 40)
    outcomes = {step["step"]: step["ok"] for step in ran.data["steps"]}
    assert ran.code == 1
    assert outcomes == dict.fromkeys(STEPS) | {"reach": True, "version": True, "login": False}


def test_an_address_where_nothing_listens_is_told_at_the_first_step(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    url = f"http://{smtp.refused.host}:{smtp.refused.port}"
    ran = some_instance.json("check", OPENSPP_URL=url)
    outcomes = {step["step"]: step["ok"] for step in ran.data["steps"]}
    assert (ran.code, outcomes) == (1, dict.fromkeys(STEPS) | {"reach": False})


def test_with_a_key_alone_developer_mode_is_not_tried(instance: Instance) -> None:
    if not instance.api_key:
        pytest.skip("this place logs in with a password")
    steps = {it["step"]: it for it in instance.json("check", OPENSPP_PASSWORD="").data["steps"]}
    assert (steps["developer-mode"]["ok"], steps["menu"]["ok"]) == (None, None)


def test_people_see_each_step_with_the_next_one_to_take(some_instance: Instance) -> None:
    ran = some_instance.run("check", OPENSPP_DB="no-such-database")
    assert "Check OPENSPP_DB" in ran.out
    assert "not tried: an earlier step is not ok" in ran.out


def test_what_answers_but_is_not_odoo_is_told_at_the_version(
    faulty: tuple[Instance, Served],
) -> None:
    instance, _sandbox = faulty
    ran = instance.json("check", OPENSPP_URL=f"{instance.url}/elsewhere")
    outcomes = {step["step"]: step["ok"] for step in ran.data["steps"]}
    assert outcomes == dict.fromkeys(STEPS) | {"reach": True, "version": False}


def test_a_user_without_the_role_is_told_at_its_step(faulty: tuple[Instance, Served]) -> None:
    instance, _sandbox = faulty
    ran = instance.json("check", OPENSPP_LOGIN=CLERK[0], OPENSPP_PASSWORD=CLERK[1])
    outcomes = {step["step"]: step["ok"] for step in ran.data["steps"]}
    assert (ran.code, outcomes["login"], outcomes["role"], outcomes["queue"]) == (
        1,
        True,
        False,
        None,
    )


def test_a_key_of_somebody_else_is_told_at_the_login(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    if instance.version < 19:
        pytest.skip("17 has no JSON-2")
    key = sandbox.database.add_api_key(CLERK[0])
    ran = instance.json("check", OPENSPP_API_KEY=key, OPENSPP_PROTOCOL="json2")
    steps = {step["step"]: step for step in ran.data["steps"]}
    assert steps["login"]["ok"] is False
    assert f"OPENSPP_LOGIN={CLERK[0]}" in steps["login"]["hint"]


def test_an_instance_with_openspp_is_told_from_plain_odoo(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    sandbox.database.models["ir.module.module"].add(name="spp_security", state="installed")
    assert instance.json("check").data["openspp"] is True
    assert "with OpenSPP" in instance.run("check").out


def test_a_menu_that_is_hidden_is_not_ok(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    sandbox.odoo.hides_menu = True
    steps = {it["step"]: it for it in instance.json("check").data["steps"]}
    assert (steps["developer-mode"]["ok"], steps["menu"]["ok"]) == (True, False)


@pytest.mark.parametrize(
    ("cron", "mail", "found"),
    [
        ({"active": False}, {}, "'Mail: Email Queue Manager' is not active"),
        ({"nextcall": "2020-01-01 00:00:00"}, {}, "should have run"),
        ({}, {"create_date": "2020-01-01 00:00:00"}, "1 waiting, 0 failed\n1 mail(s) wait"),
        ({}, {"scheduled_date": "2020-01-01 00:00:00"}, "1 waiting, 0 failed\n1 mail(s) wait"),
        ({}, {"state": "exception"}, "0 waiting, 1 failed"),
    ],
    ids=["cron-off", "cron-late", "mail-waits", "scheduled-mail-waits", "mail-failed"],
)
def test_a_queue_that_does_not_move_is_not_ok(
    faulty: tuple[Instance, Served], cron: dict[str, object], mail: dict[str, object], found: str
) -> None:
    instance, sandbox = faulty
    sandbox.database.models["ir.cron"].rows[3].update(cron)
    if mail:
        sandbox.database.models["mail.mail"].add(**mail)
    (step,) = [it for it in instance.json("check").data["steps"] if it["step"] == "queue"]
    assert (step["ok"], found in step["detail"]) == (False, True), step
    assert step["hint"]


def test_a_mail_that_is_scheduled_for_later_does_not_wait(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    instance.add_server(smtp.plain)
    past, now = "2020-01-01 00:00:00", datetime.now(UTC)
    for due in (now + timedelta(days=30), now - timedelta(minutes=5)):
        mail = {"create_date": past, "scheduled_date": f"{due:%Y-%m-%d %H:%M:%S}"}
        sandbox.database.mails.add(**mail)

    ran = instance.json("check")
    findings = instance.json("audit").data["findings"]

    (step,) = [it for it in ran.data["steps"] if it["step"] == "queue"]
    assert (ran.code, step["ok"], step["detail"]) == (0, True, "1 waiting, 0 failed")
    assert [it for it in findings if it["rule"] == "mails-wait"] == []


def test_on_a_neutralized_copy_check_and_audit_want_no_mail_to_leave(
    faulty: tuple[Instance, Served],
) -> None:
    instance, sandbox = faulty
    _neutralize(sandbox)
    sandbox.database.mails.add(create_date="2020-01-01 00:00:00")
    sandbox.database.mails.add(state="exception", failure_reason="Name or service not known")

    ran = instance.json("check")
    findings = instance.json("audit", "--fail-on", "info").data["findings"]

    steps = {it["step"]: it for it in ran.data["steps"]}
    assert [(it, steps[it]["ok"]) for it in ("servers", "test", "queue")] == [
        ("servers", True),
        ("test", True),
        ("queue", True),
    ]
    assert (ran.code, {it["hint"] for it in steps.values()}) == (0, {""})
    assert "is meant to fail" in steps["test"]["detail"]
    advice = " ".join(it["remedy"] for it in findings)
    assert "Activate" not in advice
    assert "retry" not in advice
    assert {"mails-wait", "mails-failed", "test-failed", "queue-cron-off"}.isdisjoint(
        it["rule"] for it in findings
    )


def _neutralize(sandbox: Served) -> None:
    """Do what `odoo-bin neutralize` does (base and mail: neutralize.sql)."""
    database = sandbox.database
    database.parameters.set_value("database.is_neutralized", "true")
    for row in (*database.servers.rows.values(), *database.crons.rows.values()):
        row["active"] = row["id"] == 1 and row in database.crons.rows.values()
    stub = {"name": "neutralization - disable emails", "smtp_host": "invalid", "smtp_port": 1025}
    database.servers.add(**stub, smtp_encryption="none", active=True)


def test_a_session_opened_by_a_check_is_ended(faulty: tuple[Instance, Served]) -> None:
    instance, sandbox = faulty
    assert instance.login == ADMIN[0]
    instance.run("check")
    assert [it for it in sandbox.odoo.sessions.values() if it.uid] == []
    assert [path for path in instance.state_files() if path.parent.name == "sessions"] == []


@pytest.mark.parametrize("address", ["", "not an address", "a@b.example, c@d.example"])
def test_a_route_is_of_one_address(some_instance: Instance, address: str) -> None:
    ran = some_instance.json("route", address)
    assert (ran.code, ran.error["code"]) == (2, "invalid-value")
