"""Counts by group: `read_group` of 17, and `formatted_read_group`, which 19 puts in its place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from remote_mailcfg.sandbox.fault import UnknownError
from remote_mailcfg.sandbox.field import Field, Row
from remote_mailcfg.sandbox.model import Call, Model, for_model


class Grouped(Model):
    """A model that can be counted by the values of one stored field."""

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
        for value, rows in self._groups(call, domain, groupby):
            group = {groupby[0]: value, "__count": len(rows)}
            for told in fields:
                if told == groupby[0]:
                    continue
                name, _, rest = told.partition(":")
                group[name] = _least(rows, rest.removeprefix("min(").removesuffix(")"))
            shown.append(group | {"__domain": [*domain, [groupby[0], "=", value]]})
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
        for value, rows in self._groups(call, domain, groupby):
            group = {groupby[0]: value, "__extra_domain": [[groupby[0], "=", value]]}
            for told in aggregates:
                field = told.removesuffix(":min")
                group[told] = len(rows) if told == "__count" else _least(rows, field)
            shown.append(group)
        return shown

    def _groups(
        self, call: Call, domain: Sequence[Any], groupby: Sequence[str]
    ) -> Iterator[tuple[Any, list[Row]]]:
        """Yield the values of the field in Odoo's order, each with its records."""
        (by,) = groupby
        found = [self.rows[it] for it in self.search(call, domain)]
        for value in sorted({row[by] for row in found}):
            yield value, [row for row in found if row[by] == value]


def _least(rows: Sequence[Row], field: str) -> Any:
    return min(row[field] for row in rows)


class Notifications(Grouped):
    name = "mail.notification"
    title = "Message Notifications"
    fields: Mapping[str, Field] = {
        "notification_type": Field("selection", "inbox"),
        "notification_status": Field("selection", "ready"),
        "failure_type": Field("selection"),
        "failure_reason": Field("text"),
    }
