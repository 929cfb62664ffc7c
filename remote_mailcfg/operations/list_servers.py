"""List the mail servers of an instance, archived ones too."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from remote_mailcfg.instance.external_ids import fetch_managed
from remote_mailcfg.instance.mail_servers import fetch_capabilities, fetch_servers
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.routing import default_server
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.entry import enter_instance


@dataclass(frozen=True, slots=True)
class ServerList:
    """All mail servers in Odoo's order; `default_id` is the one used when no filter decides.

    `managed` are the ids of those that are marked as ours, by the key of their entry.
    """

    servers: tuple[MailServerRecord, ...]
    default_id: int | None
    managed: Mapping[str, int] = field(default_factory=dict)

    def is_managed(self, server: MailServerRecord) -> bool:
        """Tell whether a server is marked as ours."""
        return server.id in self.managed.values()


def list_servers(target: Target, progress: Progress) -> ServerList:
    """Fetch the mail servers of `target`."""
    with enter_instance(target, progress) as instance:
        servers = fetch_servers(instance, fetch_capabilities(instance))
        managed = fetch_managed(instance)
    default = default_server(servers)
    return ServerList(servers, default.id if default else None, managed)
