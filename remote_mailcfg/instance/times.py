"""Odoo's times: texts in UTC that do not say so."""

from datetime import UTC, datetime
from typing import Final

#: How Odoo writes and takes a time.
FORMAT: Final = "%Y-%m-%d %H:%M:%S"


def parse_time(text: str) -> datetime:
    """Return the aware time of a text as Odoo answers it."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def find_time(text: str | bool) -> datetime | None:  # noqa: FBT001 - what is not set is False
    """Return the time of a field that may not be set."""
    return parse_time(text) if isinstance(text, str) and text else None
