"""What all changes of a server share: look, say what it means, carry it out."""

from dataclasses import dataclass

from remote_mailcfg.apply.change import Applier
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import fetch_capabilities, fetch_servers
from remote_mailcfg.instance.parameters import fetch_parameters
from remote_mailcfg.instance.senders import fetch_senders
from remote_mailcfg.instance.usage import fetch_usage
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.routing import default_server, is_default, routing_effect
from remote_mailcfg.model.selection import find_server
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.model.values import Values, check_values
from remote_mailcfg.plan.change import Change

FALLBACK = "Odoo sends through smtp_server of odoo.conf, localhost:25 in the stock images"


@dataclass(frozen=True, slots=True)
class ChangedServer:
    """The server as it is now (as it was, where it was removed), and the test that proved it."""

    server: MailServerRecord
    default: bool
    test: SmtpTest | None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """An instance as it was found before a change."""

    instance: Instance
    capabilities: Capabilities
    servers: tuple[MailServerRecord, ...]
    progress: Progress

    def find(self, named: str) -> MailServerRecord:
        """Return the server of this id or name; personal servers (19) are not ours to change."""
        server = find_server(self.servers, named)
        if server.owner_user_id is not None:
            raise RemoteMailcfgError(
                "unsafe-plan",
                f"mail server {server.id} '{server.name}' is a user's personal server",
                "Its owner changes it in the preferences.",
            )
        return server


def look_at(instance: Instance, progress: Progress) -> Scene:
    """Fetch what the instance can hold and the servers it has."""
    capabilities = fetch_capabilities(instance)
    return Scene(instance, capabilities, fetch_servers(instance, capabilities), progress)


def refuse_invalid(scene: Scene, values: Values, before: MailServerRecord | None) -> None:
    """Raise one `invalid-value` with every problem of the values."""
    problems = check_values(values, scene.capabilities, before)
    if problems:
        raise ConfigurationError(
            "invalid-value",
            "\n".join(problems),
            "Nothing was written. Correct these values and run the command again.",
        )


def refuse_neutralized(scene: Scene) -> None:
    """Raise `unsafe-plan` on a neutralized database: an active server would mail real people.

    Odoo marks such a copy of production with this parameter (16 and later).
    """
    key = "database.is_neutralized"
    if fetch_parameters(scene.instance, key).get(key, "False").lower() not in {"false", "0"}:
        raise RemoteMailcfgError(
            "unsafe-plan",
            "this database is neutralized: a copy that must not mail real people",
            "--force makes the server active all the same.",
        )


def refuse_used(scene: Scene, server: MailServerRecord) -> None:
    """Raise `in-use` for a server that something points to, or that is the last active one."""
    usage = fetch_usage(scene.instance, scene.capabilities, server.id).describe()
    if usage:
        raise RemoteMailcfgError(
            "in-use",
            f"mail server {server.id} '{server.name}' is used by {usage}",
            "Point these to another server first; --force goes on, but Odoo itself refuses to"
            " archive a server that a template uses.",
        )
    without = tuple(s for s in scene.servers if s.id != server.id)
    if default_server(scene.servers) and default_server(without) is None:
        raise RemoteMailcfgError(
            "in-use",
            f"mail server {server.id} '{server.name}' is the last active one",
            f"Without it {FALLBACK}. --force goes on.",
        )


def leave(scene: Scene, server: MailServerRecord, why: str) -> ChangedServer:
    """Return a server as it is, and say why nothing is written."""
    name = scene.instance.target.name
    scene.progress.note(f"{name}: mail server {server.id} {why}; nothing is written")
    return ChangedServer(server, is_default(scene.servers, server), None)


def carry_out(scene: Scene, change: Change, *, test: bool) -> ChangedServer:
    """Say what a change means for routing, carry it out and return the server as it is then."""
    name = scene.instance.target.name
    if change.action != "delete":
        senders = fetch_senders(scene.instance)
        effect = routing_effect(
            scene.servers,
            change.after,
            notifications_email=senders.notifications_email,
            sender_addresses=senders.addresses,
        )
        scene.progress.note(f"{name}: once this is done, {effect}")
    if change.needs_proof and not test:
        scene.progress.note(f"{name}: --no-test: the connection is not proved before the switch")
    if change.action == "update" and not change.needs_proof:
        scene.progress.note(f"{name}: no test: the connection does not depend on what changes")
    applier = Applier(scene.instance, scene.capabilities, scene.progress, test=test)
    server_id, proof = applier.apply(change)
    if change.action == "delete":
        return ChangedServer(change.after, default=False, test=None, removed=True)
    servers = fetch_servers(scene.instance, scene.capabilities)
    server = find_server(servers, str(server_id))
    return ChangedServer(server, is_default(servers, server), proof)
