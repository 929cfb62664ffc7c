"""Show one mail server."""

from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.routing import is_default
from remote_mailcfg.model.selection import find_server
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.change_server import ChangedServer
from remote_mailcfg.operations.list_servers import list_servers


def show_server(target: Target, progress: Progress, *, named: str) -> ChangedServer:
    """Fetch the server of this id or name. Raises `not-found` or `ambiguous`."""
    found = list_servers(target, progress)
    server = find_server(found.servers, named)
    is_used, managed = is_default(found.servers, server), found.is_managed(server)
    return ChangedServer(server, is_used, None, managed=managed)
