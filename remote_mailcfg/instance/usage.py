"""Who uses a mail server by name: templates, mailings, and mails that wait in the queue."""

from dataclasses import dataclass
from typing import Any

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.rpc.answers import count, records, text


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


def fetch_usage(instance: Instance, capabilities: Capabilities, server_id: int) -> Usage:
    """Ask who uses a server; mailings only where Email Marketing is installed."""
    pinned: list[Any] = ["mail_server_id", "=", server_id]
    templates = instance.call(
        "mail.template",
        "search_read",
        domain=[pinned],
        fields=["display_name"],
        context={"active_test": False},
        expect=records(display_name=text),
    )
    mailings = (
        instance.call(
            "mailing.mailing",
            "search_read",
            domain=[pinned, ["state", "!=", "done"]],
            fields=["display_name"],
            expect=records(display_name=text),
        )
        if capabilities.has_mailings
        else []
    )
    waiting = [pinned, ["state", "=", "outgoing"]]
    queued = instance.call("mail.mail", "search_count", domain=waiting, expect=count)
    return Usage(
        tuple(row["display_name"] for row in templates),
        tuple(row["display_name"] for row in mailings),
        queued,
    )
