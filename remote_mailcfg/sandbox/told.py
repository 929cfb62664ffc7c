"""What real servers told about themselves, as it was recorded: fields, menus, session."""

import functools
import json
from pathlib import Path
from typing import Any

from remote_mailcfg.sandbox.field import Field, parse_field


@functools.cache
def load_told(version: int) -> dict[str, Any]:
    """Return `fields_get` by model, `session_info`, `menus`, `developer_menus` and `action`."""
    path = Path(__file__).with_name(f"odoo-{version}.json")
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told


def told_fields(version: int, model: str, defaults: dict[str, Any]) -> dict[str, Field]:
    """Return the fields of a model that were told of."""
    empty = {"integer": 0, "float": 0.0, "one2many": []}
    fields = load_told(version)["fields_get"].get(model, {})
    return {
        name: parse_field(it, defaults.get(name, empty.get(it["type"], False)))
        for name, it in fields.items()
        if "store" in it
    }
