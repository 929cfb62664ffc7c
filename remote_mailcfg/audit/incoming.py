"""Rules on incoming mail: without it answers and bounces do not come back into Odoo."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from remote_mailcfg.audit.crons import GATEWAY_CRON
from remote_mailcfg.audit.neutralization import where_mail_leaves
from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.model.evidence import Evidence, FetchmailEvidence

#: Odoo sets an incoming server to draft after so many days of failures (19: fetchmail.py).
STALE: Final = timedelta(days=1)
#: Servers that Odoo does not log in to over the network.
LOCAL: Final = "local"


def _used(evidence: Evidence) -> Iterator[FetchmailEvidence]:
    return (it for it in evidence.fetchmail if it.active and it.server_type != LOCAL)


def _draft(evidence: Evidence) -> Iterator[Problem]:
    for server in _used(evidence):
        if server.state != "done":
            yield Problem(
                message=f"'{server.name}' is not confirmed, and fetches nothing",
                subject=server.name,
            )


def _fails(evidence: Evidence) -> Iterator[Problem]:
    for server in _used(evidence):
        if server.error_date is not None:
            reason = f": {server.error_message}" if server.error_message else ""
            yield Problem(
                message=f"'{server.name}' fails since {server.error_date:%Y-%m-%d}{reason}",
                subject=server.name,
            )
        elif server.state == "done" and server.last_fetch is not None:
            late = evidence.now - server.last_fetch
            if late > STALE:
                yield Problem(
                    message=f"'{server.name}' fetched nothing for {late.days} day(s)",
                    subject=server.name,
                )


def _in_clear(evidence: Evidence) -> Iterator[Problem]:
    for server in _used(evidence):
        if server.state == "done" and not server.is_ssl and server.server_type in {"imap", "pop"}:
            yield Problem(
                message=f"'{server.name}' logs in to {server.server}:{server.port} without TLS",
                subject=server.name,
            )


def _nobody_fetches(evidence: Evidence) -> Iterator[Problem]:
    cron = evidence.find_cron(GATEWAY_CRON)
    if any(it.state == "done" for it in _used(evidence)) and cron and not cron.active:
        yield Problem(message="an incoming mail server is set up, and its scheduled action is off")


def _no_way_in(evidence: Evidence) -> Iterator[Problem]:
    caught = [it.catchall_email for it in evidence.companies if it.catchall_email]
    if caught and not any(server.active for server in evidence.fetchmail):
        yield Problem(
            message=f"answers go to {caught[0]}, and no incoming mail server is set up here: a"
            " gateway on the mail server must hand them to Odoo"
        )


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="incoming-not-confirmed",
        group="incoming",
        severity="warning",
        title="An incoming mail server is not confirmed",
        why="It fetches nothing: answers and bounces stay in the mailbox.",
        remedy="Press Test & Confirm under Settings > Technical > Email > Incoming Mail Servers,"
        " or archive it.",
        needs=("fetchmail", "parameters"),
        look=where_mail_leaves(_draft),
    ),
    Rule(
        id="incoming-fails",
        group="incoming",
        severity="warning",
        title="An incoming mail server fetches nothing",
        why="Answers and bounces stay in the mailbox; after five days of errors Odoo switches it"
        " off.",
        remedy="Press Test & Confirm, and look at what it says.",
        needs=("fetchmail", "parameters"),
        look=where_mail_leaves(_fails),
    ),
    Rule(
        id="incoming-in-clear",
        group="incoming",
        severity="warning",
        title="Incoming mail is fetched without TLS",
        why="The mailbox's password and all mails can be read on the way.",
        remedy="Switch SSL/TLS on, with port 993 for IMAP or 995 for POP.",
        needs=("fetchmail",),
        look=_in_clear,
    ),
    Rule(
        id="incoming-cron-off",
        group="incoming",
        severity="warning",
        title="Incoming mail is set up and never fetched",
        why="The scheduled action that fetches it is not active.",
        remedy="Activate Mail: Fetchmail Service under Settings > Technical > Scheduled Actions.",
        needs=("fetchmail", "crons", "parameters"),
        look=where_mail_leaves(_nobody_fetches),
    ),
    Rule(
        id="no-way-in",
        group="incoming",
        severity="info",
        title="Answers have an address, and no incoming mail server is set up",
        why="Unless the mail server hands mails to Odoo itself, answers and bounces are lost.",
        remedy="Set up an incoming mail server for the catchall address, or see that the mail"
        " server's gateway does it.",
        needs=("fetchmail", "companies", "parameters"),
        look=where_mail_leaves(_no_way_in),
    ),
)
