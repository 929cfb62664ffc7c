"""The external ids (`ir.model.data`) that mark the mail servers which this tool manages."""

from typing import Final

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import MODEL

MODULE: Final = "remote_mailcfg"


def fetch_managed(instance: Instance) -> dict[str, int]:
    """Return the ids of the marked mail servers by the key of their entry.

    Removing a record removes its external id (seen on 17.0 and 19.0).
    """
    rows = instance.call(
        "ir.model.data",
        "search_read",
        domain=[["module", "=", MODULE], ["model", "=", MODEL]],
        fields=["name", "res_id"],
        order="name",
    )
    return {row["name"]: row["res_id"] for row in rows}
