"""A sent mail, and the route of an address, as JSON, CSV and text."""

from dataclasses import asdict
from typing import Any, Final

from rich.text import Text

from remote_mailcfg.operations.route_address import ExplainedRoute
from remote_mailcfg.operations.send_mail import SentMail
from remote_mailcfg.report.servers import render_server
from remote_mailcfg.report.table import plain
from remote_mailcfg.report.view import Row, View


def _mail_text(result: SentMail) -> Text:
    if result.failure is not None:
        return Text(f"Mail {result.id}: {result.state}")
    return Text(
        f"Mail {result.id}: {result.state}. The mail server took it; look into the mailbox."
    )


def _route_data(result: ExplainedRoute) -> dict[str, Any]:
    chosen = result.route
    server = render_server(chosen.server, default=result.default) if chosen.server else None
    return {"server": server, "sender": chosen.sender, "why": chosen.why}


def _route_rows(result: ExplainedRoute) -> list[Row]:
    server = result.route.server
    return [
        {
            "address": result.address,
            "server_id": server.id if server else "",
            "server": server.name if server else "",
            "sender": result.route.sender,
            "why": result.route.why,
        }
    ]


def _route_text(result: ExplainedRoute) -> Text:
    server = result.route.server
    through = (
        f"server {server.id} '{plain(server.name)}' ({plain(server.smtp_host)}:{server.smtp_port})"
        if server
        else "odoo.conf"
    )
    return Text(
        f"Mail from {result.address} goes through {through}.\n"
        f"Sender: {plain(result.route.sender)}\nWhy: {plain(result.route.why)}"
    )


SENT_MAIL: Final = View(
    lambda result: {"mail": asdict(result)},
    lambda result: [asdict(result)],
    _mail_text,
    lambda result: result.failure,
    columns=("id", "state", "reason"),
)
ROUTE: Final = View(
    _route_data,
    _route_rows,
    _route_text,
    columns=("address", "server_id", "server", "sender", "why"),
)
