"""Evidence for an audit: what one instance tells of its outgoing mail, as plain data.

Nothing here is secret, and no address of other people is in it: reasons of failures come masked.
The copies that this tool made for itself are not among the servers. A text that is not set is `""`,
every time is aware, in UTC.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.outside import Outside
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.model.target import Role

#: The parameter by which Odoo marks a copy that must not mail real people (16 and later).
NEUTRALIZED: Final = "database.is_neutralized"


def is_neutralized(parameters: Mapping[str, Any]) -> bool:
    """Tell whether a database is a neutralized copy: as in Odoo any text means yes, `False` too."""
    return bool(parameters.get(NEUTRALIZED))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvidence:
    """A mail server, and what else its record tells.

    `certificate` is PEM text. `has_token` says whether a Gmail or Outlook server has the token that
    it logs in with, None for others; `token_expires` is of the short-lived one. `company`,
    `smtp_from` and `domain_whitelist` are fields of OCA's modules (mail_multicompany,
    mail_outbound_static).
    """

    record: MailServerRecord
    certificate: str = ""
    has_token: bool | None = None
    token_expires: datetime | None = None
    company: str = ""
    smtp_from: str = ""
    domain_whitelist: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyEvidence:
    """A candidate or a backup that this tool left on the instance."""

    id: int
    name: str
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UserEvidence:
    """A user; `mail_server_id` is the personal server (19) that they chose, None where none."""

    id: int
    login: str
    email: str = ""
    active: bool = True
    mail_server_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyEvidence:
    """A company and its alias domain (17 on): `alias_domain` is its name, `""` where none is set.

    The three addresses are made by Odoo from the alias domain, `""` where the part is not set.
    """

    id: int
    name: str
    email: str = ""
    alias_domain: str = ""
    default_from_email: str = ""
    bounce_email: str = ""
    catchall_email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultSender:
    """Somebody whom Odoo ships, whose address is a sender: `base.user_root` and so on."""

    xmlid: str
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateEvidence:
    """A mail template, not archived, that names a mail server."""

    id: int
    name: str
    server_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingEvidence:
    """A mailing (Email Marketing), not yet done, that names a mail server."""

    id: int
    server_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEvidence:
    """The mails of the queue (`mail.mail`) by state; those scheduled for later are left out.

    `oldest` is when the first mail of a state was to be sent: when it was made, or what it was
    scheduled for. Few or none `sent` prove nothing: most mails are removed once they are sent.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    oldest: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureEvidence:
    """Mails that failed for one reason: the reason's first words, addresses masked.

    `kind` is Odoo's `failure_type`, `""` where it has none.
    """

    reason: str
    kind: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CronEvidence:
    """A scheduled action; `xmlid` is `""` for those that no rule knows by it.

    `failure_count` and `first_failure` are None before 18. `user_active` is None where the user
    could not be looked up. `interval_seconds` takes a month for 30 days.
    """

    id: int
    name: str
    xmlid: str = ""
    active: bool = True
    next_call: datetime | None = None
    last_call: datetime | None = None
    interval_seconds: int = 3600
    user_id: int | None = None
    user_active: bool | None = None
    failure_count: int | None = None
    first_failure: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchmailEvidence:
    """An incoming mail server (`fetchmail.server`).

    `state` is `draft` or `done`, `server_type` `imap`, `pop`, `local`, `gmail` or `outlook`.
    `error_date` and `error_message` are of 19 on.
    """

    id: int
    name: str
    active: bool = True
    state: str = "done"
    server_type: str = "imap"
    server: str = ""
    port: int = 993
    is_ssl: bool = True
    last_fetch: datetime | None = None
    error_date: datetime | None = None
    error_message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyEvidence:
    """An API key of the logged-in user; `expires` is None for one that does not."""

    id: int
    name: str
    created: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the rules look at. A part that could not be had is empty, and in `missing`.

    `missing` names parts as the fields here are named, with the reason to follow "because": what
    the instance lacks, the user may not read, or the inventory does not say (`role`).
    `notifications` counts those that ended `bounce` or `exception`; `owners` are the users of
    personal servers; `parameters` are those of `ir.config_parameter` that exist and concern mail;
    `left_logins` are when web logins of this tool began that left `web.base.url.freeze`.
    """

    name: str
    url: str
    role: Role | None = None
    version: str
    now: datetime
    missing: Mapping[str, str] = field(default_factory=dict)
    capabilities: Capabilities
    parameters: Mapping[str, str] = field(default_factory=dict)
    left_logins: tuple[datetime, ...] = ()
    servers: tuple[ServerEvidence, ...] = ()
    copies: tuple[CopyEvidence, ...] = ()
    user: UserEvidence | None = None
    owners: tuple[UserEvidence, ...] = ()
    companies: tuple[CompanyEvidence, ...] = ()
    default_senders: tuple[DefaultSender, ...] = ()
    templates: tuple[TemplateEvidence, ...] = ()
    mailings: tuple[MailingEvidence, ...] = ()
    queue: QueueEvidence = field(default_factory=QueueEvidence)
    failures: tuple[FailureEvidence, ...] = ()
    notifications: Mapping[str, int] = field(default_factory=dict)
    crons: tuple[CronEvidence, ...] = ()
    fetchmail: tuple[FetchmailEvidence, ...] = ()
    api_keys: tuple[ApiKeyEvidence, ...] = ()
    tests: tuple[SmtpTest, ...] = ()
    outside: Outside = field(default_factory=Outside)

    @property
    def major(self) -> int:
        """The number of the version: 17 of `17.0`, 19 of `saas~19.1`; 0 where there is none."""
        found = re.search(r"\d{1,3}", self.version)
        return int(found[0]) if found else 0

    @property
    def records(self) -> tuple[MailServerRecord, ...]:
        """The records of all mail servers, archived and personal ones too, in Odoo's order."""
        return tuple(server.record for server in self.servers)

    @property
    def active_servers(self) -> tuple[ServerEvidence, ...]:
        """The servers that Odoo chooses from: neither archived nor personal."""
        return tuple(s for s in self.servers if s.record.active and s.record.owner_user_id is None)

    @property
    def is_neutralized(self) -> bool:
        """Whether mail must not leave this database."""
        return is_neutralized(self.parameters)

    @property
    def is_production(self) -> bool:
        """Whether the inventory says so; False where it says nothing."""
        return self.role == "production"

    @property
    def is_copy(self) -> bool:
        """Whether the inventory calls it staging, training or test: mail must not leave it."""
        return self.role is not None and not self.is_production

    def find_cron(self, xmlid: str) -> CronEvidence | None:
        """Return the scheduled action of this external id, None where there is none."""
        return next((cron for cron in self.crons if cron.xmlid == xmlid), None)

    def own_addresses(self) -> Iterator[str]:
        """Yield the addresses of the instance itself, which a report may show."""
        for server in self.servers:
            yield from (server.record.smtp_user, *server.record.from_filter.split(","))
            yield server.smtp_from
        for company in self.companies:
            yield company.email
            yield from (company.default_from_email, company.bounce_email, company.catchall_email)
        yield from (sender.email for sender in self.default_senders)
        yield self.user.email if self.user else ""
        yield from (test.sender for test in self.tests)


#: The fields of `Evidence` that `missing` and a rule's `needs` may name.
PARTS: Final = tuple(
    it.name
    for it in fields(Evidence)
    if it.name not in {"name", "url", "version", "now", "missing"}
)
