"""What a command costs, counted by nginx in front of the server, which keeps connections alive."""

from dataclasses import dataclass

import pytest

from tests.live.command import Command
from tests.live.conftest import on_protocol
from tests.live.nginx import Nginx
from tests.live.odoo import Odoo


@dataclass(frozen=True, slots=True)
class Cost:
    requests: int
    connections: int


def cost_of(front: Nginx, command: Command, *words: str) -> Cost:
    """Run a command through nginx; return what it cost."""
    seen = len(front.access_log())
    ran = command.with_settings(OPENSPP_URL=front.http_url).run(*words)
    assert ran.exit_code == 0, ran
    entries = front.access_log()[seen:]
    return Cost(len(entries), len({entry.connection for entry in entries}))


@pytest.mark.parametrize(("protocol", "requests"), [("json2", 4), ("jsonrpc", 5), ("xmlrpc", 5)])
def test_server_list_takes_one_connection_and_no_request_too_many(
    protocol: str, requests: int, command: Command, front: Nginx, odoo: Odoo
) -> None:
    program = on_protocol(protocol, command, odoo)

    assert cost_of(front, program, "server", "list") == Cost(requests, connections=1)


def test_auto_adds_one_request_where_there_is_a_key_to_choose_json2_for(
    command: Command, front: Nginx, odoo: Odoo
) -> None:
    program = on_protocol("json2", command, odoo).with_settings(OPENSPP_PROTOCOL="auto")

    assert cost_of(front, program, "server", "list") == Cost(4 + 1, connections=1)


def test_auto_adds_no_request_where_there_is_only_a_password(
    command: Command, front: Nginx
) -> None:
    assert cost_of(front, command, "server", "list") == Cost(5, connections=1)


@pytest.mark.parametrize(("protocol", "requests"), [("json2", 4), ("jsonrpc", 5), ("xmlrpc", 5)])
def test_an_empty_database_name_adds_one_request(
    protocol: str, requests: int, command: Command, front: Nginx, odoo: Odoo
) -> None:
    if odoo.post("/web/database/list", {}) != [odoo.database]:
        pytest.skip("the server under test does not show exactly one database")
    program = on_protocol(protocol, command, odoo).with_settings(OPENSPP_DB="")

    assert cost_of(front, program, "server", "list") == Cost(requests + 1, connections=1)
