"""How one command's result looks, in each format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from rich.console import RenderableType

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.fleet.runner import Outcome

T = TypeVar("T")

Row = dict[str, Any]


def _no_failure(_result: object) -> RemoteMailcfgError | None:
    return None


@dataclass(frozen=True, slots=True)
class View(Generic[T]):
    """The shapes of a result: `data` for JSON, `rows` for CSV, `text` for people.

    `columns` are the keys of each row, for the header where there is no row.
    `failure` tells what is wrong where a result is complete and bad all the same, for instance a
    test that failed. `alike` tells which results are the same to a person (default: the data);
    `differs` tells whether something is to be done, which is exit 3. `merged` makes one text of the
    results of all instances, which stands for theirs, and can be saved to a file. `undo` names the
    run that `rollback` can undo, `""` where there is none; `together` shows several results as one.
    """

    columns: Sequence[str] = field(kw_only=True)
    data: Callable[[T], dict[str, Any]]
    rows: Callable[[T], list[Row]]
    text: Callable[[T], RenderableType]
    failure: Callable[[T], RemoteMailcfgError | None] = _no_failure
    alike: Callable[[T], object] | None = None
    differs: Callable[[T], bool] | None = None
    merged: Callable[[Sequence[Outcome[T]]], str] | None = None
    undo: Callable[[T], str] | None = None
    together: Callable[[Sequence[Outcome[T]]], RenderableType] | None = None


#: Of a result that another command goes on with.
NOT_SHOWN: View[Any] = View(lambda _result: {}, lambda _result: [], lambda _result: "", columns=())
