"""Rules on neutralization: a copy of production mails nobody, production is no such copy.

`odoo-bin neutralize` sets a parameter, archives all mail servers, scheduled actions and incoming
servers, and puts a mail server that reaches nobody in their place (base, mail: neutralize.sql).
"""

from collections.abc import Callable, Iterator
from typing import Final

from remote_mailcfg.audit.hosts import is_catcher, is_near, is_stub
from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.model.evidence import NEUTRALIZED, Evidence
from remote_mailcfg.model.mail_server import MailServerRecord

Look = Callable[[Evidence], Iterator[Problem]]

#: The one scheduled action that neutralization leaves active.
AUTOVACUUM: Final = "base.autovacuum_job"
#: How many names a message holds.
MOST_NAMES: Final = 5


def where_mail_leaves(look: Look) -> Look:
    """Let a rule look only where mail is to leave: nothing is sent on a neutralized database."""

    def look_there(evidence: Evidence) -> Iterator[Problem]:
        if not evidence.is_neutralized:
            yield from look(evidence)

    return look_there


def _active(evidence: Evidence) -> list[MailServerRecord]:
    return [server.record for server in evidence.active_servers]


def _reaches_people(record: MailServerRecord) -> bool:
    """Tell whether mail through the server may leave: neither stub nor catcher nor near by.

    Where one with its connection from odoo.conf leads to, nobody can see.
    """
    if record.smtp_authentication == "cli":
        return True
    return not (is_stub(record) or is_catcher(record) or is_near(record.smtp_host))


def _place(record: MailServerRecord) -> str:
    from_configuration = record.smtp_authentication == "cli"
    return "the server of odoo.conf" if from_configuration else record.smtp_host


def _about(record: MailServerRecord, message: str) -> Problem:
    return Problem(message=message, server_id=record.id, server_name=record.name)


def _neutralized_production(evidence: Evidence) -> Iterator[Problem]:
    if not evidence.is_production:
        return
    if evidence.is_neutralized:
        yield Problem(
            message=f"the parameter {NEUTRALIZED} is set on an instance of the role production",
            subject=NEUTRALIZED,
        )
    for record in filter(is_stub, _active(evidence)):
        yield _about(record, "the server that stands for no mail at all is active on production")


def _copy_not_neutralized(evidence: Evidence) -> Iterator[Problem]:
    if not evidence.is_copy or evidence.is_neutralized:
        return
    active = _active(evidence)
    if not active or any(map(_reaches_people, active)):
        through = "its mail servers" if active else "odoo.conf, since no mail server is active"
        yield Problem(
            message=f"the role is {evidence.role}, the database is not neutralized, and mail can"
            f" leave through {through}"
        )


def _neutralized_without_server(evidence: Evidence) -> Iterator[Problem]:
    if evidence.is_neutralized and not _active(evidence):
        yield Problem(
            message="the database is neutralized, but no mail server is active, not even the stub:"
            " Odoo sends through smtp_server of odoo.conf, localhost:25 in stock images"
        )


def _stub_without_flag(evidence: Evidence) -> Iterator[Problem]:
    if evidence.is_neutralized or evidence.is_production:
        return
    for record in filter(is_stub, _active(evidence)):
        yield _about(
            record,
            f"the server of `odoo-bin neutralize` is active, and the parameter {NEUTRALIZED} is"
            " not set: mail that it gets fails",
        )


def _neutralized_but_sends(evidence: Evidence) -> Iterator[Problem]:
    if not evidence.is_neutralized:
        return
    for record in filter(_reaches_people, _active(evidence)):
        yield _about(
            record, f"the database is neutralized, and mail leaves through {_place(record)}"
        )


def _neutralized_but_crons_run(evidence: Evidence) -> Iterator[Problem]:
    if not evidence.is_neutralized:
        return
    names = [cron.name for cron in evidence.crons if cron.active and cron.xmlid != AUTOVACUUM]
    if names:
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        yield Problem(
            message=f"the database is neutralized, and {len(names)} scheduled action(s) are active:"
            f" {', '.join(names[:MOST_NAMES])}{more}"
        )


def _neutralized_but_fetches(evidence: Evidence) -> Iterator[Problem]:
    if not evidence.is_neutralized:
        return
    for server in evidence.fetchmail:
        if server.active:
            yield Problem(
                message=f"the database is neutralized, and the incoming server '{server.name}' is"
                " active: it takes mail away from the mailbox of production",
                subject=f"fetchmail.server {server.id}",
            )


def _neutralized_but_pinned(evidence: Evidence) -> Iterator[Problem]:
    if not evidence.is_neutralized:
        return
    stubs = {record.id for record in evidence.records if is_stub(record)}
    for template in evidence.templates:
        if template.server_id not in stubs:
            yield Problem(
                message=f"the database is neutralized, and the template '{template.name}' names the"
                f" mail server {template.server_id}, which comes before the stub",
                subject=f"mail.template {template.id}",
            )


