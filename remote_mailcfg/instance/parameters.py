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


def set_parameter(caller: Caller, key: str, value: str) -> None:
    """Write a parameter, or create it."""
    ids = caller.call(MODEL, "search", domain=[["key", "=", key]])
    if ids:
        caller.call(MODEL, "write", ids, vals={"value": value})
    else:
        caller.call(MODEL, "create", vals_list={"key": key, "value": value})


def remove_parameter(caller: Caller, key: str, value: str) -> None:
    """Remove a parameter if it still has this value."""
    ids = caller.call(MODEL, "search", domain=[["key", "=", key], ["value", "=", value]])
    if ids:
        caller.call(MODEL, "unlink", ids)
