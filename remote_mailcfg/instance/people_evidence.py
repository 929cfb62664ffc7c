"""Evidence on who sends: companies, users, the addresses that Odoo ships, API keys."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.model.evidence import (
    ApiKeyEvidence,
    CompanyEvidence,
    DefaultSender,
    UserEvidence,
)
from remote_mailcfg.rpc.answers import (
    Optional,
    Reader,
    flag,
    many2one,
    record_id,
    records,
    text,
    time,
    whole,
)

#: What the rules know by external id: senders, and scheduled actions that have to do with mail.
#: Before 17 the module fetchmail had the last one.
XMLIDS: Final = {
    "base": ("user_root", "user_admin", "main_partner", "autovacuum_job"),
    "mail": (
        "ir_cron_mail_scheduler_action",
        "ir_cron_send_scheduled_message",
        "ir_cron_mail_gateway_action",
    ),
    "fetchmail": ("ir_cron_mail_gateway_action",),
}
SENDING_USERS: Final = ("base.user_root", "base.user_admin")

Xmlids = Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class CompanyParts:
    """The companies, and which partner each of them is."""

    companies: tuple[CompanyEvidence, ...] = ()
    partners: Mapping[int, CompanyEvidence] = field(default_factory=dict)


def fetch_xmlids(instance: Instance) -> dict[str, tuple[str, int]]:
    """Return model and record id of each external id of XMLIDS that exists."""
    names = sorted({name for names in XMLIDS.values() for name in names})
    rows = instance.call(
        "ir.model.data",
        "search_read",
        domain=[["module", "in", sorted(XMLIDS)], ["name", "in", names]],
        fields=["module", "name", "model", "res_id"],
        expect=records(module=text, name=text, model=text, res_id=whole),
    )
    return {f"{row['module']}.{row['name']}": (row["model"], row["res_id"]) for row in rows}


def fetch_companies(instance: Instance) -> CompanyParts:
    """Return the companies with the addresses that their alias domains make (17 on)."""
    addresses = ["default_from_email", "bounce_email", "catchall_email"]
    expected: dict[str, Reader] = {
        "name": text,
        "email": text,
        "partner_id": many2one,
        "alias_domain_id": many2one,
        **dict.fromkeys(addresses, text),
    }
    rows = instance.call(
        "res.company",
        "search_read",
        domain=[],
        fields=list(expected),
        order="id",
        expect=records(id=record_id, **expected),
    )
    companies = {
        row["partner_id"][0] if row["partner_id"] else 0: CompanyEvidence(
            id=row["id"],
            name=row["name"],
            email=row["email"],
            alias_domain=row["alias_domain_id"][1] if row["alias_domain_id"] else "",
            **{name: row[name] for name in addresses},
        )
        for row in rows
    }
    return CompanyParts(tuple(companies.values()), companies)


def fetch_users(instance: Instance, major: int, ids: Collection[int]) -> tuple[UserEvidence, ...]:
    """Return users, archived ones too."""
    expected: dict[str, Reader] = {"login": text, "email": text, "active": flag}
    if major >= 19:
        expected["outgoing_mail_server_id"] = Optional(many2one)
    rows = instance.call(
        "res.users",
        "search_read",
        domain=[["id", "in", sorted(ids)]],
        fields=list(expected),
        context={"active_test": False},
        expect=records(id=record_id, **expected),
    )
    return tuple(
        UserEvidence(
            id=row["id"],
            login=row["login"],
            email=row["email"],
            active=row["active"],
            mail_server_id=chosen[0] if (chosen := row.get("outgoing_mail_server_id")) else None,
        )
        for row in rows
    )


def make_default_senders(
    xmlids: Xmlids, users: Collection[UserEvidence], partners: Mapping[int, CompanyEvidence]
) -> tuple[DefaultSender, ...]:
    """Return the addresses of those whom Odoo ships: two users, and the first company's partner."""
    emails = {user.id: user.email for user in users}
    senders = [
        DefaultSender(xmlid=xmlid, email=emails[xmlids[xmlid][1]])
        for xmlid in SENDING_USERS
        if xmlid in xmlids and xmlids[xmlid][1] in emails
    ]
    _, partner_id = xmlids.get("base.main_partner", ("", 0))
    if partner_id in partners:
        senders.append(DefaultSender(xmlid="base.main_partner", email=partners[partner_id].email))
    return tuple(senders)


def fetch_api_keys(instance: Instance, user_id: int) -> tuple[ApiKeyEvidence, ...]:
    """Return the API keys of a user with their ends (18 on); the keys themselves are not stored."""
    rows = instance.call(
        "res.users.apikeys",
        "search_read",
        domain=[["user_id", "=", user_id]],
        fields=["name", "create_date", "expiration_date"],
        expect=records(id=record_id, name=text, create_date=time, expiration_date=time),
    )
    return tuple(
        ApiKeyEvidence(
            id=row["id"],
            name=row["name"],
            created=row["create_date"],
            expires=row["expiration_date"],
        )
        for row in rows
    )
