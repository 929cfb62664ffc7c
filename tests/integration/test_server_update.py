"""`server update`: proved on a copy; the live record stays as it is where that fails."""

from pathlib import Path

import pytest

from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import PASSWORD, SmtpPeers
from tests.integration.instance import Instance
from tests.integration.terminal import on_terminal


def test_a_changed_connection_is_written_once_a_copy_passed_the_test(
    instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = instance.add_server(smtp.refused)
    words = ("--smtp-port", str(smtp.plain.port))
    ran = instance.json("server", "update", instance.name(), *words)
    assert (ran.code, ran.data["test"]["ok"], ran.data["test"]["id"]) == (0, True, server_id)
    assert [it["smtp_port"] for it in instance.all_of_test()] == [smtp.plain.port]


def test_a_failed_proof_leaves_the_live_server_as_it_was(
    instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = instance.add_server(smtp.plain_auth)
    before = instance.all_of_test()
    words = ("--smtp-port", str(smtp.refused.port), "--sequence", "3")
    ran = instance.json("server", "update", str(server_id), *words)
    assert (ran.code, ran.error["code"], ran.error["test"]["cause"]) == (
        1,
        "test-failed",
        "refused",
    )
    assert instance.all_of_test() == before


def test_a_refused_password_leaves_the_old_one_working(instance: Instance, smtp: SmtpPeers) -> None:
    server_id = instance.add_server(smtp.plain_auth)
    ran = instance.json("server", "update", str(server_id), SMTP_PASS="wrong-pass-1")
    assert (ran.code, ran.error["test"]["cause"]) == (1, "authentication-refused")
    smtp.plain_auth.senders.clear()
    assert instance.json("server", "test", str(server_id)).code == 0
    assert smtp.plain_auth.senders, "the server logged in with the old password"


def test_a_new_password_is_written(instance: Instance, smtp: SmtpPeers) -> None:
    server_id = instance.add_server(smtp.plain_auth, smtp_pass="old-pass-1")
    ran = instance.json("server", "update", str(server_id), SMTP_PASS=PASSWORD)
    assert (ran.code, ran.data["test"]["ok"]) == (0, True)
    assert instance.server(server_id)["smtp_pass"] == PASSWORD


def test_a_password_of_the_dotenv_file_does_not_slip_into_an_update(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = some_instance.add_server(smtp.plain_auth)
    Path(".env").write_text("SMTP_PASS=from-the-file\n")
    assert some_instance.run("server", "update", str(server_id), "--sequence", "4").code == 0
    assert some_instance.server(server_id)["smtp_pass"] == PASSWORD


def test_user_and_password_can_be_cleared(instance: Instance, smtp: SmtpPeers) -> None:
    server_id = instance.add_server(smtp.plain, smtp_user="someone", smtp_pass=PASSWORD)
    words = ("--smtp-user", "", "--no-smtp-pass")
    ran = instance.json("server", "update", str(server_id), *words)
    assert (ran.code, ran.data["server"]["has_password"]) == (0, False)
    assert instance.server(server_id)["smtp_pass"] is False


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (("--sequence", "2"), "sequence", 2),
        (("--smtp-debug",), "smtp_debug", True),
    ],
    ids=["sequence", "smtp_debug"],
)
def test_what_the_connection_does_not_depend_on_is_written_without_a_test(
    some_instance: Instance, smtp: SmtpPeers, words: tuple[str, ...], field: str, value: object
) -> None:
    server_id = some_instance.add_server(smtp.refused)
    ran = some_instance.json("server", "update", str(server_id), *words)
    assert (ran.code, ran.data["test"], some_instance.server(server_id)[field]) == (0, None, value)
    assert "no test" in ran.err


def test_a_server_is_renamed(instance: Instance, smtp: SmtpPeers) -> None:
    server_id = instance.add_server(smtp.plain)
    new = instance.name("renamed")
    assert instance.run("server", "update", instance.name(), "--name", new).code == 0
    assert instance.server(server_id)["name"] == new


def test_no_test_writes_an_unproved_connection_and_says_so(
    instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = instance.add_server(smtp.plain)
    words = ("--smtp-port", str(smtp.refused.port), "--no-test")
    ran = instance.run("server", "update", str(server_id), *words)
    assert (ran.code, instance.server(server_id)["smtp_port"]) == (0, smtp.refused.port)
    assert "--no-test: the connection is not proved" in ran.err


def test_values_that_are_there_already_are_not_written(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = some_instance.add_server(smtp.plain, sequence=6)
    ran = some_instance.json("server", "update", str(server_id), "--sequence", "6")
    assert (ran.code, ran.data["server"]["sequence"]) == (0, 6)
    assert "nothing is written" in ran.err


def test_an_update_without_a_value_is_a_usage_error(some_instance: Instance) -> None:
    ran = some_instance.json("server", "update", "1")
    assert (ran.code, ran.error["code"]) == (2, "missing-value")


def test_a_password_that_nobody_can_be_asked_for_is_a_usage_error(some_instance: Instance) -> None:
    ran = some_instance.json("server", "update", "1", "--smtp-pass")
    assert (ran.code, ran.error["code"]) == (2, "missing-value")


def test_invalid_values_change_nothing(some_instance: Instance, smtp: SmtpPeers) -> None:
    server_id = some_instance.add_server(smtp.plain)
    before = some_instance.server(server_id)
    words = ("--smtp-port", "0", "--smtp-host", "two words")
    ran = some_instance.json("server", "update", str(server_id), *words)
    assert (ran.code, ran.error["code"]) == (2, "invalid-value")
    assert some_instance.server(server_id) == before


def test_a_server_that_is_not_there_is_not_found(some_instance: Instance) -> None:
    ran = some_instance.json("server", "update", some_instance.name(), "--sequence", "1")
    assert (ran.code, ran.error["code"]) == (1, "not-found")


def test_a_backup_is_not_updated(some_instance: Instance, smtp: SmtpPeers) -> None:
    left = f"remote-mailcfg backup 20260101T000000Z-abcdef: {some_instance.name()}"
    server_id = some_instance.add_server(smtp.plain, name=left, active=False)
    ran = some_instance.json("server", "update", str(server_id), "--sequence", "1")
    some_instance.records.call("ir.mail_server", "unlink", [server_id])
    assert (ran.code, ran.error["code"]) == (2, "invalid-value")


def test_a_server_whose_connection_comes_from_odoo_conf_keeps_it(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = some_instance.add_server(smtp.plain, smtp_authentication="cli")
    ran = some_instance.json("server", "update", str(server_id), "--smtp-host", "other.example.org")
    assert (ran.code, ran.error["code"]) == (2, "invalid-value")


def test_a_personal_server_is_not_changed(some_instance: Instance, smtp: SmtpPeers) -> None:
    if some_instance.version < 19:
        pytest.skip("17 has no personal servers")
    server_id = some_instance.add_server(smtp.plain, owner_user_id=some_instance.records.uid)
    ran = some_instance.json("server", "update", str(server_id), "--sequence", "1")
    assert (ran.code, ran.error["code"]) == (1, "unsafe-plan")


def test_a_person_is_asked_for_the_password(some_instance: Instance, smtp: SmtpPeers) -> None:
    server_id = some_instance.add_server(smtp.plain_auth, smtp_pass="old-pass-1")
    with on_terminal(some_instance, "server", "update", str(server_id), "--smtp-pass") as terminal:
        terminal.read_until("Password (not shown): ")
        terminal.type(PASSWORD)
        assert terminal.finish() == 0, terminal.screen
    assert some_instance.server(server_id)["smtp_pass"] == PASSWORD


def test_a_field_that_the_servers_environment_manages_is_refused(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain)
    sandbox.database.manage_by_environment("smtp_host")
    ran = instance.json("server", "update", str(server_id), "--smtp-host", "other.example.org")
    assert (ran.code, ran.error["code"]) == (2, "invalid-value")
    assert "smtp_host: managed by the server's environment" in ran.error["message"]


def test_people_see_what_the_servers_environment_manages(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain)
    sandbox.database.manage_by_environment("smtp_host")
    shown = instance.run("server", "show", str(server_id)).out.split()
    assert shown[-3:] == ["From", "environment", "smtp_host"]


def test_a_write_that_changed_nothing_is_found_and_the_rest_put_back(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain)
    before = instance.server(server_id)
    sandbox.database.switches.ignored_fields.add("sequence")
    words = ("--sequence", "3", "--name", instance.name("renamed"))
    ran = instance.json("server", "update", str(server_id), *words)
    assert (ran.code, ran.error["code"]) == (1, "not-verified")
    assert "sequence is not what was written" in ran.error["message"]
    assert instance.server(server_id) == before


def test_a_password_that_was_written_is_put_back_where_the_rest_was_not(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain_auth)
    sandbox.database.switches.ignored_fields.add("sequence")
    words = ("--sequence", "3", "--name", instance.name("renamed"), "--no-test")
    ran = instance.json("server", "update", str(server_id), *words, SMTP_PASS="wrong-pass-1")
    assert (ran.code, ran.error["code"]) == (1, "not-verified")
    (left,) = instance.all_of_test()
    assert (left["name"], left["smtp_pass"]) == (instance.name(), PASSWORD)
    assert sandbox.database.models["ir.actions.server"].rows == {}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_connection_that_breaks_at_the_switch_leaves_the_server_as_it_was(
    faulty: tuple[Instance, Served], smtp: SmtpPeers, *, after: bool
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain_auth, smtp_pass="old-pass-1")
    before = instance.all_of_test()
    switches = sandbox.database.switches
    breaking = switches.break_after if after else switches.break_before
    breaking["ir.mail_server.write"] = False
    ran = instance.json("server", "update", str(server_id), SMTP_PASS=PASSWORD)
    assert (ran.code, ran.error["code"]) == (1, "unreachable")
    assert instance.all_of_test() == before


def test_old_values_that_cannot_be_put_back_are_told_and_their_backup_stays(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain_auth)
    sandbox.database.switches.ignored_fields.add("sequence")
    sandbox.database.switches.break_before["ir.actions.server.run"] = False
    words = ("--sequence", "3", "--no-test")
    ran = instance.json("server", "update", str(server_id), *words, SMTP_PASS="wrong-pass-1")
    (backup,) = [it for it in instance.all_of_test() if it["id"] != server_id]
    instance.records.call("ir.mail_server", "unlink", [backup["id"]])
    assert (ran.code, ran.error["code"]) == (1, "not-verified")
    assert f"Mail server {server_id} could not be put back" in ran.error["hint"]
    assert (backup["active"], backup["smtp_pass"]) == (False, PASSWORD)


def test_a_server_that_is_gone_at_the_switch_is_told(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain)
    sandbox.database.switches.remove_at_write = True
    ran = instance.json("server", "update", str(server_id), "--sequence", "3")
    assert (ran.code, ran.error["code"]) == (1, "not-verified")
    assert "it is not there" in ran.error["message"]


def test_a_copy_that_cannot_be_removed_is_told_with_the_change_made(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.refused)
    sandbox.database.switches.ignored_calls.add("ir.mail_server.unlink")
    words = ("--smtp-port", str(smtp.plain.port))
    ran = instance.json("server", "update", str(server_id), *words)
    sandbox.database.switches.ignored_calls.clear()
    (copy,) = [it for it in instance.all_of_test() if it["id"] != server_id]
    instance.records.call("ir.mail_server", "unlink", [copy["id"]])
    assert (ran.code, ran.error["code"]) == (1, "not-verified")
    assert "The change itself is made" in ran.error["hint"]
    assert instance.server(server_id)["smtp_port"] == smtp.plain.port


def test_a_token_server_is_put_back_when_its_test_fails(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, _sandbox = faulty
    if instance.version != 17:
        pytest.skip("Gmail is installed on the sandbox of 17 alone")
    values = {"smtp_authentication": "gmail", "smtp_encryption": "starttls", "smtp_user": "a@b.org"}
    server_id = instance.add_server(smtp.starttls_auth, **values, smtp_pass=False)
    before = instance.server(server_id)
    words = ("--smtp-port", str(smtp.refused.port))
    ran = instance.json("server", "update", str(server_id), *words)
    assert (ran.code, ran.error["code"]) == (1, "test-failed")
    assert "tokens cannot be copied" in ran.err
    assert instance.server(server_id) == before
