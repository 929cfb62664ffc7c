"""One model of the stand-in: records in memory, and the methods that every model of Odoo has."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from remote_mailcfg.sandbox.domain import matches, parse_domain
from remote_mailcfg.sandbox.fault import VALUE, FaultError, UnknownError
from remote_mailcfg.sandbox.field import MAGIC, Field, Row
from remote_mailcfg.sandbox.refusal import (
    hidden_fields,
    mandatory_field,
    not_allowed,
    wrong_field,
    wrong_term,
)

if TYPE_CHECKING:
    from remote_mailcfg.sandbox.database import Database
    from remote_mailcfg.sandbox.sessions import Session

Version = Literal[17, 19]
Method = TypeVar("Method", bound=Callable[..., Any])


def for_model(method: Method) -> Method:
    """Offer a method over RPC that acts on the model."""
    method.rpc = "model"  # type: ignore[attr-defined]
    return method


def for_records(method: Method) -> Method:
    """Offer a method over RPC that takes ids first."""
    method.rpc = "records"  # type: ignore[attr-defined]
    return method


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, with which context; `session` is None over RPC.

    `in_request` is False on the older wires, where Odoo has no request at hand: developer mode does
    not apply there. `debug` is the developer mode that does.
    """

    database: "Database"
    uid: int
    context: Mapping[str, Any] = field(default_factory=dict)
    session: "Session | None" = None
    in_request: bool = False
    debug: str = ""

    @property
    def is_system(self) -> bool:
        return bool(self.database.users.rows[self.uid]["is_system"])


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


