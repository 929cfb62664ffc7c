"""Which sender Odoo tests with, and which mail server it chooses for a mail (17 and 19)."""

from collections.abc import Iterable, Sequence

from remote_mailcfg.sandbox.fault import USER, FaultError
from remote_mailcfg.sandbox.field import Row
from remote_mailcfg.sandbox.model import Call


def test_sender(call: Call, server: Row) -> str:
    """Return the address that `test_smtp_connection` sends from (`_get_test_email_from`)."""
    parts = filter_parts(server)
    if not parts:
        email = call.database.users.rows[call.uid]["email"]
        if not email:
            raise FaultError(
                USER,
                "Please configure an email on the current user to simulate sending an email"
                " message via this outgoing server",
            )
        return str(email)
    domains = call.database.models["mail.alias.domain"].rows.values()
    defaults = [row["default_from_email"] for row in domains]
    fitting = [it for it in defaults if it and domain_of(it) in parts]
    whole = [part for part in parts if "@" in part]
    return str([*whole, *fitting, f"odoo@{parts[0]}"][0])


def choose_server(servers: Iterable[Row], sender: str, notifications: str) -> Row | None:
    """Return the server for a sender, as `_find_mail_server` does; None is odoo.conf's."""
    usable = sorted(
        (it for it in servers if it["active"] and not it.get("owner_user_id")),
        key=lambda it: (it["sequence"], it["id"]),
    )
    for address in (sender, notifications):
        if address:
            for wanted in (address, domain_of(address)):
                for server in usable:
                    if wanted in filter_parts(server):
                        return server
    open_to_all = [it for it in usable if not it["from_filter"]]
    return next(iter([*open_to_all, *usable]), None)


def filter_parts(server: Row) -> Sequence[str]:
    parts = (part.strip().lower() for part in (server["from_filter"] or "").split(","))
    return [part for part in parts if part]


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].strip("> ").lower()
