"""System parameters (`ir.config_parameter`) of an instance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from remote_mailcfg.instance.times import parse_time

MODEL: Final = "ir.config_parameter"


class Caller(Protocol):
    """Whatever calls methods of models: an `Instance`, or a web session."""

    def call(self, model: str, method: str, ids: Sequence[int] = (), /, **params: Any) -> Any:
        """Call a method; see `Transport.call`."""
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
    fields = ["key", "value", "create_date", "write_date"]
    return [
        Parameter(
            row["id"],
            row["key"],
            row["value"] or "",
            parse_time(row["create_date"]),
            parse_time(row["write_date"]),
        )
        for row in caller.call(MODEL, "search_read", domain=domain, fields=fields)
    ]


def fetch_parameters(caller: Caller, *keys: str) -> dict[str, str]:
    """Return the values of those parameters that exist."""
    rows = caller.call(
        MODEL, "search_read", domain=[["key", "in", list(keys)]], fields=["key", "value"]
    )
    return {row["key"]: row["value"] for row in rows}


def create_parameter(caller: Caller, key: str, value: str) -> None:
    """Make a parameter; Odoo refuses a key that exists."""
    caller.call(MODEL, "create", vals_list={"key": key, "value": value})


def write_parameter(caller: Caller, parameter_id: int, value: str) -> None:
    """Change a parameter; one that does not exist any more is no error to Odoo."""
    caller.call(MODEL, "write", (parameter_id,), vals={"value": value})


def unlink_parameters(caller: Caller, *parameter_ids: int) -> None:
    """Remove parameters, all or, where one does not exist any more, none."""
    caller.call(MODEL, "unlink", parameter_ids)
