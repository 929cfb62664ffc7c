"""Evidence on the mail servers: their records, and who names them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import (
    ARCHIVED_TOO,
    ENVIRONMENT_SUFFIX,
    MODEL,
    READ_FIELDS,
    fetch_ids_with,
    parse_record,
)
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.evidence import (
    CopyEvidence,
    MailingEvidence,
    ServerEvidence,
    TemplateEvidence,
)
from remote_mailcfg.rpc.answers import (
    Optional,
    Reader,
    binary,
    flag,
    many2one,
    record_id,
    record_ids,
    records,
    seconds,
    some_time,
    text,
)

#: The secret that each authentication but `login` works with; looked for, never read.
SECRETS: Final = {
    "certificate": "smtp_ssl_private_key",
    "gmail": "google_gmail_refresh_token",
    "outlook": "microsoft_outlook_refresh_token",
}
#: When the short-lived token ends, in seconds since 1970.
EXPIRATIONS: Final = {
    "gmail": "google_gmail_access_token_expiration",
    "outlook": "microsoft_outlook_access_token_expiration",
}
#: Who names the server (mail, mass_mailing), and fields of OCA's mail_multicompany and
#: mail_outbound_static.
FURTHER_FIELDS: Final[Mapping[str, Reader]] = {
    "create_date": some_time,
    **dict.fromkeys(EXPIRATIONS.values(), Optional(seconds)),
    "mail_template_ids": Optional(record_ids),
    "active_mailing_ids": Optional(record_ids),
    "company_id": Optional(many2one),
    "smtp_from": Optional(text),
    "domain_whitelist": Optional(text),
}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ServerParts:
    """The parts of the evidence that come with the records of the mail servers."""

    servers: tuple[ServerEvidence, ...] = ()
    copies: tuple[CopyEvidence, ...] = ()
    mailings: tuple[MailingEvidence, ...] = ()
    template_ids: tuple[int, ...] = ()


def fetch_server_parts(instance: Instance, capabilities: Capabilities) -> ServerParts:
    """Ask for all mail servers: two requests, three where one has another secret than a password.

    A certificate is read, it is public; of secrets only whether they are set.
    """
    wanted = {**READ_FIELDS, "smtp_ssl_certificate": binary, **FURTHER_FIELDS}
    expected = {f: reader for f, reader in wanted.items() if f in capabilities.fields}
    environment = sorted(f for f in capabilities.fields if f.endswith(ENVIRONMENT_SUFFIX))
    expected |= dict.fromkeys(environment, flag)
    rows = instance.call(
        MODEL,
        "search_read",
        domain=[ARCHIVED_TOO],
        fields=list(expected),
        order="sequence, id",
        expect=records(id=record_id, **expected),
    )
    with_password = fetch_ids_with(instance, "smtp_pass", [ARCHIVED_TOO])
    with_secret = _fetch_ids_with_secret(instance, rows)
    servers = [_parse_server(row, with_password, with_secret) for row in rows]
    return ServerParts(
        servers=tuple(it for it in servers if it.record.ours is None),
        copies=tuple(
            CopyEvidence(id=row["id"], name=row["name"], created=row["create_date"])
            for row, it in zip(rows, servers, strict=True)
            if it.record.ours is not None
        ),
        mailings=tuple(
            MailingEvidence(id=mailing, server_id=row["id"])
            for row in rows
            for mailing in row.get("active_mailing_ids", ())
        ),
        template_ids=tuple(
            template for row in rows for template in row.get("mail_template_ids", ())
        ),
    )


def fetch_templates(instance: Instance, ids: Sequence[int]) -> tuple[TemplateEvidence, ...]:
    """Return the templates of these ids; asks nothing where there is none."""
    if not ids:
        return ()
    rows = instance.call(
        "mail.template",
        "search_read",
        domain=[["id", "in", list(ids)]],
        fields=["name", "mail_server_id"],
        expect=records(id=record_id, name=text, mail_server_id=many2one),
    )
    return tuple(
        TemplateEvidence(
            id=row["id"],
            name=row["name"],
            server_id=row["mail_server_id"][0],
        )
        for row in rows
        if row["mail_server_id"]
    )


def _fetch_ids_with_secret(instance: Instance, rows: Sequence[Row]) -> frozenset[int]:
    """Return which servers have the secret that their authentication works with, in one search."""
    used = sorted({row.get("smtp_authentication", "") for row in rows} & SECRETS.keys())
    if not used:
        return frozenset()
    each = (("&", ["smtp_authentication", "=", it], [SECRETS[it], "!=", False]) for it in used)
    terms = [term for triple in each for term in triple]
    domain = [ARCHIVED_TOO, *(["|"] * (len(used) - 1)), *terms]
    return frozenset(instance.call(MODEL, "search", domain=domain, expect=record_ids))


def _parse_server(
    row: Row, with_password: frozenset[int], with_secret: frozenset[int]
) -> ServerEvidence:
    kind = row.get("smtp_authentication", "")
    company = row.get("company_id")
    return ServerEvidence(
        record=parse_record(
            row, with_password, with_secret if kind == "certificate" else frozenset()
        ),
        certificate=row.get("smtp_ssl_certificate", ""),
        has_token=row["id"] in with_secret if kind in EXPIRATIONS else None,
        token_expires=row.get(EXPIRATIONS.get(kind, "")),
        company=company[1] if company else "",
        smtp_from=row.get("smtp_from", ""),
        domain_whitelist=row.get("domain_whitelist", ""),
    )
