"""The outgoing mail servers that instances shall have: what a desired-state file says."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from remote_mailcfg.model.target import Role, Target, name_in_references
from remote_mailcfg.model.values import Values

Unmanaged = Literal["report", "archive"]

#: What a text of a server holds where the name of the instance belongs.
INSTANCE_PLACE: Final = "{instance}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredServer:
    """One mail server that shall be on the instances with one of `tags`; without tags on all.

    An instance's own name counts as a tag of it.

    `key` becomes its external id, `remote_mailcfg.KEY`. `values` are those that the file gives, by
    Odoo's field names, with the usual port where it gives none; a field that is not among them
    stays as it is. Secrets are not among them: `references` say, by field, where each one is,
    relative to `folder`.
    """

    key: str
    values: Values
    references: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    folder: Path

    def fits(self, target: Target) -> bool:
        """Tell whether the server is meant for this instance."""
        return not self.tags or not set(self.tags).isdisjoint({*target.tags, target.name})

    def on(self, instance: str) -> "DesiredServer":
        """Return the server with the instance's name where it says {instance}.

        In references it is in capitals, as {name} is in those of an inventory.
        """
        in_references = name_in_references(instance)
        return replace(
            self,
            values={
                field: value.replace(INSTANCE_PLACE, instance) if isinstance(value, str) else value
                for field, value in self.values.items()
            },
            references=tuple(
                (field, reference.replace(INSTANCE_PLACE, in_references))
                for field, reference in self.references
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a plan may do. `max_changed_share` is of the instances of a run, from 0 to 1."""

    unmanaged: Unmanaged = "report"
    max_changed_share: float = 0.5
    production_hosts: tuple[str, ...] = ()
    safe_roles: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """What one file says: the policy, and at least one server, in its order; `text` is the file."""

    path: Path
    text: str = field(default="", compare=False, repr=False)
    policy: Policy
    servers: tuple[DesiredServer, ...]
