"""An outgoing mail server (`ir.mail_server`) as a record of an instance."""

from dataclasses import dataclass
from typing import Final, Literal

Ours = Literal["managed", "candidate", "backup"]

CANDIDATE_PREFIX: Final = "remote-mailcfg candidate "
BACKUP_PREFIX: Final = "remote-mailcfg backup "


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServerRecord:
    """What an instance holds about one mail server, without any secret.

    The names are Odoo's own. A text that is not set is `""`; `max_email_size` (MB) is `None` where
    the instance has no such field (17). `smtp_ssl_certificate` and `smtp_ssl_private_key` say
    whether one is set. `owner_user_id` is the owner of a personal server (19), else `None`.
    """

    id: int
    name: str
    sequence: int = 10
    smtp_encryption: str = "none"
    smtp_authentication: str = "login"
    smtp_user: str = ""
    smtp_host: str = ""
    smtp_port: int = 25
    from_filter: str = ""
    smtp_ssl_certificate: bool = False
    smtp_ssl_private_key: bool = False
    smtp_debug: bool = False
    max_email_size: float | None = None
    active: bool = True
    has_password: bool = False
    owner_user_id: int | None = None
    environment_managed: tuple[str, ...] = ()

    @property
    def ours(self) -> Ours | None:
        """Whether this tool made the record for itself, told by its name."""
        if self.name.startswith(CANDIDATE_PREFIX):
            return "candidate"
        if self.name.startswith(BACKUP_PREFIX):
            return "backup"
        return None
