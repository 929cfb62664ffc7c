"""System parameters (`ir.config_parameter`) of an instance."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

MODEL: Final = "ir.config_parameter"


class Caller(Protocol):
    """Whatever calls methods of models: an `Instance`, or a web session."""

    def call(self, model: str, method: str, ids: Sequence[int] = (), /, **params: Any) -> Any:
        """Call a method; see `Transport.call`."""
        ...


def fetch_parameters(caller: Caller, *keys: str) -> dict[str, str]:
    """Return the values of those parameters that exist."""
    rows = caller.call(
        MODEL, "search_read", domain=[["key", "in", list(keys)]], fields=["key", "value"]
    )
    return {row["key"]: row["value"] for row in rows}


def find_parameter(caller: Caller, key: str) -> tuple[int, str] | None:
    """Return a parameter's id and value, None where there is none."""
    rows = caller.call(MODEL, "search_read", domain=[["key", "=", key]], fields=["value"])
    return (rows[0]["id"], rows[0]["value"] or "") if rows else None


def write_parameter(caller: Caller, key: str, found: tuple[int, str] | None, value: str) -> None:
    """Write the parameter that `find_parameter` found, or create it where it found none."""
    if found:
        caller.call(MODEL, "write", found[:1], vals={"value": value})
    else:
        caller.call(MODEL, "create", vals_list={"key": key, "value": value})


def unlink_parameter(caller: Caller, parameter_id: int) -> None:
    """Remove a parameter."""
    caller.call(MODEL, "unlink", (parameter_id,))
