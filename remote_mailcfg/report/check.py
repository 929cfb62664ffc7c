"""The steps of `check` as JSON, CSV and text."""

from dataclasses import asdict
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from remote_mailcfg.operations.check import CheckResult, Step
from remote_mailcfg.report.table import make_table, plain
from remote_mailcfg.report.view import Row, View

MARKS: Final = {True: ("ok", "green"), False: ("not ok", "bold red"), None: ("-", "dim")}


def _data(result: CheckResult) -> dict[str, Any]:
    return {
        "version": result.version or None,
        "openspp": result.openspp,
        "protocol": result.protocol or None,
        "steps": _rows(result),
    }


def _rows(result: CheckResult) -> list[Row]:
    return [asdict(step) for step in result.steps]


def _text(result: CheckResult) -> RenderableType:
    return make_table(
        ("Step", "", "What was found"),
        [(s.step, Text(*MARKS[s.ok]), _found(s, result.openspp)) for s in result.steps],
    )


def _found(step: Step, openspp: bool | None) -> Text:  # noqa: FBT001 - it is one of the findings
    text = Text(plain(step.detail))
    if step.step == "version" and openspp is not None:
        text.append(", with OpenSPP" if openspp else ", plain Odoo without OpenSPP")
    if step.hint:
        text.append("\nnext", style="bold").append(f": {step.hint}")
    return text


CHECK: Final = View(
    _data,
    _rows,
    _text,
    lambda result: result.failure,
    columns=("step", "ok", "detail", "hint"),
)
