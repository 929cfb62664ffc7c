"""Rules on what DNS tells of the domains that mail is sent from, as seen from here."""

import re
from collections.abc import Iterator
from typing import Final

from remote_mailcfg.audit.hosts import is_near
from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.audit.spf import HERE, of_senders
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.outside import DomainFacts, RelayFacts, is_same_organization

NULL_MX: Final = (".",)


def _dmarc_missing(domain: DomainFacts) -> str:
    return "" if domain.dmarc or domain.dmarc_twice else "there is no DMARC record"


def _dmarc_twice(domain: DomainFacts) -> str:
    return ", ".join(f"more than one DMARC record at {it}" for it in domain.dmarc_twice)


def _dmarc_none(domain: DomainFacts) -> str:
    dmarc = domain.dmarc
    if dmarc is None or dmarc.policy != "none":
        return ""
    if not dmarc.told_by:
        return f"its DMARC record at {dmarc.found_at} has no policy"
    test = ", which is only tested (t=y)" if dmarc.is_test else ""
    return f"its DMARC policy is none, by {dmarc.told_by} of the record at {dmarc.found_at}{test}"


def _not_aligned(evidence: Evidence) -> Iterator[Problem]:
    for company in evidence.companies:
        sender = company.default_from_email.rpartition("@")[2].lower()
        bounce = company.bounce_email.rpartition("@")[2].lower()
        if sender and bounce and not is_same_organization(sender, bounce):
            yield Problem(
                message=f"mail is sent from {sender} and comes back to {bounce}", subject=sender
            )


def _dkim_missing(evidence: Evidence) -> Iterator[Problem]:
    for domain in evidence.outside.domains:
        for selector, record in domain.dkim.items():
            if not record and f"dkim {selector}" not in domain.unknown:
                name = f"{selector}._domainkey.{domain.domain}"
                yield Problem(message=f"there is no key at {name}, {HERE}", subject=name)


def _dkim_revoked(evidence: Evidence) -> Iterator[Problem]:
    for domain in evidence.outside.domains:
        for selector, record in domain.dkim.items():
            if record and re.search(r"(?:^|;)\s*p\s*=\s*(?:;|$)", record):
                name = f"{selector}._domainkey.{domain.domain}"
                yield Problem(message=f"the key at {name} is empty, {HERE}", subject=name)


def _no_mx(evidence: Evidence) -> Iterator[Problem]:
    for domain in evidence.outside.domains:
        if not domain.takes_bounces or "mx" in domain.unknown:
            continue
        if domain.mx == NULL_MX:
            told = "says that it takes no mail (null MX)"
        elif not domain.mx and not domain.has_address:
            told = "has no mail exchanger and no address"
        else:
            continue
        yield Problem(message=f"{domain.domain} {told}, {HERE}", subject=domain.domain)


def _no_transport_policy(evidence: Evidence) -> Iterator[Problem]:
    for domain in evidence.outside.domains:
        asked = not {"mta-sts", "tls-rpt"} & domain.unknown.keys()
        if not domain.takes_bounces or not asked or domain.mx == NULL_MX:
            continue
        missing = [
            name
            for name, found in (("MTA-STS", domain.mta_sts), ("TLS-RPT", domain.tls_rpt))
            if not found
        ]
        if missing:
            yield Problem(
                message=f"{domain.domain} has no {' and no '.join(missing)}, {HERE}",
                subject=domain.domain,
            )


def _relay_unknown(evidence: Evidence) -> Iterator[Problem]:
    for relay in evidence.outside.relays:
        if not relay.addresses and not relay.unknown and not is_near(relay.host):
            yield _about(relay, f"{relay.host} has no address, {HERE}")


def _relay_nameless(evidence: Evidence) -> Iterator[Problem]:
    for relay in evidence.outside.relays:
        if relay.addresses and not relay.names and not relay.unknown and not is_near(relay.host):
            yield _about(relay, f"the addresses of {relay.host} lead back to no name, {HERE}")


def _about(relay: RelayFacts, message: str) -> Problem:
    return Problem(
        message=message,
        server_id=relay.server_id,
        server_name=relay.server_name,
        subject=relay.host,
    )


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="dmarc-missing",
        group="dns",
        severity="error",
        title="A domain that mail is sent from has no DMARC record",
        why="Large receivers refuse mail in bulk without one, and nobody reports forgeries.",
        remedy='Publish a TXT record at _dmarc: "v=DMARC1; p=none; rua=mailto:ADDRESS".',
        needs=("outside",),
        look=of_senders(_dmarc_missing, "dmarc"),
    ),
    Rule(
        id="dmarc-twice",
        group="dns",
        severity="error",
        title="A domain has more than one DMARC record",
        why="Receivers then take it for having none.",
        remedy="Leave one.",
        needs=("outside",),
        look=of_senders(_dmarc_twice, "dmarc"),
    ),
    Rule(
        id="dmarc-policy-none",
        group="dns",
        severity="info",
        title="A DMARC policy stops nothing",
        why="Reports come, and forgeries arrive all the same.",
        remedy="Go on to p=quarantine once the reports are clean.",
        needs=("outside",),
        look=of_senders(_dmarc_none, "dmarc"),
    ),
    Rule(
        id="bounces-elsewhere",
        group="dns",
        severity="info",
        title="Mail comes back to another organization's domain than it is sent from",
        why="SPF alone does not satisfy DMARC then: DKIM has to.",
        remedy="See that the relay signs with the sender's domain, or use one alias domain.",
        needs=("outside",),
        look=_not_aligned,
    ),
    Rule(
        id="dkim-key-missing",
        group="dns",
        severity="warning",
        title="A key of DKIM is not published",
        why="Signatures with that selector cannot be checked.",
        remedy="Publish the TXT record that the relay's provider shows, or take the selector out.",
        needs=("outside",),
        look=_dkim_missing,
    ),
    Rule(
        id="dkim-key-revoked",
        group="dns",
        severity="error",
        title="A key of DKIM is revoked",
        why="Every signature with it fails.",
        remedy="Publish the new key, or let the relay sign with another selector.",
        needs=("outside",),
        look=_dkim_revoked,
    ),
    Rule(
        id="bounces-not-taken",
        group="dns",
        severity="error",
        title="A domain that mail comes back to takes none",
        why="Bounces and answers are lost, and some receivers refuse mail from it.",
        remedy="Publish an MX record for it, or give the company another alias domain.",
        needs=("outside",),
        look=_no_mx,
    ),
    Rule(
        id="no-transport-policy",
        group="dns",
        severity="info",
        title="A domain does not demand TLS of those who mail it",
        why="Answers may come in clear, and nobody reports that.",
        remedy="Publish MTA-STS and TLS-RPT.",
        needs=("outside",),
        look=_no_transport_policy,
    ),
    Rule(
        id="relay-without-address",
        group="dns",
        severity="warning",
        title="The name of a relay has no address",
        why="Unless the instance's own network knows it, nothing is sent.",
        remedy="Check smtp_host; `remote-mailcfg server test` tells what the instance says.",
        needs=("outside",),
        look=_relay_unknown,
    ),
    Rule(
        id="relay-without-name",
        group="dns",
        severity="info",
        title="The addresses of a relay lead back to no name",
        why="Receivers distrust senders without one, where the relay sends from there.",
        remedy="Ask the relay's provider for PTR records.",
        needs=("outside",),
        look=_relay_nameless,
    ),
)
