"""One instance as configuration tells of it, before any secret is looked up."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from remote_mailcfg.config.address import origin_of
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A target without its secrets, and the references to them. It can be pickled.

    `references` are pairs of a field of `Target` and a reference, for instance `("api_key",
    "env:OPENSPP_API_KEY")`; files in them are relative to `folder`.
    """

    target: Target
    references: tuple[tuple[str, str], ...] = ()
    folder: Path

    def resolve(self, secrets: Secrets) -> Target:
        """Return the target with its secrets.

        Raises `ConfigurationError` for a secret that cannot be had.
        """
        found: dict[str, Any] = {  # secrets; mypy would have each key known
            field: secrets.resolve(reference, folder=self.folder, what=field)
            for field, reference in self.references
        }
        if "http_basic" in found and ":" not in found["http_basic"].reveal():
            raise ConfigurationError(
                "configuration", "http_basic: the secret is not of the form user:password"
            )
        return replace(self.target, **found)

    def ask(self, secrets: Secrets) -> None:
        """Ask now for what a person has to type; what goes wrong comes again with `resolve`."""
        for field, reference in self.references:
            if reference.startswith("prompt:"):
                with contextlib.suppress(ConfigurationError):
                    secrets.resolve(reference, folder=self.folder, what=field)

    @property
    def credential(self) -> tuple[str, str, str]:
        """What is not tried again once it was refused: login, reference of the secret, origin."""
        references = dict(self.references)
        secret = references.get("api_key") or references.get("password", "")
        return (self.target.login, secret, origin_of(self.target.url))
