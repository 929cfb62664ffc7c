"""Find the one mail server that a user names by id or by name."""

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.mail_server import MailServerRecord


def find_server(servers: tuple[MailServerRecord, ...], named: str) -> MailServerRecord:
    """Return the server with this id, else the one with this name, archived ones included.

    Raises `not-found`, or `ambiguous` with the ids when several have the name.
    """
    if named.isdecimal():
        for server in servers:
            if server.id == int(named):
                return server
    found = [server for server in servers if server.name == named]
    if not found:
        raise RemoteMailcfgError(
            "not-found",
            f"there is no mail server with the id or name {named!r}",
            "`remote-mailcfg server list` shows them.",
        )
    if len(found) > 1:
        ids = ", ".join(str(server.id) for server in found)
        raise RemoteMailcfgError(
            "ambiguous",
            f"{len(found)} mail servers are named {named!r}: ids {ids}",
            "Give the id instead of the name.",
        )
    return found[0]
