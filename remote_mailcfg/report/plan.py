"""A plan as JSON, CSV and text."""

from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from remote_mailcfg.operations.plan_servers import PlannedServers
from remote_mailcfg.plan.server_plan import FieldChange, PlannedChange
from remote_mailcfg.report.table import plain
from remote_mailcfg.report.view import Row, View

#: How each action is shown: a sign and a colour, as diffs have them.
SIGNS: Final = {
    "create": ("+", "green"),
    "adopt": ("~", "yellow"),
    "update": ("~", "yellow"),
    "archive": ("-", "red"),
    "unarchive": ("+", "green"),
    "delete": ("-", "red"),
    "unchanged": (" ", "dim"),
}


def render_change(change: PlannedChange) -> dict[str, Any]:
    """Return a change of the JSON contract; secrets are words."""
    shown: dict[str, Any] = {
        "action": change.action,
        "server": {"key": change.key, "id": change.server_id, "name": change.name},
        "fields": {name: {"from": it.before, "to": it.after} for name, it in change.fields.items()},
    }
    return shown | ({"cannot_tell": list(change.cannot_tell)} if change.cannot_tell else {})


def _data(result: PlannedServers) -> dict[str, Any]:
    plan = result.plan
    return {
        "fingerprint": plan.fingerprint,
        "changes": [render_change(change) for change in plan.changes],
        "unmanaged": [{"id": it.id, "name": it.name} for it in plan.unmanaged],
    } | ({"dangers": [it.text for it in result.dangers]} if result.dangers else {})


def _alike(result: PlannedServers) -> object:
    """Return what makes two plans the same to a person: not ids, not fingerprints."""
    changes = [render_change(change) for change in result.plan.changes]
    for change in changes:
        change["server"].pop("id")
    return changes, [it.name for it in result.plan.unmanaged], result.notes, result.dangers


def _rows(result: PlannedServers) -> list[Row]:
    return [
        {
            "action": change.action,
            "key": change.key,
            "id": change.server_id,
            "name": change.name,
            "field": name,
            "from": it.before,
            "to": it.after,
        }
        for change in result.plan.changes
        for name, it in (change.fields or {"": FieldChange(None, None)}).items()
    ]


def _text(result: PlannedServers) -> RenderableType:
    lines = [line for change in result.plan.changes for line in make_change_lines(change)]
    lines += [
        Text(f"? {plain(it.name)}: active, and not in the file; left alone")
        for it in result.plan.unmanaged
    ]
    lines += [Text(f"cannot tell: {plain(note)}", style="yellow") for note in result.notes]
    lines += [
        Text(
            f"apply would refuse: {plain(it.text)} ({it.allowed_by} allows it)",
            style="red",
        )
        for it in result.dangers
    ]
    if result.plan.is_empty:
        lines.append(Text("Nothing to do."))
    return Group(*lines)


def make_change_lines(change: PlannedChange) -> list[Text]:
    """Return a change as people read it: what is done to which server, then field by field."""
    sign, style = SIGNS[change.action]
    key = f" ({change.key})" if change.key else ""
    lines = [Text(f"{sign} {change.action} {plain(change.name)}{key}", style=style)]
    return lines + [Text(f"    {name}: {_told(it)}") for name, it in change.fields.items()]


def _told(change: FieldChange) -> str:
    return f"{_value(change.before)} -> {_value(change.after)}"


def _value(value: object) -> str:
    if value is None or value == "":
        return "(not set)"
    return str(value).lower() if isinstance(value, bool) else plain(str(value))


PLAN: Final = View(
    _data,
    _rows,
    _text,
    alike=_alike,
    differs=lambda result: not result.plan.is_empty,
    columns=("action", "key", "id", "name", "field", "from", "to"),
)
