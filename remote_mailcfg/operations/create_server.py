"""Create a mail server: proved on the instance before it becomes active."""

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.model.values import Values
from remote_mailcfg.operations.change_server import (
    ChangedServer,
    look_at,
    make_change,
    refuse_invalid,
    refuse_neutralized,
)
from remote_mailcfg.operations.entry import enter_to_change
from remote_mailcfg.plan.change import Change


def create_server(
    target: Target, progress: Progress, *, values: Values, test: bool, force: bool, run: str
) -> ChangedServer:
    """Create an active mail server with these values.

    Raises `invalid-value`, `already-exists` for a name that is taken (archived servers included),
    `unsafe-plan` on a neutralized database, `test-failed`; `force` makes a second of the name, and
    one on a neutralized database.
    """
    with enter_to_change(target, progress) as instance:
        scene = look_at(instance, progress)
        refuse_invalid(scene, values, None)
        same_name = [server for server in scene.servers if server.name == values["name"]]
        if same_name and not force:
            ids = ", ".join(
                f"{server.id}{'' if server.active else ' (archived)'}" for server in same_name
            )
            raise RemoteMailcfgError(
                "already-exists",
                f"a mail server named '{values['name']}' exists: id {ids}",
                "Change it with `remote-mailcfg server update`; --force makes a second one.",
            )
        if not force:
            refuse_neutralized(scene)
        return make_change(
            scene, Change(action="create", before=None, values=values), test=test, run=run
        )
