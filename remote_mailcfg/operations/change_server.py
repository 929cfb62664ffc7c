"""What all changes of a server share: look, say what it means, carry it out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from remote_mailcfg.apply.changes import CarriedOut, carry_out
from remote_mailcfg.apply.recovery import recover, remove_left_candidates
from remote_mailcfg.apply.run import Run
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.instance.external_ids import fetch_managed
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import fetch_capabilities, fetch_servers
from remote_mailcfg.instance.parameters import fetch_parameters
from remote_mailcfg.instance.senders import fetch_senders
from remote_mailcfg.instance.usage import fetch_usages
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.evidence import NEUTRALIZED, is_neutralized
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.routing import default_server, is_default, routing_effect
from remote_mailcfg.model.selection import find_server
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.model.target import Target
from remote_mailcfg.model.values import Values, check_values
from remote_mailcfg.operations.entry import enter_instance
from remote_mailcfg.plan.change import Change
from remote_mailcfg.store.journal import Journal
from remote_mailcfg.store.runs import find_cut_off

FALLBACK = "Odoo sends through smtp_server of odoo.conf, localhost:25 in the stock images"


@dataclass(frozen=True, slots=True)
class ChangedServer:
    """The server as it is now (as it was, where it was removed), and the test that proved it.

    `run` is the name that `rollback` takes it back by, `""` where nothing was written.
    """

    server: MailServerRecord
    default: bool
    test: SmtpTest | None
    removed: bool = False
    run: str = ""
    managed: bool = False


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


#: What a command makes of an instance: the change, or the server where nothing is to be changed.
#: Raises what the command refuses.
Decide = Callable[[Scene], Change | ChangedServer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What a command would do on an instance that has so many mail servers.

    `changes` is the record that it would change, `left` the server where it would change nothing.
    """

    servers: int
    changes: MailServerRecord | None = None
    left: ChangedServer | None = None


def foresee(target: Target, progress: Progress, *, decide: Decide) -> Foreseen:
    """Tell what a command would do on an instance; nothing is written."""
    with enter_instance(target, progress) as instance:
        capabilities = fetch_capabilities(instance)
        found = fetch_servers(instance, capabilities)
        decided = decide(Scene(instance, capabilities, found, progress))
    servers = sum(it.ours is None and it.owner_user_id is None for it in found)
    if isinstance(decided, Change):
        return Foreseen(servers=servers, changes=decided.before)
    return Foreseen(servers=servers, left=decided)


def look_at(
    instance: Instance, progress: Progress, *, yes: bool = False, spares_candidates: bool = False
) -> Scene:
    """Put right what runs that were cut off left, and fetch what the instance can hold and has.

    Asks first where a person is there, unless `yes`; raises `declined` when the answer is no, and
    `stale-plan` where another operator is at work, unless it `spares_candidates`.
    """
    capabilities = fetch_capabilities(instance)
    target = instance.target
    for run in find_cut_off(target, changing=True):
        question = (
            f"{target.name}: run {run.name} ({run.command}, begun {run.at}) was cut off. Remove"
            " what it left, and keep what it had proved and switched?"
        )
        if progress.attended and not yes and not progress.confirm(question):
            raise RemoteMailcfgError(
                "declined", f"run {run.name} was cut off, and is left as it is; nothing was written"
            )
        if run.defect:
            progress.note(f"{target.name}: run {run.name}: {run.defect}")
        recover(instance, capabilities, progress, run)
    servers = fetch_servers(instance, capabilities)
    if not spares_candidates:
        servers = remove_left_candidates(instance, capabilities, progress, servers)
    return Scene(instance, capabilities, servers, progress)


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
    """Raise `unsafe-plan` on a neutralized database: an active server would mail real people."""
    if is_neutralized(fetch_parameters(scene.instance, NEUTRALIZED)):
        raise RemoteMailcfgError(
            "unsafe-plan",
            "this database is neutralized, a copy that must not mail real people: it has the"
            f" parameter {NEUTRALIZED}, in which Odoo takes any text for yes",
            "--force makes the server active. If this is no copy, remove the parameter.",
        )


def refuse_used(scene: Scene, server: MailServerRecord) -> None:
    """Raise `in-use` for a server that something points to, or that is the last active one."""
    usages = fetch_usages(scene.instance, scene.capabilities, [server.id])
    if server.id in usages:
        raise RemoteMailcfgError(
            "in-use",
            f"mail server {server.id} '{server.name}' is used by {usages[server.id].describe()}",
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


def make_change(
    scene: Scene, change: Change | ChangedServer, *, test: bool, run: str
) -> ChangedServer:
    """Say what a change means for routing, make it and return the server as it is then."""
    if isinstance(change, ChangedServer):
        return change
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
    carried = make_changes(scene, (change,), command=f"server {change.action}", test=test, run=run)
    if carried.error is not None:
        raise carried.error
    (made,) = carried.changes
    if change.action == "delete":
        return ChangedServer(change.after, default=False, test=None, removed=True, run=run)
    servers = fetch_servers(scene.instance, scene.capabilities)
    server = find_server(servers, str(made.server_id))
    managed = server.id in fetch_managed(scene.instance).values()
    is_used = is_default(servers, server)
    return ChangedServer(server, is_used, made.test, run=run, managed=managed)


def make_changes(
    scene: Scene,
    changes: Sequence[Change],
    *,
    command: str,
    test: bool,
    run: str,
    undoes: str = "",
) -> CarriedOut:
    """Carry out changes as one run with its journal; see `carry_out`."""
    work = Run(
        instance=scene.instance,
        capabilities=scene.capabilities,
        progress=scene.progress,
        name=run,
        test=test,
        keeps_backups=not undoes,
        journal=Journal(scene.instance.target, run),
        taken={server.id for server in scene.servers},
    )
    return carry_out(work, changes, command=command, undoes=undoes)
