"""Rules on placeholders: addresses and domains of nobody that mail must not leave with."""

from collections.abc import Iterator
from typing import Final

from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.audit.sender import route_in
from remote_mailcfg.audit.servers import about
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.from_filter import domain_of, split_from_filter

#: Domains that demo data, tutorials and OpenSPP's spp_grm leave behind, beside those of RFC 2606.
PLACEHOLDERS: Final = frozenset(
    {
        "example.com",
        "example.net",
        "example.org",
        "mycompany.com",
        "yourcompany.com",
        "yourcompany.example.com",
        "yourdomain.com",
    }
)
PLACEHOLDER_ENDS: Final = (".example", ".invalid", ".localhost", ".test", ".example.com")


def is_placeholder(domain: str) -> bool:
    """Tell whether a domain is nobody's: of documentation, demo data or a tutorial."""
    domain = domain.lower()
    return domain in PLACEHOLDERS or domain.endswith(PLACEHOLDER_ENDS)


def _placeholder_company(evidence: Evidence) -> Iterator[Problem]:
    for company in evidence.companies:
        if is_placeholder(domain_of(company.email)):
            yield Problem(
                message=f"the address of the company '{company.name}' is {company.email}",
                subject=f"res.company {company.id}",
            )


def _placeholder_alias_domain(evidence: Evidence) -> Iterator[Problem]:
    for company in evidence.companies:
        if is_placeholder(company.alias_domain):
            sender = company.default_from_email or company.bounce_email or company.alias_domain
            yield Problem(
                message=f"mail of '{company.name}' leaves as {sender}, a placeholder of tutorials"
                " and demo data",
                subject=company.alias_domain,
            )


def _placeholder_sender(evidence: Evidence) -> Iterator[Problem]:
    """Tell of shipped senders whose placeholder leaves: Odoo may put another in its place."""
    company = evidence.companies[0] if evidence.companies else None
    for sender in evidence.default_senders:
        if sender.xmlid == "base.main_partner" or not is_placeholder(domain_of(sender.email)):
            continue  # the partner is the company, which has a rule of its own
        if route_in(evidence, sender.email, company).sender == sender.email:
            yield Problem(
                message=f"mail of {sender.xmlid} leaves as {sender.email}", subject=sender.xmlid
            )


def _placeholder_filter(evidence: Evidence) -> Iterator[Problem]:
    for server in evidence.active_servers:
        for part in split_from_filter(server.record.from_filter):
            if is_placeholder(domain_of(part) or part):
                yield about(server.record, f"from_filter holds the placeholder {part}", part)


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="placeholder-company",
        group="sender",
        severity="warning",
        title="The address of a company is a placeholder",
        why="Answers go nowhere, and the domain's owner, not you, decides who may send for it.",
        remedy="Settings > Users & Companies > Companies: Email.",
        needs=("companies",),
        look=_placeholder_company,
    ),
    Rule(
        id="placeholder-alias-domain",
        group="sender",
        severity="error",
        title="The alias domain is a placeholder",
        why="Odoo sends as notifications@ it: receivers refuse the mail though every test passes."
        " OpenSPP 17's spp_grm brings yourdomain.com along.",
        remedy="Settings > General Settings > Alias Domain: rename it to a domain of yours.",
        needs=("companies",),
        look=_placeholder_alias_domain,
    ),
    Rule(
        id="placeholder-sender",
        group="sender",
        severity="warning",
        title="Mail leaves with the address of a shipped user",
        why="OdooBot writes all automatic mail; receivers refuse odoobot@example.com.",
        remedy="Give the user an address of yours, or the company an alias domain, so that Odoo"
        " puts the default From in its place.",
        needs=("default_senders", "servers", "companies", "parameters"),
        look=_placeholder_sender,
    ),
    Rule(
        id="placeholder-filter",
        group="sender",
        severity="warning",
        title="A from_filter holds a placeholder",
        why="It was copied from a tutorial, and no sender of yours fits it.",
        remedy="Give the domain that mail really leaves from.",
        needs=("servers",),
        look=_placeholder_filter,
    ),
)
