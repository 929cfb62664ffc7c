"""One change of one mail server, as data: what was, what is to be, and what it needs."""

from dataclasses import dataclass, fields, replace
from typing import Final, Literal

from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.values import TOKEN_AUTHENTICATIONS, Values
from remote_mailcfg.secret import Secret

Action = Literal["create", "adopt", "update", "archive", "unarchive", "delete"]

#: What the connection depends on; everything else is written without a test, since the priority of
#: a dead relay must be changeable in an incident.
PROVED_FIELDS: Final = frozenset(
    {
        "smtp_host",
        "smtp_port",
        "smtp_encryption",
        "smtp_authentication",
        "smtp_user",
        "smtp_pass",
        "smtp_ssl_certificate",
        "smtp_ssl_private_key",
        "from_filter",
    }
)

BINARY_FIELDS: Final = frozenset({"smtp_ssl_certificate", "smtp_ssl_private_key"})
#: What a record only tells to be set or not: the password, and the content of the files.
SECRET_FIELDS: Final = BINARY_FIELDS | {"smtp_pass"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one record: `before` is None for a new one, secrets in `values` are `Secret`.

    `key` is the entry of the file that the record shall be marked for; `unmarks` takes the mark of
    `key` away instead. `backup` is an archived copy on the instance: `restored` fields are copied
    from it on the server, and a new record is made from it. `reversible` is False where what is
    lost shall be lost: no backup is made then.
    """

    action: Action
    before: MailServerRecord | None
    values: Values
    key: str | None = None
    unmarks: bool = False
    backup: int | None = None
    restored: frozenset[str] = frozenset()
    reversible: bool = True

    @property
    def fields(self) -> frozenset[str]:
        """The fields that are written, whether by their value or from a backup."""
        return self.restored | self.values.keys()

    @property
    def changes_connection(self) -> bool:
        """Whether something is written that the connection depends on."""
        return not PROVED_FIELDS.isdisjoint(self.fields)

    @property
    def needs_proof(self) -> bool:
        """Whether the server's connection changes while it is in use, or it becomes active."""
        if self.action in {"archive", "delete"}:
            return False
        if self.before is None or not self.before.active:
            return self.after.active or (self.before is not None and self.changes_connection)
        return self.changes_connection

    @property
    def takes_copy(self) -> bool:
        """Whether the proof is made on a copy of the live record."""
        return (
            self.before is not None
            and self.needs_proof
            and self.changes_connection
            and not self.in_place
        )

    @property
    def has_secrets(self) -> bool:
        """Whether fields are written that nobody can read to write them back."""
        return not SECRET_FIELDS.isdisjoint(self.fields)

    @property
    def in_place(self) -> bool:
        """Whether a copy cannot stand for the server: tokens of Gmail and Outlook do not copy."""
        before = self.before
        return (
            before is not None
            and before.smtp_authentication in TOKEN_AUTHENTICATIONS
            and self.after.smtp_authentication in TOKEN_AUTHENTICATIONS
        )

    @property
    def after(self) -> MailServerRecord:
        """The record as it will be; a new one has the id 0."""
        known = {field.name for field in fields(MailServerRecord)}
        written = {
            field: bool(value) if field in BINARY_FIELDS else value
            for field, value in self.values.items()
            if field in known and not isinstance(value, Secret)
        }
        if self.values.get("smtp_ssl_private_key"):
            written["smtp_ssl_private_key"] = True
        if "smtp_pass" in self.values:
            written["has_password"] = bool(self.values["smtp_pass"])
        before = self.before or MailServerRecord(id=0, name=str(self.values.get("name", "")))
        return replace(before, **written)  # type: ignore[arg-type]  # checked by check_values


def drop_unchanged(values: Values, before: MailServerRecord) -> Values:
    """Return the values that differ from the record; a secret that is set counts as different."""
    return {
        field: value
        for field, value in values.items()
        if (field in SECRET_FIELDS and value) or value != _known(before, field)
    }


def _known(before: MailServerRecord, field: str) -> object:
    """Return what a record tells of a field; of a secret only that it is not set."""
    if field == "smtp_pass":
        return None if before.has_password else ""
    return getattr(before, field, None)