def _credentials_in_archive(evidence: Evidence) -> Iterator[Problem]:
    if not evidence.is_copy:
        return
    for server in evidence.servers:
        record = server.record
        held = {
            "a password": record.has_password,
            "a private key": record.smtp_ssl_private_key,
            "a token": server.has_token,
        }
        if not record.active and any(held.values()):
            told = " and ".join(what for what, is_held in held.items() if is_held)
            yield _about(
                record,
                f"the archived server for {record.smtp_host or 'odoo.conf'} still holds {told}",
            )


def _relay_on_copy(evidence: Evidence) -> Iterator[Problem]:
    if not evidence.is_copy:
        return
    for record in filter(_reaches_people, _active(evidence)):
        yield _about(
            record,
            f"the role is {evidence.role}, and mail leaves through {_place(record)}, which is no"
            " known catcher and no host of a private network",
        )


def _catcher_on_production(evidence: Evidence) -> Iterator[Problem]:
    if not evidence.is_production:
        return
    for record in filter(is_catcher, _active(evidence)):
        yield _about(
            record,
            f"'{record.name}' ({record.smtp_host}) looks like a catcher for tests: what it takes"
            " reaches nobody",
        )


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="neutralized-production",
        group="neutralization",
        severity="critical",
        title="Production is neutralized",
        why="No mail reaches anybody, and nobody is told: Odoo believes that it is a test copy.",
        remedy="Find out how the flag came there; then remove the parameter"
        f" {NEUTRALIZED} and archive the stub, and make the real server active.",
        needs=("role", "parameters", "servers"),
        look=_neutralized_production,
    ),
    Rule(
        id="copy-not-neutralized",
        group="neutralization",
        severity="error",
        title="A copy of production is not neutralized",
        why="Scheduled actions and users of the copy mail the real people in its data.",
        remedy="Neutralize the database (`odoo-bin neutralize`), or let a catcher be its only"
        " active mail server.",
        needs=("role", "parameters", "servers"),
        look=_copy_not_neutralized,
    ),
    Rule(
        id="neutralized-without-server",
        group="neutralization",
        severity="critical",
        title="Neutralized, but without the stub",
        why="Without an active mail server Odoo falls back to odoo.conf, and mail leaves.",
        remedy="Make the stub active again (host `invalid`), or a catcher.",
        needs=("parameters", "servers"),
        look=_neutralized_without_server,
    ),
    Rule(
        id="stub-without-flag",
        group="neutralization",
        severity="error",
        title="The stub is active, and the database is not neutralized",
        why="Mail that the stub gets fails with a name that is not found.",
        remedy="Archive the stub, or neutralize the database.",
        needs=("parameters", "servers"),
        look=_stub_without_flag,
    ),
    Rule(
        id="neutralized-but-sends",
        group="neutralization",
        severity="error",
        title="Neutralized, but another mail server is active",
        why="It was made active after the neutralization: mail of the copy reaches people.",
        remedy="Archive it: `remote-mailcfg server archive SERVER`.",
        needs=("parameters", "servers"),
        look=_neutralized_but_sends,
    ),
    Rule(
        id="neutralized-but-crons-run",
        group="neutralization",
        severity="error",
        title="Neutralized, but scheduled actions are active",
        why="Neutralization leaves one active; others may mail, bill or call other systems.",
        remedy="Look under Settings > Technical > Scheduled Actions, and switch off those that"
        " the copy does not need.",
        needs=("parameters", "crons"),
        look=_neutralized_but_crons_run,
    ),
    Rule(
        id="neutralized-but-fetches",
        group="neutralization",
        severity="error",
        title="Neutralized, but an incoming mail server is active",
        why="The copy takes mail away that was meant for production.",
        remedy="Archive it under Settings > Technical > Email > Incoming Mail Servers.",
        needs=("parameters", "fetchmail"),
        look=_neutralized_but_fetches,
    ),
    Rule(
        id="neutralized-but-pinned",
        group="neutralization",
        severity="error",
        title="Neutralized, but a template names a mail server",
        why="What a template names comes before every other choice.",
        remedy="Empty the template's Outgoing Mail Server.",
        needs=("parameters", "servers", "templates"),
        look=_neutralized_but_pinned,
    ),
    Rule(
        id="credentials-in-archive",
        group="neutralization",
        severity="warning",
        title="A copy holds the credentials of an archived server",
        why="Who may log in to the copy can use production's relay.",
        remedy="Empty user and password of the archived servers, or delete them.",
        needs=("role", "servers"),
        look=_credentials_in_archive,
    ),
    Rule(
        id="relay-on-copy",
        group="neutralization",
        severity="error",
        title="A copy of production sends through a relay",
        why="Mail of staging, training or test instances reaches real people.",
        remedy="Archive it, or replace it by a catcher such as Mailpit.",
        needs=("role", "servers"),
        look=_relay_on_copy,
    ),
    Rule(
        id="catcher-on-production",
        group="neutralization",
        severity="error",
        title="Production sends to a catcher",
        why="A catcher says that it took the mail, and keeps it.",
        remedy="Replace it by the real relay: `remote-mailcfg server update SERVER --smtp-host …`.",
        needs=("role", "servers"),
        look=_catcher_on_production,
    ),
)
