"""Update a mail server: the new connection is proved on an archived copy first."""

from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.model.values import Values
from remote_mailcfg.operations.change_server import (
    ChangedServer,
    Scene,
    leave,
    look_at,
    make_change,
    refuse_invalid,
)
from remote_mailcfg.operations.entry import enter_to_change
from remote_mailcfg.plan.change import Change, drop_unchanged


def update_server(
    target: Target,
    progress: Progress,
    *,
    named: str,
    values: Values,
    test: bool,
    run: str,
    yes: bool = False,
) -> ChangedServer:
    """Change these values of one server and nothing else.

    Raises `not-found`, `ambiguous`, `invalid-value`, `test-failed` (the live record is untouched
    then) or `not-verified`.
    """
    with enter_to_change(target, progress) as instance:
        scene = look_at(instance, progress, yes=yes)
        change = decide_update(scene, named=named, values=values)
        if isinstance(change, Change) and "smtp_pass" in change.values:
            progress.note(f"{target.name}: the password is part of the change")
        return make_change(scene, change, test=test, run=run)


def decide_update(scene: Scene, *, named: str, values: Values) -> Change | ChangedServer:
    """Return the change of those values that differ; see `update_server` for what it raises."""
    server = scene.find(named)
    refuse_invalid(scene, values, server)
    if server.ours is not None:
        raise ConfigurationError(
            "invalid-value",
            f"mail server {server.id} is a {server.ours} of this tool, not one to update",
            f"`remote-mailcfg server delete {server.id}` removes it.",
        )
    changed = drop_unchanged(values, server)
    if not changed:
        return leave(scene, server, "already has these values")
    return Change(action="update", before=server, values=changed)
