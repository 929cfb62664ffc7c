"""What `audit.toml` says: what is accepted, what is asked of whom, and how DNS is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from remote_mailcfg.model.profile import Profile
from remote_mailcfg.model.target import TagUse
from remote_mailcfg.model.waiver import Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """The waivers in their order, the profiles by name, and what the rules of DNS need.

    `selectors` are those of DKIM by domain, in lower case. `nameservers` are IP addresses, empty:
    those of this machine. `tag_uses` are all tags and instances in it.
    """

    waivers: tuple[Waiver, ...] = ()
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    selectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    nameservers: tuple[str, ...] = ()
    tag_uses: tuple[TagUse, ...] = ()
