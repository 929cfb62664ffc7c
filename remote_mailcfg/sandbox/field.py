"""Fields of the stand-in's models: what they tell, and how they take values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remote_mailcfg.sandbox.fault import RANGE, VALUE, FaultError

Row = dict[str, Any]

LARGEST_INTEGER = 2**31 - 1
#: What Odoo adds to every model.
MAGIC = ("create_uid", "create_date", "write_uid", "write_date")


@dataclass(frozen=True, slots=True)
class Field:
    """A field: what `fields_get` tells of it (`told`), its default, whether its rows hold it."""

    type: str
    default: Any = False
    relation: str = ""
    required: bool = False
    selection: tuple[tuple[str, str], ...] = ()
    secret: bool = False
    stored: bool = True
    told: Mapping[str, Any] = field(default_factory=dict)

    def describe(self, name: str) -> dict[str, Any]:
        """Return what `fields_get` tells, as far as it is known."""
        if self.told:
            return dict(self.told)
        told = {"name": name, "type": self.type, "required": self.required, "store": self.stored}
        if self.selection:
            told["selection"] = [list(pair) for pair in self.selection]
        return told

    def convert(self, place: str, value: Any) -> Any:
        """Return a value as the column takes it; `place` is `model.field`."""
        if self.selection and value and value not in dict(self.selection):
            raise FaultError(VALUE, f"Wrong value for {place}: {value!r}")
        if self.type == "boolean":
            return bool(value)
        if self.type == "integer":
            return _whole_number(value)
        if value is None or value is False:
            return self.default if self.type in {"float", "one2many"} else False
        return str(value) if self.type in {"char", "text", "html"} else value


def parse_field(told: Mapping[str, Any], default: Any) -> Field:
    """Return the field that an answer of `fields_get` tells of."""
    return Field(
        told["type"],
        default=default,
        relation=told.get("relation", ""),
        required=told["required"],
        selection=tuple((value, label) for value, label in told.get("selection", ())),
        secret="groups" in told,
        stored=told["store"],
        told=told,
    )


def _whole_number(value: Any) -> int:
    try:
        number = int(value or 0)
    except ValueError as error:
        raise FaultError(VALUE, str(error)) from error
    if abs(number) > LARGEST_INTEGER:
        raise FaultError(RANGE, "integer out of range\n")
    return number
