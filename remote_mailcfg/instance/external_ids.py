"""The external ids (`ir.model.data`) that mark the mail servers which this tool manages."""

from typing import Final

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import MODEL
from remote_mailcfg.rpc.answers import anything, record_id, record_ids, records, text, whole

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
        expect=records(name=text, res_id=whole),
    )
    return {row["name"]: row["res_id"] for row in rows}


def mark_server(instance: Instance, key: str, server_id: int) -> None:
    """Give a mail server the external id `remote_mailcfg.KEY`, wherever that pointed before."""
    values = {"module": MODULE, "name": key, "model": MODEL, "res_id": server_id, "noupdate": True}
    ids = _find_mark(instance, key)
    if ids:
        instance.call(
            "ir.model.data",
            "write",
            ids,
            vals={"model": MODEL, "res_id": server_id},
            expect=anything,
        )
    else:
        instance.call("ir.model.data", "create", vals_list=values, expect=record_id)


def unmark_server(instance: Instance, key: str) -> None:
    """Take the external id of a key away; the mail server stays."""
    ids = _find_mark(instance, key)
    if ids:
        instance.call("ir.model.data", "unlink", ids, expect=anything)


def _find_mark(instance: Instance, key: str) -> list[int]:
    ids: list[int] = instance.call(
        "ir.model.data",
        "search",
        domain=[["module", "=", MODULE], ["name", "=", key]],
        expect=record_ids,
    )
    return ids
