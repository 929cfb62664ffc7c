"""Copying secrets from one mail server to another on the instance, without reading them.

By a server action (`ir.actions.server`, state `code`) that exists for one call; tried on 17.0, 19.0
and OpenSPP 17. Its name carries the run, so that one that a killed run left is found.
"""

from collections.abc import Iterable
from typing import Final

from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import MODEL
from remote_mailcfg.rpc.answers import anything, record_id, record_ids

ACTIONS: Final = "ir.actions.server"
PREFIX: Final = "remote-mailcfg action "


def restore_server(
    instance: Instance, server_id: int, backup_id: int, fields: Iterable[str], *, run: str
) -> None:
    """Let the server copy fields from one record to another in one write, secrets included."""
    model_id = instance.call("ir.model", "search", domain=[["model", "=", MODEL]], expect=record_id)
    values = ", ".join(f"{field!r}: backup[{field!r}]" for field in sorted(fields))
    python = (
        f"backup = env[{MODEL!r}].browse({int(backup_id)})\n"
        f"env[{MODEL!r}].browse({int(server_id)}).write({{{values}}})"
    )
    name = f"{PREFIX}{run}: put mail server {server_id} back"
    action_id = instance.call(
        ACTIONS,
        "create",
        vals_list={
            "name": name,
            "model_id": model_id,
            "state": "code",
            "code": python,
        },
        expect=record_id,
    )
    own = instance.call(ACTIONS, "search", domain=[["name", "=", name]], expect=record_ids)
    if action_id not in own:
        raise OdooError(
            "not-verified",
            f"Odoo answered server action {action_id} for a new one, but it is another one",
            "Nothing was done to it. A module or a proxy changes the answers of this instance.",
        )
    try:
        instance.call(ACTIONS, "run", (action_id,), expect=anything)
    finally:
        instance.call(ACTIONS, "unlink", (action_id,), expect=anything)


def remove_leftover_actions(instance: Instance, run: str) -> None:
    """Remove the server actions that a killed run left."""
    name = f"{PREFIX}{run}: "
    ids = instance.call(ACTIONS, "search", domain=[["name", "ilike", name]], expect=record_ids)
    if ids:
        instance.call(ACTIONS, "unlink", ids, expect=anything)
