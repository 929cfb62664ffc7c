"""Mail servers as JSON, as CSV and as the table of the guide's labels."""

from dataclasses import asdict
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.operations.change_server import ChangedServer
from remote_mailcfg.operations.list_servers import ServerList
from remote_mailcfg.report.table import make_table, plain, yes_no
from remote_mailcfg.report.tests import make_test
from remote_mailcfg.report.view import Row, View

#: The labels of the guide, in the order of its form; `smtp_pass` is only ever set or not.
LABELS: Final = {
    "name": "Name",
    "sequence": "Priority",
    "from_filter": "FROM Filtering",
    "smtp_host": "SMTP Server",
    "smtp_port": "SMTP Port",
    "smtp_encryption": "Connection Encryption",
    "smtp_authentication": "Authenticate with",
    "smtp_user": "Username",
    "has_password": "Password",
    "smtp_ssl_certificate": "SSL Certificate",
    "smtp_ssl_private_key": "Private Key",
    "smtp_debug": "Debugging",
    "max_email_size": "Max Email Size",
}


def render_server(
    server: MailServerRecord, *, default: bool, managed: bool = False
) -> dict[str, Any]:
    """Return the SERVER of the JSON contract: Odoo's own names and values."""
    fields = [field for field in LABELS if field != "has_password"]
    return {
        "id": server.id,
        **{field: getattr(server, field) for field in fields},
        "active": server.active,
        "has_password": server.has_password,
        "default": default,
        "ours": server.ours or ("managed" if managed else None),
    }


def _data(result: ServerList) -> dict[str, Any]:
    return {"servers": _rows(result)}


def _rows(result: ServerList) -> list[Row]:
    return [
        render_server(s, default=s.id == result.default_id, managed=result.is_managed(s))
        for s in result.servers
    ]


def _text(result: ServerList) -> RenderableType:
    if not result.servers:
        return Text(
            "No outgoing mail server. Odoo sends through odoo.conf's smtp_server, or localhost:25."
        )
    return make_table(
        ("Id", "Priority", "Mail server", "State"),
        [
            (
                str(server.id),
                str(server.sequence),
                Text(_summary(server)),
                _state(
                    server,
                    default=server.id == result.default_id,
                    managed=result.is_managed(server),
                ),
            )
            for server in result.servers
        ],
    )


def _summary(server: MailServerRecord) -> str:
    """Return a server's name, where and how it connects, as whom and for which senders."""
    connection = f"{plain(server.smtp_host)}:{server.smtp_port}, {server.smtp_encryption}"
    if server.smtp_authentication != "login":
        connection += f", {server.smtp_authentication}"
    lines = [plain(server.name), connection]
    if server.smtp_user:
        lines.append(plain(_user(server)))
    if server.from_filter:
        lines.append(plain(f"only from {server.from_filter}"))
    return "\n".join(lines)


def _user(server: MailServerRecord) -> str:
    if server.smtp_user and not server.has_password and server.smtp_authentication == "login":
        return f"{server.smtp_user} (no password)"
    return server.smtp_user


def _state(server: MailServerRecord, *, default: bool, managed: bool) -> Text:
    text = _use(server, default=default)
    return text.append(", managed", style="dim") if managed else text


def _use(server: MailServerRecord, *, default: bool) -> Text:
    if server.ours:
        return Text(server.ours, style="yellow")
    if not server.active:
        return Text("archived", style="dim")
    if server.owner_user_id:
        return Text("personal", style="dim")
    return Text("default", style="green") if default else Text("active")


def _details(server: MailServerRecord, *, default: bool, managed: bool) -> RenderableType:
    """Return one server with the guide's labels, a line each."""
    rows: list[tuple[str, str | Text]] = [("Id", str(server.id))]
    for field, label in LABELS.items():
        value = getattr(server, field)
        if value is None:
            continue
        if field in {"has_password", "smtp_ssl_certificate", "smtp_ssl_private_key"}:
            value = "set" if value else "not set"
        elif isinstance(value, bool):
            value = yes_no(value)
        elif isinstance(value, float):
            value = f"{value:g} MB" if value else "as the instance's default"
        rows.append((label, str(value)))
    rows.append(("State", _state(server, default=default, managed=managed)))
    if server.environment_managed:
        rows.append(("From environment", ", ".join(server.environment_managed)))
    return make_table(("Field", "Value"), rows)


def _changed_data(result: ChangedServer) -> dict[str, Any]:
    server = render_server(result.server, default=result.default, managed=result.managed)
    run = {"run": result.run} if result.run else {}
    return {"server": server, "test": asdict(result.test) if result.test else None} | run


def _changed_rows(result: ChangedServer) -> list[Row]:
    return [render_server(result.server, default=result.default, managed=result.managed)]


def _changed_text(result: ChangedServer) -> RenderableType:
    parts: list[RenderableType] = []
    if result.removed:
        parts.append(
            Text(f"Mail server {result.server.id} '{plain(result.server.name)}' is removed.")
        )
    else:
        parts += [make_test(result.test), Text()] if result.test else []
        parts.append(_details(result.server, default=result.default, managed=result.managed))
    if result.removed and result.run:
        secrets = " with its password" if result.server.has_password else ""
        parts.append(
            Text(
                f"An archived copy{secrets} stays on the instance so that this can be undone;"
                f" `remote-mailcfg runs forget {result.run}` removes it."
            )
        )
    return Group(*parts)


#: The keys of a SERVER.
COLUMNS: Final = (
    "id",
    *(field for field in LABELS if field != "has_password"),
    *("active", "has_password", "default", "ours"),
)
SERVER_LIST: Final = View(_data, _rows, _text, columns=COLUMNS)


def _alike(result: ChangedServer) -> object:
    """Return what makes two changes the same to a person: not how long the test took."""
    data = _changed_data(result)
    return data | {"test": data["test"] and data["test"] | {"seconds": None}}


SERVER: Final = View(
    _changed_data,
    _changed_rows,
    _changed_text,
    alike=_alike,
    undo=lambda result: result.run,
    columns=COLUMNS,
)
