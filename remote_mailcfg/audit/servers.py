"""Rules on the mail servers as a whole: which there are, and which comes first."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.from_filter import (
    normalize_address,
    normalize_domain,
    split_from_filter,
)
from remote_mailcfg.model.mail_server import CANDIDATE_PREFIX, MailServerRecord

#: A younger candidate may belong to a run that is under way.
CANDIDATE_AGE: Final = timedelta(minutes=10)
#: A backup is for the rollback of a change; nobody rolls back later than that.
BACKUP_AGE: Final = timedelta(days=30)
#: Stands for "no filter matches" among the parts of filters, none of which has a comma.
_NO_FILTER: Final = ","


def about(record: MailServerRecord, message: str, subject: str = "") -> Problem:
    """Return a problem of this mail server."""
    return Problem(message=message, server_id=record.id, server_name=record.name, subject=subject)


def _servers_not_readable(evidence: Evidence) -> Iterator[Problem]:
    if "servers" in evidence.missing:
        yield Problem(message=f"most rules could not look: {evidence.missing['servers']}")


def _no_active_server(evidence: Evidence) -> Iterator[Problem]:
    if evidence.active_servers or evidence.is_neutralized:
        return
    others = len(evidence.servers)
    yield Problem(
        message=f"no mail server is active ({others} archived or personal): Odoo sends through"
        " smtp_server of odoo.conf, localhost:25 in stock images"
    )


def _same_priority(evidence: Evidence) -> Iterator[Problem]:
    #: the first server, with its place, that is a candidate by a priority and a part of the filter
    first: dict[tuple[int, str], tuple[int, MailServerRecord]] = {}
    for number, server in enumerate(evidence.active_servers):
        record = server.record
        steps = [(record.sequence, part) for part in _parts(record.from_filter)]
        found = [first[step] for step in steps if step in first]
        if found:
            _number, earlier = min(found, key=lambda it: it[0])
            senders = record.from_filter or "senders that no from_filter matches"
            yield about(
                record,
                f"it has the priority {record.sequence}, as {earlier.id} '{earlier.name}' has,"
                f" which is used for {senders} because it is older",
                subject=str(earlier.id),
            )
        for step in steps:
            first.setdefault(step, (number, record))


def _parts(from_filter: str) -> set[str]:
    """Return what decides in the step of routing that a server is a candidate in.

    A server without a filter is one where no filter matches, which is no part of any filter.
    """
    if not from_filter:
        return {_NO_FILTER}
    return {
        normalize_address(part) or normalize_domain(part) for part in split_from_filter(from_filter)
    }


def _duplicate_server(evidence: Evidence) -> Iterator[Problem]:
    seen: dict[tuple[str, int, str], MailServerRecord] = {}
    for server in evidence.active_servers:
        record = server.record
        if record.smtp_authentication == "cli":
            continue
        place = (record.smtp_host.lower(), record.smtp_port, record.smtp_user.lower())
        first = seen.setdefault(place, record)
        if first is not record:
            yield about(
                record,
                f"it connects as {first.id} '{first.name}' does: same host, port and user",
                subject=str(first.id),
            )


def _cli_server(evidence: Evidence) -> Iterator[Problem]:
    for server in evidence.active_servers:
        if server.record.smtp_authentication == "cli":
            yield about(
                server.record,
                "its connection comes from odoo.conf, which no call shows; its own host, port and"
                " user count for nothing",
            )


def _environment_managed(evidence: Evidence) -> Iterator[Problem]:
    for server in evidence.servers:
        if server.record.environment_managed:
            fields = ", ".join(server.record.environment_managed)
            yield about(
                server.record, f"{fields}: come from the server's environment; writes are ignored"
            )


def _other_routing(evidence: Evidence) -> Iterator[Problem]:
    for server in evidence.active_servers:
        told = {
            "company_id": server.company,
            "smtp_from": server.smtp_from,
            "domain_whitelist": server.domain_whitelist,
        }
        fields = ", ".join(f"{name} is '{value}'" for name, value in told.items() if value)
        if fields:
            yield about(server.record, f"a module of OCA decides with: {fields}")


def _left_copies(evidence: Evidence) -> Iterator[Problem]:
    for copy in evidence.copies:
        is_candidate = copy.name.startswith(CANDIDATE_PREFIX)
        age = evidence.now - copy.created
        if age > (CANDIDATE_AGE if is_candidate else BACKUP_AGE):
            kind = "candidate" if is_candidate else "backup"
            yield Problem(
                message=f"the {kind} '{copy.name}' was made {copy.created:%Y-%m-%dT%H:%M:%SZ}, and"
                " nothing needs it any more; it holds a password where its server has one",
                server_id=copy.id,
                server_name=copy.name,
            )


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="servers-not-readable",
        group="servers",
        severity="error",
        title="The user may not read the mail servers",
        why="An audit that could not look would pass for one that found nothing.",
        remedy="Log in as a user with the role System Admin (base.group_system).",
        look=_servers_not_readable,
    ),
    Rule(
        id="no-active-server",
        group="servers",
        severity="error",
        title="No mail server is active",
        why="Odoo then uses odoo.conf: in stock images localhost:25, where nobody listens.",
        remedy="Create one with `remote-mailcfg server create`, or waive this rule where"
        " odoo.conf is the way that was chosen.",
        needs=("servers", "parameters"),
        look=_no_active_server,
    ),
    Rule(
        id="same-priority",
        group="servers",
        severity="warning",
        title="Two mail servers for the same senders have one priority",
        why="Which one is used depends on which was created first.",
        remedy="Give one another priority: `remote-mailcfg server update SERVER --sequence N`.",
        needs=("servers",),
        look=_same_priority,
    ),
    Rule(
        id="duplicate-server",
        group="servers",
        severity="info",
        title="Two mail servers connect to the same place as the same user",
        why="A password that is changed has to be changed in each of them.",
        remedy="Archive one; a from_filter holds several addresses and domains, with commas.",
        needs=("servers",),
        look=_duplicate_server,
    ),
    Rule(
        id="connection-from-odoo-conf",
        group="servers",
        severity="info",
        title="A mail server takes its connection from odoo.conf",
        why="What it connects to cannot be seen or changed from outside.",
        remedy="Use the authentication `login` with the values themselves, if they shall be seen.",
        needs=("servers",),
        look=_cli_server,
    ),
    Rule(
        id="environment-managed",
        group="servers",
        severity="info",
        title="Fields of a mail server come from the server's environment",
        why="A module (OCA mail_environment) answers True to a write and ignores it.",
        remedy="Change them where they come from: server_environment_files or the configuration.",
        needs=("servers",),
        look=_environment_managed,
    ),
    Rule(
        id="other-routing",
        group="servers",
        severity="info",
        title="A module has its own say in which mail server is used",
        why="Odoo's rules, which this audit and `route` go by, are then not all.",
        remedy="Read the module's documentation: mail_multicompany or mail_outbound_static of OCA.",
        needs=("servers",),
        look=_other_routing,
    ),
    Rule(
        id="left-copies",
        group="servers",
        severity="warning",
        title="A copy that this tool made was left",
        why="It may hold a password; it is archived and sends nothing.",
        remedy="Remove it: `remote-mailcfg server delete ID`.",
        needs=("copies",),
        look=_left_copies,
    ),
)
