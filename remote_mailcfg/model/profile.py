"""A choice of rules, and how bad each is: what one kind of instance is held to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from remote_mailcfg.model.finding import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a `[profile.NAME]` says, by ids of rules.

    `rules` are the only ones that look, empty: all; `skip` are left out of them. `severity` holds
    for every finding of a rule. `fail_on` is the least severity that is exit 3, None: not said.
    """

    name: str
    rules: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict)
    fail_on: Severity | None = None

    def has(self, rule: str) -> bool:
        """Tell whether a rule is part of it."""
        return rule not in self.skip and (not self.rules or rule in self.rules)
