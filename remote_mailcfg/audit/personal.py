"""Rules on personal mail servers (19): each sends the mail that its owner writes, nothing else."""

from collections.abc import Iterator
from typing import Final

from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.audit.servers import about
from remote_mailcfg.model.evidence import Evidence, UserEvidence
from remote_mailcfg.model.from_filter import normalize_address
from remote_mailcfg.model.mail_server import MailServerRecord

SWITCH: Final = "mail.disable_personal_mail_servers"
#: Mails a minute through a personal server: any, and one of Outlook.
LIMITS: Final = (
    "mail.server.personal.limit.minutes",
    "mail.server.personal.limit.minutes_outlook",
)


def _owned(evidence: Evidence) -> Iterator[tuple[MailServerRecord, UserEvidence]]:
    """Yield each active personal server with its owner."""
    owners = {owner.id: owner for owner in evidence.owners}
    for record in evidence.records:
        if record.active and record.owner_user_id in owners:
            yield record, owners[record.owner_user_id]


def _owner_inactive(evidence: Evidence) -> Iterator[Problem]:
    for record, owner in _owned(evidence):
        if not owner.active:
            yield about(record, f"its owner, user {owner.id}, is archived")


def _filter_differs(evidence: Evidence) -> Iterator[Problem]:
    for record, owner in _owned(evidence):
        if normalize_address(owner.email) != record.from_filter:
            yield about(
                record, f"its from_filter is not the mail address of its owner, user {owner.id}"
            )


def _not_chosen(evidence: Evidence) -> Iterator[Problem]:
    for record, owner in _owned(evidence):
        if owner.mail_server_id != record.id:
            yield about(record, f"its owner, user {owner.id}, does not use it any more")


def _archived(evidence: Evidence) -> Iterator[Problem]:
    for record in evidence.records:
        if record.owner_user_id is not None and not record.active:
            yield about(record, "it is archived, and Odoo's daily clean-up removes it")


def _limit_not_valid(evidence: Evidence) -> Iterator[Problem]:
    for limit in LIMITS:
        value = evidence.parameters.get(limit, "")
        if value and not value.strip().isdecimal():
            yield Problem(
                message=f"{limit} is '{value}', which is no number of mails", subject=limit
            )


def _switched_off(evidence: Evidence) -> Iterator[Problem]:
    if not evidence.parameters.get(SWITCH):
        return
    owned = len(list(_owned(evidence)))
    if owned:
        yield Problem(
            message=f"{SWITCH} is set, and {owned} personal mail server(s) are active",
            subject=SWITCH,
        )


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="personal-owner-archived",
        group="personal",
        severity="warning",
        title="The owner of a personal mail server is archived",
        why="It holds the login of somebody who left.",
        remedy="Archive it; Odoo removes archived personal servers by itself.",
        versions="19",
        needs=("servers", "owners"),
        look=_owner_inactive,
    ),
    Rule(
        id="personal-filter-differs",
        group="personal",
        severity="warning",
        title="A personal mail server is for another address than its owner's",
        why="Odoo refuses to use it: mail of the owner fails.",
        remedy="Let the owner connect it anew (Preferences), or correct the address.",
        versions="19",
        needs=("servers", "owners"),
        look=_filter_differs,
    ),
    Rule(
        id="personal-not-used",
        group="personal",
        severity="info",
        title="A personal mail server is not used by its owner",
        why="Nobody can use or test it, and it still holds a login.",
        remedy="Archive it; Odoo removes archived personal servers by itself.",
        versions="19",
        needs=("servers", "owners"),
        look=_not_chosen,
    ),
    Rule(
        id="personal-archived",
        group="personal",
        severity="info",
        title="A personal mail server is archived",
        why="It is gone with the next daily clean-up, its login with it.",
        remedy="Make it active again, or let it go.",
        versions="19",
        needs=("servers",),
        look=_archived,
    ),
    Rule(
        id="personal-limit-not-valid",
        group="personal",
        severity="error",
        title="The limit of personal mail servers is no number",
        why="Odoo takes it for a number, and every mail through a personal server fails.",
        remedy="Give a whole number of mails a minute, or remove the parameter (then 30, and 10 for"
        " Outlook).",
        versions="19",
        needs=("parameters",),
        look=_limit_not_valid,
    ),
    Rule(
        id="personal-switched-off",
        group="personal",
        severity="info",
        title="Personal mail servers are switched off, and there are some",
        why="What their owners write goes through the other servers.",
        remedy="Remove the parameter mail.disable_personal_mail_servers, or archive the servers.",
        versions="19",
        needs=("servers", "owners", "parameters"),
        look=_switched_off,
    ),
)