class Model:
    """A table. Subclasses name their fields and offer methods of their own."""

    name: ClassVar[str]
    title: ClassVar[str] = ""
    order: ClassVar[str] = "id"
    system_only: ClassVar[bool] = True
    #: All fields of the real model are known, so a wrong name gets Odoo's error.
    is_complete: ClassVar[bool] = False
    #: Methods of the real model that the stand-in has not; all others do not exist in Odoo.
    methods_left_out: ClassVar[frozenset[str] | None] = None
    fields: Mapping[str, Field]

    def __init__(self, version: Version) -> None:
        self.version = version
        self.rows: dict[int, Row] = {}
        self.last_id = 0

    # What RPC calls

    @for_model
    def fields_get(
        self, call: Call, allfields: Sequence[str] = (), attributes: Sequence[str] = ()
    ) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for name, it in self.fields.items():
            wanted = name in allfields or not allfields
            if wanted and (call.is_system or not it.secret):
                told = it.describe(name)
                shown[name] = {k: v for k, v in told.items() if not attributes or k in attributes}
        return shown

    @for_model
    def default_get(self, call: Call, fields_list: Sequence[str]) -> Row:  # noqa: ARG002 - Odoo's
        return {name: it for name in fields_list if (it := self._field(name).default)}

    @for_model
    def search(
        self,
        call: Call,
        domain: Sequence[Any],
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
    ) -> list[int]:
        self._check_role(call, "access")
        test = parse_domain(domain, self.version)
        for term in domain:
            self._check_term(term)
        named = {term[0] for term in domain if not isinstance(term, str)}
        hides_archived = "active" in self.fields and "active" not in named
        rows = [row for row in self.rows.values() if test(self._holds(row))]
        if hides_archived and call.context.get("active_test", True):
            rows = [row for row in rows if row["active"]]
        for key in reversed((order or self.order).split(",")):
            name, _, direction = key.strip().partition(" ")
            self._field(name)
            rows.sort(key=lambda row: row[name] or 0, reverse=direction == "desc")
        return [row["id"] for row in rows][offset:][: limit or None]

    @for_model
    def search_count(self, call: Call, domain: Sequence[Any]) -> int:
        return len(self.search(call, domain))

    @for_model
    def search_read(  # noqa: PLR0917 - as Odoo has it
        self,
        call: Call,
        domain: Sequence[Any] = (),
        fields: Sequence[str] = (),
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
    ) -> list[Row]:
        return self.read(call, self.search(call, domain, offset, limit, order), fields)

    @for_records
    def read(self, call: Call, ids: Sequence[int], fields: Sequence[str] = ()) -> list[Row]:
        names = [*(fields or self.fields)]
        self._check_secrets(call, names)
        self._check_role(call, "access")
        for name in names:
            self._field(name)
        return [
            {"id": row["id"]} | {name: self._shown(call, row, name) for name in names}
            for row in self._existing(ids)
        ]

    @for_model
    def create(self, call: Call, vals_list: Row | Sequence[Row] | None) -> int | list[int]:
        self._check_role(call, "create")
        if isinstance(vals_list, dict):
            return self._insert(call, vals_list)
        try:
            given = [dict(it) for it in vals_list or ()]
        except ValueError as error:
            raise FaultError(VALUE, str(error)) from error
        return [self._insert(call, it) for it in given]

    @for_records
    def write(self, call: Call, ids: Sequence[int], vals: Row) -> bool:
        self._check_role(call, "modify")
        values = self._converted(vals)
        for row in self._existing(ids):
            self._check_required(row | values)
            kept = call.database.switches.ignored_fields
            changes = {name: it for name, it in values.items() if name not in kept}
            row.update(changes, write_uid=call.uid, write_date=now())
        return True

    @for_records
    def unlink(self, call: Call, ids: Sequence[int]) -> bool:
        self._check_role(call, "delete")
        for row in list(self._existing(ids)):
            del self.rows[row["id"]]
            call.database.external_ids.forget(self.name, row["id"])
        return True

    # What subclasses and tests use

    def add(self, **values: Any) -> int:
        """Insert a record past all rules; with `id` under that one."""
        self.last_id = values.pop("id", self.last_id + 1)
        defaults = {name: it.default for name, it in self.fields.items()}
        magic = {"create_uid": 1, "create_date": now(), "write_uid": 1, "write_date": now()}
        self.rows[self.last_id] = {**defaults, **magic, **values, "id": self.last_id}
        return self.last_id

    def display_name(self, row: Row) -> str:
        return str(row.get("name") or f"{self.name},{row['id']}")

    def _insert(self, call: Call, vals: Row) -> int:
        values = self._converted({name: it for name, it in vals.items() if name != "id"})
        self.last_id += 1  # PostgreSQL counts on, whether the row stays or not
        defaults = {name: it.default for name, it in self.fields.items()}
        self._check_required(defaults | values)
        self._check_row(call, defaults | values)
        kept = call.database.switches.ignored_fields
        given = {name: it for name, it in values.items() if name not in kept}
        users = {"create_uid": call.uid, "write_uid": call.uid}
        return self.add(**given | users, id=self.last_id)

    def _check_row(self, call: Call, row: Row) -> None:
        """Hold the constraints of a model; nothing here."""

    def _existing(self, ids: Sequence[int] | int) -> Iterator[Row]:
        wanted = [ids] if isinstance(ids, int) else [*ids]
        return (self.rows[it] for it in wanted if it in self.rows)

    def _check_role(self, call: Call, doing: str) -> None:
        if self.system_only and not call.is_system:
            raise not_allowed(self.version, doing, self.title, self.name)

    def _check_secrets(self, call: Call, names: Sequence[str]) -> None:
        hidden = [it for it in names if it in self.fields and self.fields[it].secret]
        if hidden and not call.is_system:
            raise hidden_fields(self.version, self.title, self.name, hidden, call.uid)

    def _check_required(self, row: Row) -> None:
        for name, it in self.fields.items():
            if it.required and row[name] is False:
                label = it.told.get("string", name)
                raise mandatory_field(self.version, self.title, self.name, label, name)

    def _converted(self, vals: Row) -> Row:
        """Return the values as the columns take them; a computed field is left out."""
        fields = {name: self._field(name, where="in") for name in vals}
        return {
            name: it.convert(f"{self.name}.{name}", vals[name])
            for name, it in fields.items()
            if it.stored and name not in MAGIC
        }

    def _field(self, name: str, *, where: str = "on") -> Field:
        """Return a field. Only of a complete model is a wrong name Odoo's error."""
        if name in self.fields:
            return self.fields[name]
        if name == "id":
            return Field("integer")
        if name in MAGIC:
            return Field("many2one" if name.endswith("uid") else "datetime", relation="res.users")
        if not self.is_complete:
            raise UnknownError(f"field {self.name}.{name}")
        raise wrong_field(self.version, self.name, name, where)

    def _shown(self, call: Call, row: Row, name: str) -> Any:
        it = self._field(name)
        if name == "display_name":
            return self.display_name(row)
        value = self._computed(call, row, name) if not it.stored else row[name]
        if it.type == "many2one" and value:
            other = call.database.models[it.relation]
            return [value, other.display_name(other.rows[value])]
        if it.type == "binary" and value and call.context.get("bin_size"):
            return f"{len(value) * 3 / 4:.2f} bytes"
        return value

    def _computed(self, call: Call, row: Row, name: str) -> Any:
        """Return the value of a field that is not stored; overridden where there is one."""
        del call
        return row[name]

    def _check_term(self, term: Any) -> None:
        """Refuse a term with a wrong field, also where no record is looked at."""
        if isinstance(term, str):
            return
        if self.is_complete and term[0] not in self.fields:
            raise wrong_term(self.version, self.name, tuple(term))
        if not self._field(term[0]).stored:
            raise UnknownError(f"search by {self.name}.{term[0]}")

    def _holds(self, row: Row) -> Callable[[str, str, Any], bool]:
        def holds(name: str, operator: str, wanted: Any) -> bool:
            return matches(row[name], operator, wanted, empty_is_unset=self.version == 19)

        return holds
