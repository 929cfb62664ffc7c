"""Read back what was written: a write that changed nothing also answers True."""

from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import fetch_servers, holds
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.values import Values
from remote_mailcfg.plan.change import BINARY_FIELDS
from remote_mailcfg.secret import Secret


def check_written(
    instance: Instance, capabilities: Capabilities, server_id: int, values: Values
) -> None:
    """Compare a record with the values written to it; raises `not-verified` naming the fields."""
    found = fetch_servers(instance, capabilities, ids=[server_id])
    if not found:
        raise not_verified(server_id, "it is not there")
    differing = [
        field for field, value in values.items() if not _equals(instance, found[0], field, value)
    ]
    if differing:
        raise not_verified(server_id, f"{', '.join(differing)} is not what was written")


def check_gone(instance: Instance, capabilities: Capabilities, server_id: int) -> None:
    """Look that a removed record is gone; raises `not-verified`."""
    if fetch_servers(instance, capabilities, ids=[server_id]):
        raise not_verified(server_id, "it is still there")


def not_verified(server_id: int, what: str) -> OdooError:
    """Return the error for a record that is not as it was written."""
    return OdooError(
        "not-verified",
        f"mail server {server_id} was written, and on reading back {what}",
        "A module may manage these fields, or someone else wrote at the same time;"
        f" look at it with `remote-mailcfg server show {server_id}`.",
    )


def _equals(instance: Instance, record: MailServerRecord, field: str, value: object) -> bool:
    if isinstance(value, Secret):
        return holds(instance, record.id, field, value)
    if field == "smtp_pass":
        return record.has_password == bool(value)
    if field in BINARY_FIELDS:
        if not value:
            return not getattr(record, field)
        return holds(instance, record.id, field, str(value))
    return bool(getattr(record, field) == value)
