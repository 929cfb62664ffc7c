"""The mail servers of an instance: reading them without their secrets, and the single writes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from remote_mailcfg.errors import OdooError, TransportError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.model.capabilities import Capabilities, parse_capabilities
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.smtp_test import SmtpTest, classify, probe_sender
from remote_mailcfg.model.values import Values
from remote_mailcfg.rpc.answers import (
    Reader,
    anything,
    count,
    definitions,
    flag,
    many2one,
    number,
    record_id,
    record_ids,
    records,
    text,
    whole,
)
from remote_mailcfg.secret import Secret

MODEL: Final = "ir.mail_server"

#: Without this term (or `active_test: False`) archived records answer 0 (seen on 17.0 and 19.0).
ARCHIVED_TOO: Final = ["active", "in", [True, False]]

#: What is read. `smtp_pass`, `smtp_ssl_private_key` and the tokens of Gmail and Outlook never are.
READ_FIELDS: Final[Mapping[str, Reader]] = {
    "name": text,
    "sequence": whole,
    "smtp_encryption": text,
    "smtp_authentication": text,
    "smtp_user": text,
    "smtp_host": text,
    "smtp_port": whole,
    "from_filter": text,
    "smtp_ssl_certificate": text,
    "smtp_debug": flag,
    "max_email_size": number,
    "active": flag,
    "owner_user_id": many2one,
}

#: Tokens of Gmail and Outlook (google_gmail, microsoft_outlook; 17 and 19).
TOKENS: Final = (
    "google_gmail_authorization_code",
    "google_gmail_refresh_token",
    "google_gmail_access_token",
    "microsoft_outlook_refresh_token",
    "microsoft_outlook_access_token",
)

#: So much is shown of an answer to the test that is neither a success nor a failure.
MOST_SHOWN: Final = 200

ENVIRONMENT_SUFFIX: Final = "_env_is_editable"


def fetch_capabilities(instance: Instance) -> Capabilities:
    """Return what the instance's mail servers can hold."""
    fields = instance.call(
        MODEL, "fields_get", attributes=["type", "selection"], expect=definitions
    )
    return parse_capabilities(fields)


def fetch_servers(
    instance: Instance, capabilities: Capabilities, *, ids: Sequence[int] | None = None
) -> tuple[MailServerRecord, ...]:
    """Return all mail servers (or those of `ids`), archived ones too, in Odoo's order.

    Costs two requests: the records, and which of them have a password; a third where a record has
    a certificate. Raises `access-denied` for a user without the role System Admin.
    """
    chosen = [ARCHIVED_TOO] if ids is None else [ARCHIVED_TOO, ["id", "in", list(ids)]]
    environment = [f for f in capabilities.fields if f.endswith(ENVIRONMENT_SUFFIX)]
    expected = {f: reader for f, reader in READ_FIELDS.items() if f in capabilities.fields}
    expected |= dict.fromkeys(sorted(environment), flag)
    rows = instance.call(
        MODEL,
        "search_read",
        domain=chosen,
        fields=list(expected),
        order="sequence, id",
        context={"bin_size": True},  # a certificate comes as its size
        expect=records(id=record_id, **expected),
    )
    with_password = fetch_ids_with(instance, "smtp_pass", chosen)
    with_key: frozenset[int] = frozenset()
    if any(row.get("smtp_ssl_certificate") for row in rows):
        with_key = fetch_ids_with(instance, "smtp_ssl_private_key", chosen)
    return tuple(parse_record(row, with_password, with_key) for row in rows)


def fetch_ids_with(instance: Instance, field: str, domain: Sequence[Any]) -> frozenset[int]:
    """Return which records have `field` set, without reading it."""
    found = instance.call(
        MODEL, "search", domain=[*domain, [field, "!=", False]], expect=record_ids
    )
    return frozenset(found)


def fetch_tokens(instance: Instance, capabilities: Capabilities) -> dict[int, tuple[str, ...]]:
    """Return which tokens of Gmail and Outlook are set, by record, without reading them."""
    names = [field for field in TOKENS if field in capabilities.fields]
    held = {field: fetch_ids_with(instance, field, [ARCHIVED_TOO]) for field in names}
    holders = sorted(set().union(*held.values()))
    return {it: tuple(field for field in names if it in held[field]) for it in holders}


@dataclass(frozen=True, slots=True)
class LastWrite:
    """Who last wrote a record, and when (UTC, as Odoo tells it)."""

    user_id: int
    user: str
    at: str

    def __str__(self) -> str:
        return f"by {self.user} at {self.at.replace(' ', 'T')}Z"


def fetch_last_writes(instance: Instance, ids: Sequence[int]) -> dict[int, LastWrite]:
    """Return who last wrote each record, and when."""
    rows = instance.call(
        MODEL,
        "search_read",
        domain=[ARCHIVED_TOO, ["id", "in", list(ids)]],
        fields=["write_uid", "write_date"],
        expect=records(id=record_id, write_uid=many2one, write_date=text),
    )
    users = {row["id"]: row["write_uid"] or (0, "somebody") for row in rows}
    return {
        row["id"]: LastWrite(users[row["id"]][0], users[row["id"]][1], row["write_date"])
        for row in rows
    }


def fetch_births(instance: Instance, ids: Sequence[int]) -> dict[int, str]:
    """Return when each record was made (UTC, as Odoo tells it)."""
    rows = instance.call(
        MODEL,
        "search_read",
        domain=[ARCHIVED_TOO, ["id", "in", list(ids)]],
        fields=["create_date"],
        expect=records(id=record_id, create_date=text),
    )
    return {row["id"]: row["create_date"] for row in rows}


