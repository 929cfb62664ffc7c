"""What `apply` and `rollback` did, as JSON, CSV and text."""

from dataclasses import asdict
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from remote_mailcfg.operations.apply_servers import AppliedServers
from remote_mailcfg.report.plan import make_change_lines, render_change
from remote_mailcfg.report.tests import make_test
from remote_mailcfg.report.view import Row, View

STYLES: Final = {"done": "green", "failed": "bold red", "undone": "yellow"}


def _data(result: AppliedServers) -> dict[str, Any]:
    changes = []
    for planned, carried in result.changes:
        shown = render_change(planned) | {"outcome": carried.outcome if carried else "done"}
        if carried and carried.server_id:
            shown["server"]["id"] = carried.server_id
        changes.append(shown | ({"test": asdict(carried.test)} if carried and carried.test else {}))
    run: dict[str, Any] = {"run": result.run or None}
    undoes = {"undoes": result.undoes} if result.undoes else {}
    return run | undoes | {"changes": changes}


def _rows(result: AppliedServers) -> list[Row]:
    return [
        {
            "action": planned.action,
            "key": planned.key,
            "id": carried.server_id if carried else planned.server_id,
            "name": planned.name,
            "outcome": carried.outcome if carried else "done",
            "run": result.run,
        }
        for planned, carried in result.changes
    ]


def _text(result: AppliedServers) -> RenderableType:
    lines: list[RenderableType] = []
    for planned, carried in result.changes:
        head, *fields = make_change_lines(planned)
        if carried:
            head.append(": ").append(carried.outcome, style=STYLES[carried.outcome])
        lines += [head, *fields]
        if carried and carried.test:
            lines.append(Text("    test ").append(make_test(carried.test)))
    if not result.run:
        lines.append(Text("Nothing to do."))
    return Group(*lines)


def _alike(result: AppliedServers) -> object:
    """Return what makes two results the same to a person: not ids, not how long tests took."""
    data = _data(result)
    for change in data["changes"]:
        change["server"].pop("id")
        change.pop("test", None)
    return data


def _undo(result: AppliedServers) -> str:
    return result.run if result.error is None and not result.undoes else ""


APPLIED: Final = View(
    _data,
    _rows,
    _text,
    lambda result: result.error,
    alike=_alike,
    undo=_undo,
    columns=("action", "key", "id", "name", "outcome", "run"),
)
