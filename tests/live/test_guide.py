"""The guide *Outgoing email configuration*, start to end, with nothing but the program."""

import pytest

from remote_mailcfg.sandbox.smtp_servers import PASSWORD, USER, SmtpPeer, SmtpPeers
from tests.live.command import Command
from tests.live.odoo import Odoo

NAME = "My Organization's Email Server"


@pytest.fixture
def peer(peers: SmtpPeers, odoo: Odoo) -> SmtpPeer:
    """A mail server that wants STARTTLS and a login, as the guide's."""
    if odoo.server_names():
        pytest.skip("the server under test has mail servers of its own")
    peers.starttls_auth.received.clear()
    return peers.starttls_auth


def steps_of(command: Command) -> dict[str, bool | None]:
    return {step["step"]: step["ok"] for step in command.run("check").result["data"]["steps"]}


def words_to_create(peer: SmtpPeer) -> tuple[str, ...]:
    return (
        *("server", "create", "--name", NAME, "--sequence", "1"),
        *("--smtp-encryption", "starttls", "--smtp-user", USER),
        *("--smtp-host", peer.host, "--smtp-port", str(peer.port)),
        *("--from-filter", "example.org"),
    )


def test_the_guide_is_walked_from_an_instance_without_a_mail_server_to_a_mail_that_arrives(
    on_wire: Command, peer: SmtpPeer, odoo: Odoo
) -> None:
    command = on_wire

    # what is wrong: there is no mail server yet
    first = steps_of(command)
    assert [step for step, ok in first.items() if ok is False] == ["servers"]

    # developer mode and the menu
    assert command.run("debug", "on").data["mode"] == "1"

    # a wrong password is refused, and nothing is left
    words = words_to_create(peer)
    refused = command.with_settings(SMTP_PASS="wrong").run(*words)
    assert refused.error["code"] == "test-failed"
    assert refused.error["test"]["cause"] == "authentication-refused"
    assert odoo.server_names() == {}

    # the right one makes it active
    created = command.with_settings(SMTP_PASS=PASSWORD).run(*words).data
    server = created["server"]
    assert created["test"]["ok"]
    assert server["active"]
    assert server["has_password"]
    assert odoo.server_names() == {server["id"]: NAME}

    # Test Connection
    (test,) = command.run("server", "test", NAME).data["tests"]
    assert test["ok"]

    # a real mail
    mail = command.run("server", "send", NAME, "--to", "someone@example.org").data["mail"]
    assert mail["state"] == "sent"
    (received,) = peer.received
    assert received.rcpt_tos == ("someone@example.org",)
    assert odoo.login in received.message.as_string()

    # which server is used
    chosen = command.run("route", "office@example.org").data
    assert chosen["server"]["id"] == server["id"]
    assert chosen["sender"] == "office@example.org"

    # all is well
    assert set(steps_of(command).values()) == {True}
    (listed,) = command.run("server", "list").data["servers"]
    assert listed["name"] == NAME
    assert listed["default"]

    # out of use, and gone
    assert command.run("server", "archive", NAME).error["code"] == "in-use"
    assert not command.run("server", "archive", NAME, "--force").data["server"]["active"]
    deleted = command.run("server", "delete", NAME, "--yes")
    assert deleted.exit_code == 0
    assert command.run("runs", "forget", deleted.data["run"]).data["backups"] == 1
    assert command.run("server", "list").data["servers"] == []
    assert command.run("logout").exit_code == 0
