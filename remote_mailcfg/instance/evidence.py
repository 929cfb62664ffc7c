"""Gather the evidence of one instance in few requests; what cannot be had is said, not raised."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeVar

from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance.base_url import BASE_URL, find_base_url
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import fetch_capabilities
from remote_mailcfg.instance.parameters import Parameter, search_parameters
from remote_mailcfg.instance.people_evidence import (
    CompanyParts,
    fetch_api_keys,
    fetch_companies,
    fetch_users,
    fetch_xmlids,
    make_default_senders,
)
from remote_mailcfg.instance.queue_evidence import (
    fetch_failures,
    fetch_notifications,
    fetch_queue_evidence,
)
from remote_mailcfg.instance.schedule_evidence import (
    fetch_cron_rows,
    fetch_fetchmail,
    make_crons,
    user_of,
)
from remote_mailcfg.instance.server_evidence import (
    ServerParts,
    fetch_server_parts,
    fetch_templates,
)
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.evidence import NEUTRALIZED, Evidence

T = TypeVar("T")

#: The parameters that a rule looks at; none of them is secret.
PARAMETERS: Final = (
    NEUTRALIZED,
    "google_gmail_client_id",
    "mail.bounce.alias",
    "mail.catchall.alias",
    "mail.catchall.domain",
    "mail.catchall.domain.allowed",
    "mail.default.from",
    "mail.default.from_filter",
    "mail.disable_personal_mail_servers",
    "mail.dynamic.smtp.from",
    "mail.force.smtp.from",
    "mail.mail.force.send.limit",
    "mail.mail.queue.batch.size",
    "mail.server.personal.limit.minutes",
    "mail.server.personal.limit.minutes_outlook",
    "mail.session.batch.size",
    "mass_mailing.mail_server_id",
    "mass_mailing.outgoing_mail_server",
    "microsoft_outlook_client_id",
    "web.base.url",
)
NO_ROLE: Final = "neither OPENSPP_ROLE nor the inventory gives the instance a role"
NOT_TESTED: Final = "the mail servers were not tested"
NO_MAILINGS: Final = "Email Marketing is not installed"
NO_EXPIRY: Final = "API keys of Odoo before 18 do not expire"


def fetch_evidence(instance: Instance) -> Evidence:
    """Gather all parts but `tests`, in at most fifteen requests beside login and version.

    Raises `TransportError` and `LoginError`; what Odoo refuses is a part that is missing.
    """
    now = datetime.now(UTC)
    version = instance.connection.transport.fetch_version()
    start = Evidence(
        name=instance.target.name,
        url=instance.target.url,
        role=instance.target.role,
        version=version,
        now=now,
        capabilities=Capabilities(frozenset(), (), ()),
    )
    gathering = _Gathering(instance, start)
    gathering.look_at_servers()
    gathering.look_at_people()
    gathering.look_at_the_rest()
    return gathering.evidence


class _Gathering:
    """The evidence so far, and what it is gathered from."""

    def __init__(self, instance: Instance, start: Evidence) -> None:
        self._instance = instance
        self._evidence = start
        self._missing = {"tests": NOT_TESTED}
        if start.role is None:
            self._missing["role"] = NO_ROLE

    @property
    def evidence(self) -> Evidence:
        """The evidence with the reasons for what is missing."""
        return replace(self._evidence, missing=dict(self._missing))

    def _tried(self, parts: tuple[str, ...], fetch: Callable[[], T]) -> T | None:
        """Fetch parts; where Odoo refuses, they are missing, for the reason that it gives."""
        try:
            return fetch()
        except OdooError as error:
            because = error.message.strip().partition("\n")[0]
            self._missing.update(dict.fromkeys(parts, because))
            return None

    def look_at_servers(self) -> None:
        """Ask what mail servers can hold, which there are, and which templates name one."""
        instance = self._instance
        named = ("servers", "copies", "mailings", "templates")
        capabilities = self._tried(("capabilities", *named), lambda: fetch_capabilities(instance))
        if capabilities is None:
            return
        parts = (
            self._tried(named, lambda: fetch_server_parts(instance, capabilities)) or ServerParts()
        )
        if not capabilities.has_mailings:
            self._missing.setdefault("mailings", NO_MAILINGS)
        template_ids = parts.template_ids
        self._evidence = replace(
            self._evidence,
            capabilities=capabilities,
            servers=parts.servers,
            copies=parts.copies,
            mailings=parts.mailings,
            templates=self._tried(("templates",), lambda: fetch_templates(instance, template_ids))
            or (),
        )

    def look_at_people(self) -> None:
        """Ask for companies, for scheduled actions, and then for all users that matter, at once."""
        instance, major = self._instance, self._evidence.major
        companies = (
            self._tried(("companies", "default_senders"), lambda: fetch_companies(instance))
            or CompanyParts()
        )
        xmlids = self._tried(("crons", "default_senders"), lambda: fetch_xmlids(instance)) or {}
        rows = self._tried(("crons",), lambda: fetch_cron_rows(instance, major)) or []
        own_id = instance.connection.transport.fetch_uid()
        owners = {it.owner_user_id for it in self._evidence.records if it.owner_user_id}
        shipped = {record_id for model, record_id in xmlids.values() if model == "res.users"}
        ids = {own_id, *owners, *shipped, *filter(None, map(user_of, rows))}
        users = (
            self._tried(
                ("user", "owners", "default_senders"), lambda: fetch_users(instance, major, ids)
            )
            or ()
        )
        self._evidence = replace(
            self._evidence,
            companies=companies.companies,
            crons=() if "crons" in self._missing else make_crons(rows, xmlids, users),
            user=next((user for user in users if user.id == own_id), None),
            owners=tuple(user for user in users if user.id in owners),
            default_senders=make_default_senders(xmlids, users, companies.partners),
        )

    def look_at_the_rest(self) -> None:
        """Ask for parameters, the queue and its failures, incoming mail and API keys."""
        instance, evidence = self._instance, self._evidence
        major, now = evidence.major, evidence.now
        own_id = instance.connection.transport.fetch_uid()
        api_keys = None
        if major < 18:
            self._missing["api_keys"] = NO_EXPIRY
        else:
            api_keys = self._tried(("api_keys",), lambda: fetch_api_keys(instance, own_id))
        parameters = (
            self._tried(("parameters", "left_logins"), lambda: _search_parameters(instance)) or []
        )
        self._evidence = replace(
            evidence,
            parameters={row.key: row.value for row in parameters if row.key in PARAMETERS},
            left_logins=tuple(find_base_url(parameters).left_at(now)),
            queue=self._tried(("queue",), lambda: fetch_queue_evidence(instance, major, now))
            or evidence.queue,
            failures=self._tried(("failures",), lambda: fetch_failures(instance)) or (),
            notifications=self._tried(
                ("notifications",), lambda: fetch_notifications(instance, major)
            )
            or {},
            fetchmail=self._tried(("fetchmail",), lambda: fetch_fetchmail(instance, major)) or (),
            api_keys=api_keys or (),
        )


def _search_parameters(instance: Instance) -> list[Parameter]:
    """Return what a rule looks at, and what web logins of ours left beside it."""
    domain = ["|", ["key", "in", list(PARAMETERS)], ["key", "like", BASE_URL]]
    return search_parameters(instance, domain)
