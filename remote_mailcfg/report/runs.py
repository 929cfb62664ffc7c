"""The runs of the journal, as JSON, CSV and text."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.operations.forget_run import ForgottenRun
from remote_mailcfg.operations.list_runs import RunList
from remote_mailcfg.report.table import make_table, plain
from remote_mailcfg.report.view import Row, View
from remote_mailcfg.store.runs import JournaledChange, JournaledRun

COLUMNS: Final = ("run", "at", "state", "command", "changes")
#: How many instances are named in a line.
MOST_NAMES: Final = 3
STYLES: Final = {
    "done": "green",
    "failed": "red",
    "interrupted": "yellow",
    "cut off": "bold red",
    "running": "yellow",
}


def _change(change: JournaledChange) -> dict[str, Any]:
    secrets = {name: "set" if is_set else "" for name, is_set in change.secrets.items()}
    was = change.before
    return {
        "action": change.action,
        "server": {"key": change.key, "id": change.server_id, "name": change.name},
        "fields": {
            name: {"from": getattr(was, name, None), "to": it} for name, it in change.values.items()
        }
        | {name: {"from": None, "to": it} for name, it in secrets.items()},
        "outcome": change.outcome or None,
        "steps": dict(change.steps),
        "reasons": dict(change.reasons),
    }


def render_run(run: JournaledRun) -> dict[str, Any]:
    """Return a run of the JSON contract."""
    return {
        "run": run.name,
        "at": run.at,
        "state": run.state,
        "command": run.command,
        "undoes": run.undoes or None,
        "changes": [_change(change) for change in run.changes],
    }


def _rows(result: RunList) -> list[Row]:
    return [
        {
            "run": run.name,
            "at": run.at,
            "state": run.state,
            "command": run.command,
            "changes": len(run.changes),
        }
        for run in result.runs
    ]


def _text(result: RunList) -> RenderableType:
    if not result.runs:
        return Text("No run: this machine has changed nothing here.")
    rows = [
        (
            run.name,
            Text(run.state, style=STYLES.get(run.state, "dim")),
            run.command,
            ", ".join(f"{it.action} {it.name}" for it in run.changes),
        )
        for run in result.runs
    ]
    return make_table(("Run (UTC)", "State", "Command", "Changes"), rows)


def _one_text(result: RunList) -> RenderableType:
    return Group(*(line for run in result.runs for line in _lines(run)))


def _lines(run: JournaledRun) -> list[Text]:
    undoes = f", undoes {run.undoes}" if run.undoes else ""
    lines = [Text(f"Run {run.name} ({run.command}{undoes}), begun {run.at}: {run.state}")]
    for change in run.changes:
        shown = _change(change)
        outcome = f": {change.outcome}" if change.outcome else ""
        key = f" ({change.key})" if change.key else ""
        lines.append(
            Text(
                f"  {change.action} {change.server_id or 'new'} {plain(change.name)}{key}{outcome}"
            )
        )
        for name, it in shown["fields"].items():
            is_secret = name in change.secrets
            before = "(not shown)" if is_secret else _shown(it["from"])
            lines.append(Text(f"    {name}: {before} -> {_shown(it['to'])}"))
        steps = [f"{step} {state}" for step, state in change.steps.items()]
        lines.append(Text(f"    steps: {', '.join(steps) or 'none'}", style="dim"))
        lines += [Text(f"    {step}: {plain(why)}") for step, why in change.reasons.items()]
    return lines


def _shown(value: object) -> str:
    """Return a value as people read it; what is empty is not set."""
    if value is None or value is False or value == "":
        return "(not set)"
    return plain(value if isinstance(value, str) else repr(value))


def _together(outcomes: Sequence[Outcome[RunList]]) -> RenderableType:
    """Return one line for each run, the latest first, whatever instances it was on."""
    runs: dict[str, list[tuple[str, JournaledRun]]] = {}
    for outcome in outcomes:
        for run in outcome.result.runs if outcome.result else ():
            runs.setdefault(run.name, []).append((outcome.target.name, run))
    if not runs:
        return Text("No run: this machine has changed nothing here.")
    latest = sorted(
        runs.values(), key=lambda it: max((run.sequence, run.name) for _, run in it), reverse=True
    )
    return make_table(("Run (UTC)", "State", "Command", "Instances", "Changes"), map(_line, latest))


def _line(of_run: Sequence[tuple[str, JournaledRun]]) -> Sequence[str | Text]:
    run = of_run[0][1]
    names = list(dict.fromkeys(name for name, _run in of_run))
    states = Counter(run.state for _name, run in of_run)
    state = (
        Text(run.state, style=STYLES.get(run.state, "dim"))
        if len(states) == 1
        else Text(", ".join(f"{count} {state}" for state, count in states.items()))
    )
    changes = dict.fromkeys(
        f"{change.action} {change.name}" for _name, run in of_run for change in run.changes
    )
    shown = ", ".join(names) if len(names) <= MOST_NAMES else str(len(names))
    return (run.name, state, run.command, shown, ", ".join(changes))


def _forgotten(result: ForgottenRun) -> dict[str, Any]:
    return {"run": result.run.name, "backups": result.backups}


RUNS: Final = View(
    lambda it: {"runs": [render_run(run) for run in it.runs]},
    _rows,
    _text,
    together=_together,
    columns=COLUMNS,
)
RUN: Final = View(lambda it: render_run(it.runs[0]), _rows, _one_text, columns=COLUMNS)
FORGOTTEN: Final = View(
    _forgotten,
    lambda it: [_forgotten(it)],
    lambda it: Text(f"Run {it.run.name} is forgotten, {it.backups} backup(s) removed."),
    columns=("run", "backups"),
)
