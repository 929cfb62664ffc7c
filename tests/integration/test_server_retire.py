"""`server archive`, `unarchive` and `delete`."""

import pytest

from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import SmtpPeers
from tests.integration.instance import Instance
from tests.integration.terminal import on_terminal


def test_a_server_is_archived(instance: Instance, smtp: SmtpPeers) -> None:
    server_id = instance.add_server(smtp.plain)
    instance.add_server(smtp.plain, name=instance.name("other"))
    ran = instance.json("server", "archive", instance.name())
    assert (ran.code, ran.data["server"]["active"], ran.data["test"]) == (0, False, None)
    assert instance.server(server_id)["active"] is False


@pytest.mark.parametrize("command", ["archive", "delete"])
def test_a_server_that_a_template_uses_is_kept(
    instance: Instance, smtp: SmtpPeers, command: str
) -> None:
    server_id = instance.add_server(smtp.plain)
    instance.add_server(smtp.plain, name=instance.name("other"))
    words = ("--yes",) if command == "delete" else ()
    with instance.template(server_id) as template:
        ran = instance.json("server", command, str(server_id), *words)
    assert (ran.code, ran.error["code"]) == (1, "in-use")
    assert template in ran.error["message"]
    assert instance.server(server_id)["active"] is True


def test_odoo_itself_refuses_to_archive_what_a_template_uses(
    instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = instance.add_server(smtp.plain)
    with instance.template(server_id):
        ran = instance.json("server", "archive", str(server_id), "--force")
    assert (ran.code, ran.error["code"]) == (1, "refused-by-odoo")
    assert "You cannot archive" in ran.error["message"]


def test_a_server_with_queued_mail_is_kept(some_instance: Instance, smtp: SmtpPeers) -> None:
    server_id = some_instance.add_server(smtp.plain)
    some_instance.add_server(smtp.plain, name=some_instance.name("other"))
    values = {"subject": some_instance.name(), "mail_server_id": server_id, "email_to": "a@b.org"}
    values |= {"model": "ir.mail_server", "res_id": server_id}  # else 19 does not remove it again
    mail_id = some_instance.records.call("mail.mail", "create", values)
    ran = some_instance.json("server", "archive", str(server_id))
    some_instance.records.call("mail.mail", "unlink", [mail_id])
    assert (ran.code, ran.error["code"]) == (1, "in-use")
    assert "1 mail(s) in the queue" in ran.error["message"]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("command", ["archive", "delete"])
def test_the_last_active_server_is_kept(
    some_instance: Instance, smtp: SmtpPeers, command: str
) -> None:
    server_id = some_instance.add_server(smtp.plain)
    words = ("--yes",) if command == "delete" else ()
    ran = some_instance.json("server", command, str(server_id), *words)
    assert (ran.code, ran.error["code"]) == (1, "in-use")
    assert "odoo.conf" in ran.error["hint"]
    assert some_instance.server(server_id)["active"] is True


@pytest.mark.usefixtures("alone")
def test_force_archives_the_last_active_server(some_instance: Instance, smtp: SmtpPeers) -> None:
    server_id = some_instance.add_server(smtp.plain)
    ran = some_instance.run("server", "archive", str(server_id), "--force")
    assert (ran.code, some_instance.server(server_id)["active"]) == (0, False)


def test_a_server_is_made_active_once_its_test_passed(instance: Instance, smtp: SmtpPeers) -> None:
    server_id = instance.add_server(smtp.plain, active=False)
    ran = instance.json("server", "unarchive", str(server_id))
    assert (ran.code, ran.data["test"]["ok"]) == (0, True)
    assert instance.server(server_id)["active"] is True


def test_a_server_whose_test_fails_stays_archived(instance: Instance, smtp: SmtpPeers) -> None:
    server_id = instance.add_server(smtp.refused, active=False)
    ran = instance.json("server", "unarchive", str(server_id))
    assert (ran.code, ran.error["code"]) == (1, "test-failed")
    assert instance.server(server_id)["active"] is False


def test_a_server_is_made_active_unproved_with_no_test(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = some_instance.add_server(smtp.refused, active=False)
    ran = some_instance.run("server", "unarchive", str(server_id), "--no-test")
    assert (ran.code, some_instance.server(server_id)["active"]) == (0, True)
    assert "--no-test" in ran.err


def test_a_neutralized_database_keeps_its_servers_archived(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = some_instance.add_server(smtp.plain, active=False)
    with some_instance.parameter("database.is_neutralized", "True"):
        ran = some_instance.json("server", "unarchive", str(server_id))
    assert (ran.code, ran.error["code"]) == (1, "unsafe-plan")
    assert some_instance.server(server_id)["active"] is False


def test_a_server_is_deleted_with_yes(instance: Instance, smtp: SmtpPeers) -> None:
    server_id = instance.add_server(smtp.plain, active=False)
    ran = instance.json("server", "delete", str(server_id), "--yes")
    assert (ran.code, ran.data["server"]["id"]) == (0, server_id)
    assert instance.named() == []


def test_people_are_told_that_a_server_is_removed(some_instance: Instance, smtp: SmtpPeers) -> None:
    server_id = some_instance.add_server(smtp.plain, active=False)
    ran = some_instance.run("server", "delete", str(server_id), "--yes")
    removed, *copy, undo = ran.out.splitlines()
    assert removed == f"Mail server {server_id} '{some_instance.name()}' is removed."
    assert undo.startswith("Undo with: remote-mailcfg rollback 2")
    run = undo.rpartition(" ")[2]
    assert " ".join(copy) == (
        "An archived copy stays on the instance so that this can be undone; `remote-mailcfg runs"
        f" forget {run}` removes it."
    )
    assert some_instance.run("runs", "forget", run).code == 0
    assert some_instance.all_of_test() == []


def test_delete_where_nobody_can_be_asked_is_a_usage_error(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = some_instance.add_server(smtp.plain, active=False)
    ran = some_instance.json("server", "delete", str(server_id))
    assert (ran.code, ran.error["code"]) == (2, "missing-value")
    assert len(some_instance.all_of_test()) == 1


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 0), ("n", 0, 1)], ids=["yes", "no"])
def test_delete_asks_a_person(
    some_instance: Instance, smtp: SmtpPeers, answer: str, code: int, left: int
) -> None:
    server_id = some_instance.add_server(smtp.plain, active=False)
    with on_terminal(some_instance, "server", "delete", str(server_id)) as terminal:
        terminal.read_until("[y/N]: ")
        terminal.type(answer)
        assert terminal.finish() == code, terminal.screen
    assert len(some_instance.named()) == left
    assert "error" not in terminal.screen


@pytest.mark.usefixtures("alone")
def test_force_deletes_the_last_active_server(some_instance: Instance, smtp: SmtpPeers) -> None:
    server_id = some_instance.add_server(smtp.plain)
    ran = some_instance.run("server", "delete", str(server_id), "--yes", "--force")
    assert (ran.code, some_instance.named()) == (0, [])


def test_force_makes_a_server_active_on_a_neutralized_database(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    server_id = some_instance.add_server(smtp.plain, active=False)
    with some_instance.parameter("database.is_neutralized", "True"):
        ran = some_instance.run("server", "unarchive", str(server_id), "--force")
    assert (ran.code, some_instance.server(server_id)["active"]) == (0, True)


def test_a_server_that_is_still_there_after_its_removal_is_told(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, sandbox = faulty
    server_id = instance.add_server(smtp.plain, active=False)
    sandbox.database.switches.ignored_calls.add("ir.mail_server.unlink")
    ran = instance.json("server", "delete", str(server_id), "--yes")
    assert (ran.code, ran.error["code"]) == (1, "not-verified")
    assert "it is still there" in ran.error["message"]


@pytest.mark.parametrize("word", ["archive", "unarchive"])
def test_what_is_so_already_is_said_and_not_written(
    some_instance: Instance, smtp: SmtpPeers, word: str
) -> None:
    server_id = some_instance.add_server(smtp.plain, active=word == "unarchive")

    ran = some_instance.run("server", word, str(server_id))

    assert ran.code == 0
    assert "already; nothing is written" in ran.err
