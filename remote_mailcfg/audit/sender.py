"""Rules on senders: which addresses mail leaves with, and whether a server is made for them."""

from collections.abc import Iterator
from typing import Final

from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.audit.servers import about
from remote_mailcfg.model.evidence import CompanyEvidence, Evidence
from remote_mailcfg.model.from_filter import (
    check_from_filter,
    matches_from_filter,
    normalize_address,
    split_from_filter,
)
from remote_mailcfg.model.routing import Route, route

#: Read by nothing but the move to 17, which made alias domains of them (mail_alias_domain.py).
REPLACED: Final = (
    "mail.bounce.alias",
    "mail.catchall.alias",
    "mail.catchall.domain",
    "mail.default.from",
)
#: Read by nothing since 15.
DEAD: Final = ("mail.dynamic.smtp.from", "mail.force.smtp.from")
ALLOWED_DOMAINS: Final = "mail.catchall.domain.allowed"


def route_in(evidence: Evidence, address: str, company: CompanyEvidence | None) -> Route:
    """Return what Odoo does with mail from this address in this company."""
    return route(
        address,
        evidence.records,
        notifications_email=company.default_from_email if company else "",
        default_from_filter=evidence.parameters.get("mail.default.from_filter", ""),
    )


def _known_senders(evidence: Evidence) -> set[str]:
    """Return the addresses that mail is known to leave with, as Odoo compares them."""
    known = [sender.email for sender in evidence.default_senders]
    known += [evidence.user.email if evidence.user else ""]
    for company in evidence.companies:
        known += [company.email, company.default_from_email, company.catchall_email]
    return {address for it in known if (address := normalize_address(it))}


def _default_sender_unmatched(evidence: Evidence) -> Iterator[Problem]:
    for company in evidence.companies:
        address = company.default_from_email or company.email
        if not address:
            continue
        server = route_in(evidence, address, company).server
        if server and server.from_filter and not matches_from_filter(server.from_filter, address):
            yield about(
                server,
                f"mail of '{company.name}' from {address} goes through it, as the first of all,"
                f" though it is made for {server.from_filter}",
                subject=f"res.company {company.id}",
            )


def _no_catch_all(evidence: Evidence) -> Iterator[Problem]:
    active = [server.record for server in evidence.active_servers]
    if active and all(record.from_filter for record in active):
        yield Problem(
            message=f"every one of the {len(active)} active mail server(s) has a from_filter"
        )


def _filter_not_valid(evidence: Evidence) -> Iterator[Problem]:
    for server in evidence.active_servers:
        for problem in check_from_filter(server.record.from_filter):
            yield about(server.record, f"from_filter: {problem}", subject=problem)


def _filter_matches_nobody(evidence: Evidence) -> Iterator[Problem]:
    known = _known_senders(evidence)
    for server in evidence.active_servers:
        record = server.record
        usable = bool(split_from_filter(record.from_filter)) and not check_from_filter(
            record.from_filter
        )
        if usable and not any(matches_from_filter(record.from_filter, it) for it in known):
            yield about(
                record,
                f"its from_filter '{record.from_filter}' fits no company, no alias domain and none"
                " of the users that Odoo ships",
            )


def _company_without_address(evidence: Evidence) -> Iterator[Problem]:
    for company in evidence.companies:
        if not company.email:
            yield Problem(
                message=f"the company '{company.name}' has no mail address",
                subject=f"res.company {company.id}",
            )


def _no_alias_domain(evidence: Evidence) -> Iterator[Problem]:
    for company in evidence.companies:
        subject = f"res.company {company.id}"
        if not company.alias_domain:
            yield Problem(message=f"the company '{company.name}' has none", subject=subject)
            continue
        unset = {
            "default From": company.default_from_email,
            "bounce": company.bounce_email,
            "catchall": company.catchall_email,
        }
        names = ", ".join(name for name, address in unset.items() if not address)
        if names:
            yield Problem(
                message=f"{company.alias_domain} of '{company.name}' has no address for {names}",
                subject=subject,
            )


def _dead_parameters(evidence: Evidence) -> Iterator[Problem]:
    for key in sorted((*REPLACED, *DEAD)):
        if key in evidence.parameters:
            since = "15" if key in DEAD else "17"
            yield Problem(message=f"{key} is set, which nothing reads since {since}", subject=key)


def _allowed_domains(evidence: Evidence) -> Iterator[Problem]:
    if domains := evidence.parameters.get(ALLOWED_DOMAINS):
        yield Problem(
            message=f"{ALLOWED_DOMAINS} is '{domains}': mail to aliases at other domains is taken"
            " for none of ours",
            subject=ALLOWED_DOMAINS,
        )


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="default-sender-unmatched",
        group="sender",
        severity="error",
        title="No mail server is made for the default sender",
        why="Odoo takes the first server all the same; its relay may not send for that domain, and"
        " SPF and DMARC fail.",
        remedy="Add the domain to the from_filter of the right server, or have one without a"
        " from_filter; `remote-mailcfg route ADDRESS` explains the choice.",
        needs=("servers", "companies", "parameters"),
        look=_default_sender_unmatched,
    ),
    Rule(
        id="no-catch-all-server",
        group="sender",
        severity="warning",
        title="Every mail server has a from_filter",
        why="Senders that none is made for get another address or a server of another domain.",
        remedy="Leave the from_filter of one server empty, if its relay sends for every domain.",
        needs=("servers",),
        look=_no_catch_all,
    ),
    Rule(
        id="filter-not-valid",
        group="sender",
        severity="error",
        title="A part of a from_filter can match no sender",
        why="Odoo stores any text, and never uses the server for it.",
        remedy="Give addresses and domains with commas between: `office@example.org, example.net`.",
        needs=("servers",),
        look=_filter_not_valid,
    ),
    Rule(
        id="filter-matches-nobody",
        group="sender",
        severity="warning",
        title="A from_filter fits no known sender",
        why="The server is then never chosen, unless a user or a template has such an address.",
        remedy="Correct the from_filter, or archive the server.",
        needs=("servers", "companies", "default_senders", "user"),
        look=_filter_matches_nobody,
    ),
    Rule(
        id="company-without-address",
        group="sender",
        severity="warning",
        title="A company has no mail address",
        why="Mail without another sender is not sent (failure mail_from_missing).",
        remedy="Settings > Users & Companies > Companies: Email.",
        needs=("companies",),
        look=_company_without_address,
    ),
    Rule(
        id="no-alias-domain",
        group="sender",
        severity="warning",
        title="A company has no complete alias domain",
        why="Without it there is no default From, and bounces and answers come back to nobody.",
        remedy="Settings > General Settings > Alias Domain.",
        needs=("companies",),
        look=_no_alias_domain,
    ),
    Rule(
        id="dead-parameters",
        group="sender",
        severity="info",
        title="A parameter is set that nothing reads any more",
        why="Whoever changes it wonders why nothing happens.",
        remedy="Remove it; alias domains and from_filter took their place.",
        needs=("parameters",),
        look=_dead_parameters,
    ),
    Rule(
        id="allowed-domains-left",
        group="sender",
        severity="info",
        title="The list of allowed alias domains is set",
        why="It is of the time before alias domains, and mail to a domain missing in it is lost.",
        remedy="Remove it where every alias has its alias domain.",
        needs=("parameters",),
        look=_allowed_domains,
    ),
)