def holds(instance: Instance, server_id: int, field: str, value: Secret | str) -> bool:
    """Tell whether a record's `field` equals `value`, without reading it (base64 for binaries)."""
    domain = [ARCHIVED_TOO, ["id", "=", server_id], [field, "=", value]]
    return bool(instance.call(MODEL, "search_count", domain=domain, expect=count))


def create_server(instance: Instance, values: Values) -> int:
    """Create a record and return its id."""
    created: int = instance.call(MODEL, "create", vals_list=_plain(values), expect=record_id)
    return created


def copy_server(instance: Instance, server_id: int, values: Values) -> int:
    """Copy a record on the server, secrets included, with some values changed; return the id.

    `copy` answers an id on 17 and a list on 19.
    """
    copied: int = instance.call(
        MODEL, "copy", (server_id,), default=_plain(values), expect=record_id
    )
    return copied


def write_server(instance: Instance, server_id: int, values: Values) -> None:
    """Write values to a record. Odoo answers True for a record that is gone: read back."""
    instance.call(MODEL, "write", (server_id,), vals=_plain(values), expect=anything)


def unlink_servers(instance: Instance, ids: Sequence[int]) -> None:
    """Remove records. Odoo answers True for one that is gone."""
    instance.call(MODEL, "unlink", ids, expect=anything)


def find_servers_named(
    instance: Instance, part: str, *, prefixes: tuple[str, ...]
) -> tuple[int, ...]:
    """Return the ids of the records with `part` in a name that begins with one of `prefixes`."""
    rows = instance.call(
        MODEL,
        "search_read",
        domain=[ARCHIVED_TOO, ["name", "ilike", part]],
        fields=["name"],
        expect=records(id=record_id, name=text),
    )
    return tuple(row["id"] for row in rows if row["name"].startswith(prefixes))


def fetch_probe_sender(instance: Instance, from_filter: str) -> str:
    """Return the sender that `test_smtp_connection` will use for a server with this filter."""
    if not from_filter:
        return probe_sender("", user_email=instance.fetch_user().email, alias_domain_addresses=())
    if "@" in from_filter:
        return probe_sender(from_filter, user_email="", alias_domain_addresses=())
    rows = instance.call(
        "mail.alias.domain",
        "search_read",
        domain=[],
        fields=["default_from_email"],
        expect=records(default_from_email=text),
    )
    addresses = tuple(row["default_from_email"] for row in rows if row["default_from_email"])
    return probe_sender(from_filter, user_email="", alias_domain_addresses=addresses)


def run_smtp_test(instance: Instance, server: MailServerRecord, sender: str) -> SmtpTest:
    """Let the instance test one server, archived or not, and say how it went.

    One server a call: with several Odoo stops at the first failure without naming it. A call that
    the proxy or our own time limit cuts off is a test without an answer, since Odoo waits 60 s for
    each answer of the SMTP server and proxies give up at 60 s.
    """
    started = time.monotonic()
    try:
        result = instance.call(MODEL, "test_smtp_connection", (server.id,), expect=anything)
        said = "" if _is_success(result) else f"Odoo answered {result!r}"
        shown = instance.connection.http.secrets.conceal(said)[:MOST_SHOWN]
    except OdooError as error:
        if error.code != "refused-by-odoo":
            raise
        said, shown = error.said.reveal(), error.message
    except TransportError as error:
        if error.code != "timeout" and error.status not in {502, 504}:
            raise
        said = shown = f"{error.message}: timed out"
    seconds = round(time.monotonic() - started, 3)
    if not said:
        return SmtpTest(
            id=server.id,
            name=server.name,
            ok=True,
            cause=None,
            message="Connection Test Successful!",
            hint="",
            sender=sender,
            seconds=seconds,
        )
    cause, hint = classify(said, smtp_port=server.smtp_port, smtp_encryption=server.smtp_encryption)
    return SmtpTest(
        id=server.id,
        name=server.name,
        ok=False,
        cause=cause,
        message=shown,
        hint=hint,
        sender=sender,
        seconds=seconds,
    )


def _is_success(result: Any) -> bool:
    """Tell whether an answer of the test is its success; every other one is unknown."""
    params = result.get("params") if isinstance(result, dict) else None
    return (
        isinstance(params, dict)
        and result.get("tag") == "display_notification"
        and params.get("type") == "success"
    )


def _plain(values: Values) -> dict[str, Any]:
    """Return values as Odoo takes them. A text that is not set is `False`, never `""`."""
    return {k: False if v in ("", Secret("")) else v for k, v in values.items()}


def parse_record(
    row: Mapping[str, Any], with_password: frozenset[int], with_key: frozenset[int]
) -> MailServerRecord:
    """Return the record in a row of READ_FIELDS, with the ids of those that have either secret.

    A field that the instance does not have is as a new record's.
    """
    managed = tuple(
        sorted(
            field.removeprefix("x_").removesuffix(ENVIRONMENT_SUFFIX)
            for field, editable in row.items()
            if field.endswith(ENVIRONMENT_SUFFIX) and not editable
        )
    )
    owner = row.get("owner_user_id")
    certificate = row.get("smtp_ssl_certificate")
    beside = {"owner_user_id", "smtp_ssl_certificate"}
    return MailServerRecord(
        id=row["id"],
        **{"name": ""} | {f: row[f] for f in READ_FIELDS if f in row and f not in beside},
        smtp_ssl_certificate=bool(certificate),
        smtp_ssl_private_key=row["id"] in with_key,
        has_password=row["id"] in with_password,
        owner_user_id=owner[0] if owner else None,
        environment_managed=managed,
    )
