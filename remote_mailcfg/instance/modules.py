"""What is installed on an instance."""

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.rpc.answers import records, text


def has_openspp(instance: Instance) -> bool:
    """Tell OpenSPP from plain Odoo: its modules begin with `spp_` (17 and OpenSPP 2)."""
    rows = instance.call(
        "ir.module.module",
        "search_read",
        domain=[["state", "=", "installed"], ["name", "ilike", "spp_"]],
        fields=["name"],
        expect=records(name=text),
    )
    return any(row["name"].startswith("spp_") for row in rows)
