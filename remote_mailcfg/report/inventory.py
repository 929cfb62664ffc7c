"""The instances of an inventory as JSON, CSV and a table; never a secret."""

from collections.abc import Iterable
from typing import Any, Final

from rich.console import RenderableType

from remote_mailcfg.config.entry import Entry
from remote_mailcfg.config.secrets import show_reference
from remote_mailcfg.report.table import make_table
from remote_mailcfg.report.view import Row, View

COLUMNS: Final = ("Name", "URL", "Database", "Login", "Role", "Tags", "Secrets")


def _data(entry: Entry) -> dict[str, Any]:
    target = entry.target
    return {
        "name": target.name,
        "url": target.url,
        "database": target.database,
        "login": target.login,
        "role": target.role,
        "tags": list(target.tags),
        "references": {field: show_reference(it) for field, it in entry.references},
    }


def _row(entry: Entry, *, between: str = " ") -> Row:
    data = _data(entry)
    references = [f"{field}={it}" for field, it in data["references"].items()]
    return data | {
        "role": data["role"] or "",
        "tags": between.join(data["tags"]),
        "references": between.join(references),
    }


def make_instances(entries: Iterable[Entry]) -> RenderableType:
    """Return one row an instance."""
    return make_table(COLUMNS, ([*_row(entry, between="\n").values()] for entry in entries))


ENTRY: Final = View(
    _data,
    lambda entry: [_row(entry)],
    lambda entry: make_instances([entry]),
    columns=("name", "url", "database", "login", "role", "tags", "references"),
)
