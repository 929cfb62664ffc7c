"""Tables that fit 80 columns, and the small texts around them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.masking import neutralize, shorten

#: Codes of what the user chose: these are told without the word error.
NO_FAULTS: Final = frozenset({"declined", "interrupted"})
#: An error may list problems, a line each; so much of it is shown.
MOST_OF_A_MESSAGE: Final = 8000


def make_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """Return a table without a frame; a long cell is folded, a very long text is cut."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # as Text: what a server holds is never read as markup
        cells = (cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row)
        table.add_row(*cells)
    return table


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
