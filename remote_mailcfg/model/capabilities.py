"""What one instance's `ir.mail_server` can hold, as its `fields_get` says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The fields of the instance's mail servers and the values of its two selections.

    Asked of the instance rather than deduced from its version: 17 has no `starttls_strict`, and
    modules add `gmail` or `outlook`.
    """

    fields: frozenset[str]
    encryptions: tuple[str, ...]
    authentications: tuple[str, ...]

    @property
    def has_mailings(self) -> bool:
        """Whether Email Marketing is installed: it adds this field (mass_mailing, 17 and 19)."""
        return "active_mailing_ids" in self.fields


def parse_capabilities(fields_get: Mapping[str, Mapping[str, Any]]) -> Capabilities:
    """Return the capabilities in an answer of `fields_get`."""

    def values(field: str) -> tuple[str, ...]:
        return tuple(value for value, _label in fields_get.get(field, {}).get("selection", ()))

    return Capabilities(
        frozenset(fields_get), values("smtp_encryption"), values("smtp_authentication")
    )
