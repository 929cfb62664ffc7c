"""Find out whether an instance can be reached and logged in to."""

from dataclasses import dataclass

from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.entry import enter_instance


@dataclass(frozen=True, slots=True)
class Reached:
    """Who is logged in, to which database of which Odoo, and over which wire."""

    login: str
    database: str
    version: str
    protocol: str


def reach_instance(target: Target, progress: Progress) -> Reached:
    """Log in to `target` and tell what is there."""
    with enter_instance(target, progress) as instance:
        transport = instance.connection.transport
        login = instance.fetch_user().login
        return Reached(login, instance.target.database, transport.fetch_version(), transport.wire)
