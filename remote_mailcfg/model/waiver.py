"""A finding that somebody has accepted, until a day."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from remote_mailcfg.model.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """What a `[[waiver]]` says: one rule, on one instance or on those with a tag, and why.

    Exactly one of `instance` and `tag` is not empty. `server` is the id or the name of the mail
    server that it is about, None: of all, and of findings that are about none. `until` is its last
    day.
    """

    rule: str
    instance: str = ""
    tag: str = ""
    server: int | str | None = None
    reason: str
    until: date

    @property
    def label(self) -> str:
        """Return what it is about, in one line; it is the same as long as the waiver stands."""
        server = "" if self.server is None else f", server {self.server}"
        return f"{self.rule} on {self.instance or f'tag {self.tag}'}{server}"

    def is_for(self, instance: str, tags: Collection[str]) -> bool:
        """Tell whether it is meant for this instance; its own name counts as a tag of it."""
        if self.instance:
            return self.instance == instance
        return self.tag == instance or self.tag in tags

    def fits(self, finding: Finding) -> bool:
        """Tell whether it is about this finding, on an instance that it is for."""
        is_server = self.server in {None, finding.server_id, finding.server_name}
        return self.rule == finding.rule and is_server

    def has_ended(self, today: date) -> bool:
        """Tell whether its last day is over."""
        return self.until < today
