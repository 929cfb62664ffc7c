"""The results of many instances for people: what is the same is said once, failures come last."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

from rich.console import Group, RenderableType
from rich.text import Text

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.report.envelope import failure_of
from remote_mailcfg.report.table import make_error, plain
from remote_mailcfg.report.view import Row, View

T = TypeVar("T")

#: Codes of instances with which nothing is wrong as far as anybody knows.
NOT_DONE: Final = frozenset({"not-tried", "interrupted"})
ALWAYS_TOLD: Final = frozenset({"ok", "failed"})
#: How many names a heading holds; JSON has all of them.
MOST_NAMES: Final = 20


def make_results(outcomes: Sequence[Outcome[T]], view: View[T]) -> Iterator[RenderableType]:
    """Yield each different result once, under the names of the instances that gave it."""
    groups: dict[str, list[Outcome[T]]] = {}
    for outcome in outcomes:
        if outcome.result is not None:
            same = (view.alike or view.data)(outcome.result)
            key = json.dumps(same, sort_keys=True, default=str)
            groups.setdefault(key, []).append(outcome)
    for group in groups.values():
        assert group[0].result is not None  # noqa: S101 - for mypy: so they were chosen
        yield Group(_heading(it.target.name for it in group), view.text(group[0].result), Text())


def make_failures(outcomes: Sequence[Outcome[T]], view: View[T]) -> Iterator[Text]:
    """Yield each different failure once, with the names of the instances that it is of."""
    groups: dict[tuple[str, str, str], tuple[list[str], RemoteMailcfgError, str]] = {}
    for outcome in outcomes:
        if (failure := failure_of(outcome, view)) is not None:
            place = outcome.target.url
            key = (failure.code, failure.message.replace(place, "URL"), failure.hint)
            groups.setdefault(key, ([], failure, place))[0].append(outcome.target.name)
    for names, failure, place in groups.values():
        # the address of the first would be wrong for the others
        message = (
            failure.message.replace(place, "the address") if len(names) > 1 else failure.message
        )
        told = RemoteMailcfgError(failure.code, message, failure.hint)
        yield make_error(_listing(names), told)


def make_summary(outcomes: Sequence[Outcome[T]], view: View[T]) -> str:
    """Return how many instances there were, and how many of them failed."""
    codes = [failure.code if (failure := failure_of(it, view)) else "" for it in outcomes]
    counts = {
        "ok": codes.count(""),
        "failed": sum(code not in {"", *NOT_DONE} for code in codes),
        "not tried": codes.count("not-tried"),
        "not finished": codes.count("interrupted"),
    }
    told = [f"{count} {what}" for what, count in counts.items() if count or what in ALWAYS_TOLD]
    return f"{len(outcomes)} instances: {', '.join(told)}"


def make_rows(outcomes: Sequence[Outcome[T]], view: View[T]) -> list[Row]:
    """Return the rows of all results, with the instance's name before each."""
    return [
        {"instance": outcome.target.name} | row
        for outcome in outcomes
        if outcome.result is not None
        for row in view.rows(outcome.result)
    ]


def _heading(names: Iterable[str]) -> Text:
    return Text(plain(_listing(list(names))), style="bold")


def _listing(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{len(names)} instances: {', '.join(names[:MOST_NAMES])}{more}"
