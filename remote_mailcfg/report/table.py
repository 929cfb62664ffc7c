"""Tables that fit 80 columns, and the small texts around them."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.masking import neutralize, shorten

#: Codes of what the user chose: these are told without the word error.
NO_FAULTS: Final = frozenset({"declined", "interrupted"})
#: An error may list problems, a line each; so much of it is shown.
MOST_OF_A_MESSAGE: Final = 8000
#: A larger table is laid out in a simpler way.
MOST_ROWS: Final = 500
MOST_CHARACTERS: Final = 100_000
#: Blanks between two columns.
GAP: Final = 2


def make_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> RenderableType:
    """Return a table without a frame; a long cell is folded, a very long text is cut."""
    rows = list(rows)
    if len(rows) > MOST_ROWS or sum(len(cell) for row in rows for cell in row) > MOST_CHARACTERS:
        return _LongTable(columns, rows)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # as Text: what a server holds is never read as markup
        cells = (cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row)
        table.add_row(*cells)
    return table


class _LongTable:
    """A table without colours, for what `Table` would lay out for a minute."""

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
        self._head = [[column] for column in columns]
        self._rows = [
            [(cell.plain if isinstance(cell, Text) else plain(cell)).split("\n") for cell in row]
            for row in rows
        ]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the lines of the head and of all rows, some at once."""
        columns = zip(self._head, *self._rows, strict=True)
        widths = [max(cell_len(line) for cell in it for line in cell) for it in columns]
        excess = sum(widths) + GAP * len(widths) - options.max_width
        while excess > 0 and max(widths) > 1:
            widest = widths.index(max(widths))
            less = min(excess, max(1, widths[widest] - sorted(widths)[-2:][0]))
            widths[widest] = max(1, widths[widest] - less)
            excess -= less
        yield Segment(self._lay_out(self._head, widths), Style(bold=True))
        for row in self._rows:
            yield Segment(self._lay_out(row, widths))

    @staticmethod
    def _lay_out(row: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
        cells = [
            [part for line in cell for part in _fold(line, width)]
            for cell, width in zip(row, widths, strict=True)
        ]
        return "".join(
            (" " * GAP).join(map(set_cell_size, parts, widths)).rstrip() + "\n"
            for parts in zip_longest(*cells, fillvalue="")
        )


def _fold(line: str, width: int) -> list[str]:
    if cell_len(line) <= width:
        return [line]
    return (textwrap.wrap(line, width) if line.isascii() else chop_cells(line, width)) or [""]


def plain(text: str) -> str:
    """Return a text of an instance as people are shown it: disarmed, and not longer than useful."""
    return neutralize(shorten(text))


def make_error(instance: str, error: RemoteMailcfgError) -> Text:
    """Return an error as people read it: for which instance, what, and the next step."""
    text = Text() if error.code in NO_FAULTS else Text.assemble(("error", "bold red"), ": ")
    message = neutralize(shorten(error.message, MOST_OF_A_MESSAGE), begins_line=False)
    text.append(f"{instance}: " if instance else "").append(message.replace("\n", "\n  "))
    if error.hint:
        text.append("\n  ").append("next", style="bold").append(f": {error.hint}")
    return text


def render_time(moment: datetime) -> str:
    """Return a moment (aware) as it is written everywhere: `2026-01-02T03:04:05Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def yes_no(value: bool) -> str:  # noqa: FBT001 - it renders a truth value
    """Return `yes` or `no`."""
    return "yes" if value else "no"
