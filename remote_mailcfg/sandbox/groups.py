"""Counts by group: `read_group` of 17, and `formatted_read_group`, which 19 puts in its place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from remote_mailcfg.sandbox.fault import UnknownError
from remote_mailcfg.sandbox.field import Field, Row
from remote_mailcfg.sandbox.model import Call, Model, for_model


class Grouped(Model):
    """A model that can be counted by the values of stored fields, and by the year of a time."""

    @for_model
    def read_group(
        self,
        call: Call,
        domain: Sequence[Any],
        fields: Sequence[str],
        groupby: Sequence[str],
        *,
        lazy: bool = True,
    ) -> list[Row]:
        """Answer as 17, and as 19 still does; `fields` are `groupby` and `NAME:min(FIELD)`."""
        if lazy:
            raise UnknownError("read_group with lazy")
        shown = []
        for values, rows in self._groups(call, domain, groupby):
            group = {**values, "__count": len(rows)}
            for told in fields:
                if told in groupby:
                    continue
                name, _, rest = told.partition(":")
                group[name] = _least(rows, rest.removeprefix("min(").removesuffix(")"))
            shown.append(group | {"__domain": [*domain, *_terms(values)]})
        return shown

    @for_model
    def formatted_read_group(
        self,
        call: Call,
        domain: Sequence[Any],
        groupby: Sequence[str],
        aggregates: Sequence[str],
    ) -> list[Row]:
        """Answer as 19; `aggregates` are `__count` and `FIELD:min`."""
        if self.version == 17:
            raise UnknownError("formatted_read_group on 17")
        shown = []
        for values, rows in self._groups(call, domain, groupby):
            group = {**values, "__extra_domain": _terms(values)}
            for told in aggregates:
                field = told.removesuffix(":min")
                group[told] = len(rows) if told == "__count" else _least(rows, field)
            shown.append(group)
        return shown

    def _groups(
        self, call: Call, domain: Sequence[Any], groupby: Sequence[str]
    ) -> Iterator[tuple[Row, list[Row]]]:
        """Yield the values of the fields in Odoo's order, each with its records."""
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for record_id in self.search(call, domain):
            row = self.rows[record_id]
            groups.setdefault(tuple(_value(row, it) for it in groupby), []).append(row)
        for values in sorted(groups, key=lambda it: [(value is False, value) for value in it]):
            yield dict(zip(groupby, values, strict=True)), groups[values]


def _value(row: Row, by: str) -> Any:
    field, _, part = by.partition(":")
    if part not in {"", "year"}:
        raise UnknownError(f"groups by {by}")
    return row[field][:4] if part and row[field] else row[field]


def _terms(values: Row) -> list[Any]:
    return [[name, "=", value] for name, value in values.items()]


def _least(rows: Sequence[Row], field: str) -> Any:
    return min((row[field] for row in rows if row[field]), default=False)


class Notifications(Grouped):
    name = "mail.notification"
    title = "Message Notifications"
    fields: Mapping[str, Field] = {
        "notification_type": Field("selection", "inbox"),
        "notification_status": Field("selection", "ready"),
        "failure_type": Field("selection"),
        "failure_reason": Field("text"),
    }
