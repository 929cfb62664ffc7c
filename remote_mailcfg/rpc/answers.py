"""What the answer of a call has to look like: small readers, each of which says what it expects.

A reader returns what it read, with what is not set in one form (`""`, None), or raises. Its error
becomes one of ours in `check_shape`, which names the call and the types, never a value.
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from remote_mailcfg.errors import TransportError

Reader = Callable[[Any], Any]

#: The numbers of Odoo's integer fields are PostgreSQL's `int4`, counts are `int8`.
_LARGEST: Final = 2**31
_LARGEST_COUNT: Final = 2**63

_TYPES: Final[Mapping[type, str]] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    tuple: "a list",
    dict: "an object",
}


class _UnexpectedError(Exception):
    """An answer, or a part of it, is not what was expected; `place` is what the part is."""

    def __init__(self, expected: str, value: Any, place: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.got = _TYPES.get(type(value), "something else")
        self.place = place


def check_shape(answer: Any, reader: Reader, url: str, what: str) -> Any:
    """Return what a reader reads in the answer to the call `what`; raises `not-odoo`."""
    try:
        return reader(answer)
    except _UnexpectedError as error:
        place = f" for {error.place}" if error.place else ""
        raise TransportError(
            "not-odoo",
            f"{url} answered {what} with {error.got}{place}; expected {error.expected}",
            "Odoo does not answer like that: check the address, and what a proxy or a module of"
            " the instance does to its answers.",
        ) from None


def anything(value: Any) -> Any:
    """Take any answer: of a call that is for its effect."""
    return value


def text(value: Any) -> str:
    """Read a text; what is not set is `""`."""
    if value is False or value is None:
        return ""
    if not isinstance(value, str):
        raise _UnexpectedError("text or false", value)
    return value


def as_text(value: Any) -> str:
    """Read a value of any type as text, the way Odoo stores it: `True`, `5`; not set is `""`."""
    if value is False or value is None:
        return ""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value)
    return str(value)


def is_set(value: Any) -> bool:
    """Tell whether a text is set, whatever it is: with `bin_size`, a file is its size."""
    return bool(text(value))


def flag(value: Any) -> bool:
    """Read true or false."""
    if value is not None and not isinstance(value, bool):
        raise _UnexpectedError("true or false", value)
    return bool(value)


def whole(value: Any) -> int:
    """Read a whole number of a field."""
    return _whole(value, _LARGEST, "a whole number")


def count(value: Any) -> int:
    """Read how many there are."""
    found = _whole(value, _LARGEST_COUNT, "a count")
    if found < 0:
        raise _UnexpectedError("a count", value)
    return found


def record_id(value: Any) -> int:
    """Read the id of a record; also the only one in a list (`copy` of 19)."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    found = _whole(value, _LARGEST, "the id of a record")
    if found <= 0:
        raise _UnexpectedError("the id of a record", value)
    return found


def id_or_false(value: Any) -> int:
    """Read the id of a record; 0 where there is none."""
    return record_id(value) if value not in (False, None) else 0


def _whole(value: Any, largest: int, expected: str) -> int:
    # XML-RPC has a float for what is too large for its integers
    is_whole = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_whole or not -largest <= value < largest or value != int(value):
        raise _UnexpectedError(expected, value)
    return int(value)


def number(value: Any) -> float:
    """Read a number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not -_LARGEST_COUNT < value < _LARGEST_COUNT or math.isnan(value):
        raise _UnexpectedError("a number", value)
    return float(value) if isinstance(value, float) else value


def many2one(value: Any) -> tuple[int, str] | None:
    """Read the id and the name of a record that a field points to; None where it is not set."""
    if value is False or value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise _UnexpectedError("an id with a name, or false", value)
    return record_id(value[0]), text(value[1])


def reference(value: Any) -> tuple[int, str]:
    """Read a `many2one` that is always set."""
    found = many2one(value)
    if found is None:
        raise _UnexpectedError("an id with a name", value)
    return found


def record_ids(value: Any) -> list[int]:
    """Read the ids of records."""
    found: list[int] = list_of(record_id)(value)
    return found


def time(value: Any) -> datetime | None:
    """Read a time in UTC, as Odoo writes it: `2026-11-28 04:27:19`; None where it is not set."""
    if not text(value):
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        raise _UnexpectedError("a time or false", value) from None


def some_time(value: Any) -> datetime:
    """Read a time of which there always is one; where a record has none, it is long ago."""
    return time(value) or datetime.fromtimestamp(0, UTC)


def seconds(value: Any) -> datetime | None:
    """Read a time in seconds since 1970; None where it is not set, or 0."""
    found = whole(value or 0)
    return datetime.fromtimestamp(found, UTC) if found > 0 else None


def binary(value: Any) -> str:
    """Read the text in a binary field, `""` where it is not set; what is no text stays visible."""
    try:
        return base64.b64decode(text(value)).decode(errors="replace")
    except ValueError:
        raise _UnexpectedError("base64 or false", value) from None


def list_of(reader: Reader) -> Reader:
    """Read a list of what the reader reads."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise _UnexpectedError("a list", value)
        return [_read_at(reader, item, "an item of the list") for item in value]

    return read


class Optional:
    """A reader of what some versions or modules leave out."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __call__(self, value: Any) -> Any:
        """Read what is there."""
        return self._reader(value)


def fields(**readers: Reader) -> Reader:
    """Read an object that has these keys, but for `Optional` ones; what else it has is left out."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _UnexpectedError("an object", value)
        found = {}
        for key, reader in readers.items():
            if key in value:
                found[key] = _read_at(reader, value[key], repr(key))
            elif not isinstance(reader, Optional):
                raise _UnexpectedError(f"its {key!r}", value)
        return found

    return read


def records(**readers: Reader) -> Reader:
    """Read the records that `read` and `search_read` answer: each has these fields."""
    return list_of(fields(**readers))


def one_record(**readers: Reader) -> Reader:
    """Read the only record in a list."""
    read_all = records(**readers)

    def read(value: Any) -> Any:
        found = read_all(value)
        if len(found) != 1:
            raise _UnexpectedError("a list of one record", value)
        return found[0]

    return read


def definitions(value: Any) -> dict[str, dict[str, Any]]:
    """Read what `fields_get` says: the attributes of each field, by its name.

    A `selection` is pairs of a value and its label.
    """
    return {name: _read_at(_definition, it, repr(name)) for name, it in by_name(value).items()}


def _definition(value: Any) -> dict[str, Any]:
    attributes = by_name(value)
    pairs = attributes.get("selection") or []
    return attributes | {"selection": _read_at(list_of(_pair), pairs, "'selection'")}


def _pair(value: Any) -> tuple[str, Any]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise _UnexpectedError("a value with its label", value)
    return text(value[0]), value[1]


def session_info(value: Any) -> dict[str, Any]:
    """Read what a web session tells about itself, with developer mode in `bundle_params`."""
    found = by_name(value)
    bundle = _read_at(by_name, found.get("bundle_params") or {}, "'bundle_params'")
    return found | {"bundle_params": bundle}


def by_name(value: Any) -> dict[str, Any]:
    """Read an object, whatever it has."""
    if not isinstance(value, dict):
        raise _UnexpectedError("an object", value)
    return value


def _read_at(reader: Reader, value: Any, place: str) -> Any:
    """Read a part of an answer; an error says which it is."""
    try:
        return reader(value)
    except _UnexpectedError as error:
        if not error.place or error.place.startswith("an item"):
            error.place = place if not error.place else f"{error.place} of {place}"
        raise
