"""Take a mail server out of use, for good or not, and back into use."""

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.change_server import (
    ChangedServer,
    Scene,
    leave,
    look_at,
    make_change,
    refuse_neutralized,
    refuse_used,
)
from remote_mailcfg.operations.entry import enter_to_change
from remote_mailcfg.plan.change import Change


def archive_server(
    target: Target, progress: Progress, *, named: str, force: bool, run: str, yes: bool = False
) -> ChangedServer:
    """Archive a server: it is never chosen again. Raises `in-use` unless `force`."""
    with enter_to_change(target, progress) as instance:
        scene = look_at(instance, progress, yes=yes)
        change = decide_archive(scene, named=named, force=force)
        return make_change(scene, change, test=False, run=run)


def decide_archive(scene: Scene, *, named: str, force: bool) -> Change | ChangedServer:
    """Return the change that archives a server; raises `in-use` unless `force`."""
    server = scene.find(named)
    if not server.active:
        return leave(scene, server, "is archived already")
    if not force:
        refuse_used(scene, server)
    return Change(action="archive", before=server, values={"active": False})


def unarchive_server(
    target: Target, progress: Progress, *, named: str, test: bool, force: bool, run: str
) -> ChangedServer:
    """Prove an archived server and make it active.

    Raises `test-failed`, or `unsafe-plan` on a neutralized database unless `force`.
    """
    with enter_to_change(target, progress) as instance:
        scene = look_at(instance, progress)
        server = scene.find(named)
        if server.active:
            return leave(scene, server, "is active already")
        if not force:
            refuse_neutralized(scene)
        change = Change(action="unarchive", before=server, values={"active": True})
        return make_change(scene, change, test=test, run=run)


def delete_server(
    target: Target, progress: Progress, *, named: str, force: bool, yes: bool, run: str
) -> ChangedServer:
    """Remove a server for good, after asking unless `yes`.

    Raises `in-use` unless `force`, `declined` when the answer is no.
    """
    with enter_to_change(target, progress) as instance:
        scene = look_at(instance, progress, yes=yes, spares_candidates=True)
        change = decide_delete(scene, named=named, force=force)
        server = change.after
        place = f"{server.smtp_host}:{server.smtp_port}"
        question = f"{target.name}: remove mail server {server.id} '{server.name}' ({place})?"
        if not yes and not progress.confirm(question):
            raise RemoteMailcfgError("declined", f"mail server {server.id} was not removed")
        return make_change(scene, change, test=False, run=run)


def decide_delete(scene: Scene, *, named: str, force: bool) -> Change:
    """Return the change that removes a server; raises `in-use` unless `force`."""
    server = scene.find(named)
    if not force:
        refuse_used(scene, server)
    return Change(action="delete", before=server, values={})
