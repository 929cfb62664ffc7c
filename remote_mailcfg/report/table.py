"""Tables that fit 80 columns, and the small texts around them."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from remote_mailcfg.errors import RemoteMailcfgError

#: Codes of what the user chose: these are told without the word error.
NO_FAULTS: Final = frozenset({"declined", "interrupted"})
#: What a terminal would obey: control characters but line feed and tab, made visible.
CONTROL: Final = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if code not in {9, 10}}


def make_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """Return a table without a frame; a long cell is folded, never cut."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # as Text: what a server holds is never read as markup
        cells = (cell if isinstance(cell, Text) else Text(cell.translate(CONTROL)) for cell in row)
        table.add_row(*cells)
    return table


def make_error(instance: str, error: RemoteMailcfgError) -> Text:
    """Return an error as people read it: for which instance, what, and the next step."""
    text = Text() if error.code in NO_FAULTS else Text.assemble(("error", "bold red"), ": ")
    text.append(f"{instance}: " if instance else "").append(error.message.replace("\n", "\n  "))
    if error.hint:
        text.append("\n  ").append("next", style="bold").append(f": {error.hint}")
    return text


def yes_no(value: bool) -> str:  # noqa: FBT001 - it renders a truth value
    """Return `yes` or `no`."""
    return "yes" if value else "no"
