"""Rules on mail templates: the mail server that they name."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from remote_mailcfg.audit.neutralization import where_mail_leaves
from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.audit.servers import about
from remote_mailcfg.model.evidence import Evidence

#: So many templates are named in a message; of the others their number.
MOST_NAMES: Final = 5


def _pinned_to_archived(evidence: Evidence) -> Iterator[Problem]:
    names: dict[int, list[str]] = defaultdict(list)
    for template in evidence.templates:
        names[template.server_id].append(f"'{template.name}'")
    for record in evidence.records:
        if record.id in names and not record.active:
            told = ", ".join(names[record.id][:MOST_NAMES])
            more = len(names[record.id]) - MOST_NAMES
            yield about(
                record,
                f"it is archived, and template(s) {told}{f' and {more} more' if more > 0 else ''}"
                " name it",
            )


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="template-server-archived",
        group="usage",
        severity="warning",
        title="A mail template names an archived mail server",
        why="Its mails do not go the way that whoever set it meant, or fail.",
        remedy="Choose another server in the template, or none so that Odoo chooses.",
        needs=("servers", "templates", "parameters"),
        look=where_mail_leaves(_pinned_to_archived),
    ),
)
