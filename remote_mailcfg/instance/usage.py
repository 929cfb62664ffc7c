"""Who uses a mail server by name: templates, mailings, and mails that wait in the queue."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.rpc.answers import count, record_id, records, reference, text

#: So many servers are asked about at a time: their ids are 40 kB of a request.
AT_ONCE: Final = 5_000
#: So many mails are read at a time, far below the limit of an answer.
MAILS_AT_ONCE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Names of what points to the server, and how many mails wait for it."""

    templates: tuple[str, ...]
    mailings: tuple[str, ...]
    queued_mails: int

    def describe(self) -> str:
        """Return it in words, `""` where nothing uses the server."""
        parts = [f"template '{name}'" for name in self.templates]
        parts += [f"mailing '{name}'" for name in self.mailings]
        if self.queued_mails:
            parts.append(f"{self.queued_mails} mail(s) in the queue")
        return ", ".join(parts)


def fetch_usages(
    instance: Instance, capabilities: Capabilities, ids: Sequence[int]
) -> dict[int, Usage]:
    """Ask who uses each of these servers, many at a time; those that nothing uses are left out.

    Mailings are asked for only where Email Marketing is installed.
    """
    templates: defaultdict[int, list[str]] = defaultdict(list)
    mailings: defaultdict[int, list[str]] = defaultdict(list)
    queued: Counter[int] = Counter()
    for start in range(0, len(ids), AT_ONCE):
        some = list(ids[start : start + AT_ONCE])
        pinned: list[Any] = ["mail_server_id", "in", some]
        archived_too = {"active_test": False}
        for server_id, name in _fetch_names(instance, "mail.template", [pinned], archived_too):
            templates[server_id].append(name)
        if capabilities.has_mailings:
            not_done = [pinned, ["state", "!=", "done"]]
            for server_id, name in _fetch_names(instance, "mailing.mailing", not_done, {}):
                mailings[server_id].append(name)
        waiting = [pinned, ["state", "=", "outgoing"]]
        number = instance.call("mail.mail", "search_count", domain=waiting, expect=count)
        if number and len(some) > 1:
            queued.update(_fetch_queued(instance, waiting))
        elif number:
            queued[some[0]] = number
    return {
        it: Usage(tuple(templates[it]), tuple(mailings[it]), queued[it])
        for it in ids
        if it in templates or it in mailings or it in queued
    }


def _fetch_names(
    instance: Instance, model: str, domain: list[Any], context: dict[str, Any]
) -> list[tuple[int, str]]:
    """Return the server that each record names, and the record's name."""
    rows = instance.call(
        model,
        "search_read",
        domain=domain,
        fields=["display_name", "mail_server_id"],
        context=context,
        expect=records(display_name=text, mail_server_id=reference),
    )
    return [(row["mail_server_id"][0], row["display_name"]) for row in rows]


def _fetch_queued(instance: Instance, waiting: list[Any]) -> Iterator[int]:
    """Yield the server of each mail that waits for one."""
    last, is_more = 0, True
    while is_more:
        rows = instance.call(
            "mail.mail",
            "search_read",
            domain=[*waiting, ["id", ">", last]],
            fields=["mail_server_id"],
            order="id",
            limit=MAILS_AT_ONCE,
            expect=records(id=record_id, mail_server_id=reference),
        )
        yield from (row["mail_server_id"][0] for row in rows)
        is_more = len(rows) == MAILS_AT_ONCE and rows[-1]["id"] > last
        last = rows[-1]["id"] if rows else last
