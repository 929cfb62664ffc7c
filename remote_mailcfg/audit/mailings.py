"""Rules on Email Marketing: the mail server that its mailings name."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from remote_mailcfg.audit.neutralization import where_mail_leaves
from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.audit.servers import about
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.mail_server import MailServerRecord

#: Whether Email Marketing has a server of its own, and which (mass_mailing).
SWITCH: Final = "mass_mailing.outgoing_mail_server"
SERVER: Final = "mass_mailing.mail_server_id"


def _why_not_usable(record: MailServerRecord) -> str:
    """Return why no mailing can go through a server; `""` where one can."""
    if not record.active:
        return "is archived"
    return "is personal" if record.owner_user_id is not None else ""


def _marketing_server(evidence: Evidence) -> Iterator[Problem]:
    named = evidence.parameters.get(SERVER, "")
    if not evidence.parameters.get(SWITCH) or not named.isdecimal() or named == "0":
        return
    record = next((it for it in evidence.records if it.id == int(named)), None)
    if record is None:
        yield Problem(
            message=f"{SERVER} names the mail server {named}, which does not exist", subject=SERVER
        )
    elif why := _why_not_usable(record):
        yield about(record, f"it is the server of Email Marketing, and {why}", subject=SERVER)


def _mailing_server(evidence: Evidence) -> Iterator[Problem]:
    counts = Counter(mailing.server_id for mailing in evidence.mailings)
    for record in evidence.records:
        if record.id in counts and (why := _why_not_usable(record)):
            yield about(record, f"{counts[record.id]} mailing(s) name it, and it {why}")


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="marketing-server-not-usable",
        group="usage",
        severity="error",
        title="Email Marketing has a mail server that it cannot use",
        why="Every new mailing is made for that server, and fails.",
        remedy="Choose another under Settings > Email Marketing > Dedicated Server.",
        needs=("servers", "parameters"),
        look=where_mail_leaves(_marketing_server),
    ),
    Rule(
        id="mailing-server-not-usable",
        group="usage",
        severity="error",
        title="A mailing names a mail server that it cannot use",
        why="The mailing fails when it is sent.",
        remedy="Choose another server in the mailing's settings, or make this one active.",
        needs=("servers", "mailings", "parameters"),
        look=where_mail_leaves(_mailing_server),
    ),
)
