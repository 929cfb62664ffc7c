"""The rule book: every rule, in the order of the report's columns."""

from typing import Final

from remote_mailcfg.audit import (
    access,
    connection,
    connection_test,
    crons,
    dns,
    incoming,
    mailings,
    neutralization,
    personal,
    placeholder,
    queue,
    sender,
    servers,
    spf,
    templates,
    tls,
)
from remote_mailcfg.audit.rule import Rule
from remote_mailcfg.audit.waivers import WAIVER_RULES
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.evidence import Evidence

RULES: Final[tuple[Rule[Evidence], ...]] = (
    *neutralization.RULES,
    *servers.RULES,
    *connection.RULES,
    *sender.RULES,
    *placeholder.RULES,
    *personal.RULES,
    *mailings.RULES,
    *templates.RULES,
    *queue.RULES,
    *crons.RULES,
    *incoming.RULES,
    *access.RULES,
    *connection_test.RULES,
    *spf.RULES,
    *dns.RULES,
    *tls.RULES,
)


#: The rules that look at the evidence, and those that watch over waivers.
BOOK: Final[tuple[Rule[Evidence], ...]] = (*RULES, *WAIVER_RULES)


def find_rule(rule_id: str) -> Rule[Evidence]:
    """Return the rule of this id; raises `not-found`."""
    for rule in BOOK:
        if rule.id == rule_id:
            return rule
    raise RemoteMailcfgError(
        "not-found",
        f"there is no rule {rule_id!r}",
        "`remote-mailcfg audit rules` lists them.",
    )
