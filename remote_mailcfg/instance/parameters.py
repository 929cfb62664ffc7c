"""System parameters (`ir.config_parameter`) of an instance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from remote_mailcfg.rpc.answers import (
    Reader,
    anything,
    as_text,
    record_id,
    records,
    some_time,
    text,
)

MODEL: Final = "ir.config_parameter"


class Caller(Protocol):
    """Whatever calls methods of models: an `Instance`, or a web session."""

    def call(
        self,
        model: str,
        method: str,
        ids: Sequence[int] = (),
        /,
        *,
        expect: Reader = anything,
        **params: Any,
    ) -> Any:
        """Call a method and read its answer; see `Instance.call`."""
        ...


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter; the times are the server's, in whole seconds."""

    id: int
    key: str
    value: str
    created: datetime
    written: datetime


def search_parameters(caller: Caller, domain: list[Any]) -> list[Parameter]:
    """Return the parameters of a search domain."""
    rows = caller.call(
        MODEL,
        "search_read",
        domain=domain,
        fields=["key", "value", "create_date", "write_date"],
        expect=records(
            id=record_id, key=text, value=as_text, create_date=some_time, write_date=some_time
        ),
    )
    return [
        Parameter(row["id"], row["key"], row["value"], row["create_date"], row["write_date"])
        for row in rows
    ]


def fetch_parameters(caller: Caller, *keys: str) -> dict[str, str]:
    """Return the values of those parameters that exist."""
    rows = caller.call(
        MODEL,
        "search_read",
        domain=[["key", "in", list(keys)]],
        fields=["key", "value"],
        expect=records(key=text, value=as_text),
    )
    return {row["key"]: row["value"] for row in rows}


def create_parameter(caller: Caller, key: str, value: str) -> None:
    """Make a parameter; Odoo refuses a key that exists."""
    caller.call(MODEL, "create", vals_list={"key": key, "value": value}, expect=record_id)


def write_parameter(caller: Caller, parameter_id: int, value: str) -> None:
    """Change a parameter; one that does not exist any more is no error to Odoo."""
    caller.call(MODEL, "write", (parameter_id,), vals={"value": value}, expect=anything)


def unlink_parameters(caller: Caller, *parameter_ids: int) -> None:
    """Remove parameters, all or, where one does not exist any more, none."""
    caller.call(MODEL, "unlink", parameter_ids, expect=anything)
