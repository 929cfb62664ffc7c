"""One model of the stand-in: records in memory, and the methods that every model of Odoo has."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from tests.stand_in.fault import ACCESS, VALIDATION, VALUE, FaultError, UnknownError

if TYPE_CHECKING:
    from tests.stand_in.odoo import Odoo, Session

Row = dict[str, Any]
Version = Literal[17, 19]

#: The methods that act on a model; every other one takes ids first.
MODEL_METHODS = frozenset(
    {"context_get", "create", "default_get", "fields_get", "search", "search_count", "search_read"}
)


@dataclass(frozen=True, slots=True)
class Field:
    """What `fields_get` tells of a field, the default, and whether only administrators see it."""

    type: str
    default: Any = False
    relation: str = ""
    required: bool = False
    selection: tuple[tuple[str, str], ...] = ()
    secret: bool = False
    stored: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, with which context; `session` is None over RPC."""

    odoo: "Odoo"
    uid: int
    context: Mapping[str, Any] = field(default_factory=dict)
    session: "Session | None" = None

    @property
    def is_system(self) -> bool:
        return bool(self.odoo.users.rows[self.uid]["is_system"])


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


class Model:
    """A table. Subclasses name their fields and add methods of their own."""

    name: ClassVar[str]
    title: ClassVar[str] = ""
    order: ClassVar[str] = "id"
    system_only: ClassVar[bool] = True
    fields: Mapping[str, Field]

    def __init__(self, version: Version) -> None:
        self.version = version
        self.rows: dict[int, Row] = {}
        self._last_id = 0

    # What RPC calls

    def fields_get(self, call: Call, attributes: Sequence[str] = ()) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for name, it in self.fields.items():
            told = {"type": it.type, "required": it.required}
            if it.selection:
                told["selection"] = [list(pair) for pair in it.selection]
            if call.is_system or not it.secret:
                shown[name] = {k: v for k, v in told.items() if not attributes or k in attributes}
        return shown

    def search_read(
        self,
        call: Call,
        domain: Sequence[Any] = (),
        fields: Sequence[str] = (),
        order: str = "",
        limit: int = 0,
    ) -> list[Row]:
        return self.read(call, self.search(call, domain, order, limit), fields)

    def search_count(self, call: Call, domain: Sequence[Any]) -> int:
        return len(self.search(call, domain))

    def search(
        self, call: Call, domain: Sequence[Any], order: str = "", limit: int = 0
    ) -> list[int]:
        self._check_role(call, "access")
        terms = [*domain]
        named = {term[0] for term in terms if not isinstance(term, str)}
        hides_archived = "active" in self.fields and "active" not in named
        if hides_archived and call.context.get("active_test", True):
            terms.append(["active", "=", True])
        found = [row for row in self.rows.values() if all(self._holds(row, t) for t in terms)]
        for key in reversed((order or self.order).split(",")):
            name, _, direction = key.strip().partition(" ")
            self._field(name)
            found.sort(key=itemgetter(name), reverse=direction == "desc")
        return [row["id"] for row in found][: limit or None]

    def read(self, call: Call, ids: Sequence[int], fields: Sequence[str] = ()) -> list[Row]:
        self._check_role(call, "access")
        names = fields or [*self.fields]
        rows = [self.rows[it] for it in ids if it in self.rows]
        return [
            {"id": row["id"]} | {name: self._shown(call, row, name) for name in names}
            for row in rows
        ]

    def create(self, call: Call, vals: Row | Sequence[Row]) -> int | list[int]:
        self._check_role(call, "create")
        if not isinstance(vals, dict):
            return [self._insert(call, it) for it in vals]
        return self._insert(call, vals)

    def write(self, call: Call, ids: Sequence[int], vals: Row) -> bool:
        self._check_role(call, "modify")
        self._check_values(vals)
        for row in self._existing(ids):
            row.update(self._kept(call, vals))
        return True

    def unlink(self, call: Call, ids: Sequence[int]) -> bool:
        self._check_role(call, "delete")
        for row in self._existing(ids):
            del self.rows[row["id"]]
        return True

    # What subclasses and tests use

    def add(self, **values: Any) -> int:
        """Insert a record past all rules."""
        self._last_id += 1
        defaults = {name: it.default for name, it in self.fields.items()}
        row = {**defaults, "create_date": now(), **values, "id": self._last_id}
        self.rows[self._last_id] = row
        return self._last_id

    def display_name(self, row: Row) -> str:
        return str(row.get("name") or f"{self.name},{row['id']}")

    def _insert(self, call: Call, vals: Row) -> int:
        self._check_values(vals)
        for name, it in self.fields.items():
            if it.required and vals.get(name, it.default) in {False, None}:
                text = f"Missing required value for the field '{name}'."
                raise FaultError(VALIDATION, f"The operation cannot be completed: {text}")
        return self.add(**self._kept(call, vals))

    def _existing(self, ids: Sequence[int]) -> Iterator[Row]:
        return (self.rows[it] for it in [*ids] if it in self.rows)

    def _kept(self, call: Call, vals: Row) -> Row:
        """Return the values without those that a test's switch makes the server ignore."""
        return {k: v for k, v in vals.items() if k not in call.odoo.ignored_fields}

    def _check_role(self, call: Call, doing: str) -> None:
        if self.system_only and not call.is_system:
            group = "Role / Administrator" if self.version == 19 else "Administration/Settings"
            raise FaultError(
                ACCESS,
                f"You are not allowed to {doing} '{self.title}' ({self.name}) records.\n\nThis"
                f" operation is allowed for the following groups:\n\t- {group}\n\nContact your"
                " administrator to request access if necessary.",
            )

    def _check_values(self, vals: Row) -> None:
        for name, value in vals.items():
            selection = self._field(name, where="in").selection
            if selection and value not in dict(selection):
                raise FaultError(VALUE, f"Wrong value for {self.name}.{name}: {value!r}")

    def _field(self, name: str, *, where: str = "on") -> Field:
        """Return a field. Only of mail servers are all fields known, so only there it is wrong."""
        if name in self.fields:
            return self.fields[name]
        if name == "id":
            return Field("integer")
        if self.name != "ir.mail_server":
            raise UnknownError(f"field {self.name}.{name}")
        model = f"on model '{self.name}'" if self.version == 17 else f"{where} '{self.name}'"
        raise FaultError(VALUE, f"Invalid field '{name}' {model}")

    def _shown(self, call: Call, row: Row, name: str) -> Any:
        it = self._field(name)
        if name == "display_name":
            return self.display_name(row)
        value = row[name]
        if it.type == "many2one" and value:
            other = call.odoo.models[it.relation]
            return [value, other.display_name(other.rows[value])]
        if it.type == "binary" and value and call.context.get("bin_size"):
            return f"{len(value) * 3 / 4:.2f} bytes"
        return value

    def _holds(self, row: Row, term: Any) -> bool:
        if isinstance(term, str):
            raise UnknownError(f"domain operator {term!r}")
        name, operator, wanted = term
        it, value = self._field(name), row[name]
        if not it.stored:
            raise UnknownError(f"search by {name}")
        if operator in {"=", "!="}:
            equal = self._is_unset(value) if wanted is False else value == wanted
            return bool(equal == (operator == "="))
        if operator == "in":
            return any(value == it for it in wanted)
        if operator == "ilike":
            parts = (re.escape(part).replace("_", ".") for part in str(wanted).split("%"))
            return bool(value) and bool(re.search(".*".join(parts), value, re.IGNORECASE))
        raise UnknownError(f"domain operator {operator!r}")

    def _is_unset(self, value: Any) -> bool:
        """An empty text counts as set on 17 and as not set on 19."""
        return value is False or value is None or (self.version == 19 and not str(value))
