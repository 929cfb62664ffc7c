"""The JSON of an instance command: one envelope, for one instance and for a thousand."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, TypeVar

from remote_mailcfg.errors import RemoteMailcfgError, describe_bug
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.report.view import View

T = TypeVar("T")

CRASH_MESSAGE = "a bug of remote-mailcfg; the standard error output says what to report"


def render_envelope(command: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the envelope around results of `render_outcome`, in their order."""
    ok = sum(result["ok"] for result in results)
    summary = {"total": len(results), "ok": ok, "failed": len(results) - ok}
    return {"command": command, "results": results, "summary": summary}


def render_own(data: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a command that is about no instance."""
    return {"instance": None, "url": None, "ok": True, "data": data}


def render_refusal(error: RemoteMailcfgError) -> dict[str, Any]:
    """Return the result for an error that is of no instance."""
    return {"instance": None, "url": None, "ok": False, "error": render_error(error)}


def render_outcome(outcome: Outcome[T], view: View[T]) -> dict[str, Any]:
    """Return one result of the envelope. A complete result that is bad has `data` and `error`."""
    result: dict[str, Any] = {
        "instance": outcome.target.name,
        "url": outcome.target.url,
        "ok": failure_of(outcome, view) is None,
    }
    if outcome.result is not None:
        result["data"] = view.data(outcome.result)
    if (error := failure_of(outcome, view)) is not None:
        result["error"] = render_error(error)
    return result


def contain(outcome: Outcome[T], render: Callable[[Outcome[T]], object]) -> Outcome[T]:
    """Return the outcome, or a crash where it cannot be rendered: the others still are."""
    try:
        render(outcome)
    except Exception as bug:  # noqa: BLE001 - a bug is reported as one, the others are shown
        return Outcome(outcome.target, crash=describe_bug(bug))
    return outcome


def failure_of(outcome: Outcome[T], view: View[T]) -> RemoteMailcfgError | None:
    """Return what is wrong with an outcome, None where nothing is."""
    if outcome.crash is not None:
        return RemoteMailcfgError("crashed", CRASH_MESSAGE)
    if outcome.result is not None:
        return view.failure(outcome.result)
    return outcome.error


def dump_json(value: object, *, indent: int | None = 2) -> str:
    """Return a document as JSON, in ASCII; no log takes a text in it for a command."""
    return _without_commands(json.dumps(value, indent=indent))


def iterate_json(value: object, *, indent: int | None = 2) -> Iterator[str]:
    """Yield what `dump_json` returns, part by part."""
    yield from map(_without_commands, json.JSONEncoder(indent=indent).iterencode(value))


def _without_commands(text: str) -> str:
    return text.replace("##", r"#\u0023")


def render_error(error: RemoteMailcfgError) -> dict[str, Any]:
    """Return an error as the envelope shows it, with the test that failed where there is one."""
    shown = {"code": error.code, "message": error.message, "hint": error.hint}
    return shown | {name: asdict(value) for name, value in error.details.items()}
