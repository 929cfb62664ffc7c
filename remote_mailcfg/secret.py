"""A secret is not a string: it has no text form, so that it cannot be printed by accident."""

import hmac
from typing import NoReturn


class Secret:
    """Holds a password, an API key or a TOTP secret; only `reveal` hands it out.

    Printing, formatting and logging show `Secret(…)`; pickling is refused, so a secret never
    travels to a file or to another machine.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself. Call it only where the value goes onto the wire."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __bool__(self) -> bool:
        return bool(self._value)

    __hash__ = None  # type: ignore[assignment]  # unhashable: a secret is no dictionary key

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled; hand on its reference and resolve it there")
