"""Look at an instance's mail from outside: what there is to ask comes from the evidence."""

import ipaddress
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from remote_mailcfg.lookup.certificates import look_at_certificate
from remote_mailcfg.lookup.domains import look_up_domain
from remote_mailcfg.lookup.resolver import NoAnswerError, Resolver
from remote_mailcfg.model.evidence import Evidence, ServerEvidence
from remote_mailcfg.model.outside import CertificateFacts, DomainFacts, Outside, RelayFacts

HTTPS_PORT: Final = 443
#: Selectors that a provider gives to all its customers, by the end of its relay's name.
PROVIDERS: Final = {
    "google.com": ("google",),
    "gmail.com": ("google",),
    "office365.com": ("selector1", "selector2"),
    "outlook.com": ("selector1", "selector2"),
    "sendgrid.net": ("s1", "s2"),
    "mandrillapp.com": ("mandrill",),
    "zoho.com": ("zoho",),
}


def look_from_outside(
    evidence: Evidence, resolver: Resolver, selectors: Mapping[str, Sequence[str]]
) -> Outside:
    """Return what is seen of the domains that the instance sends from, its relays and itself.

    `selectors` are those of DKIM by domain, beside those that the relay's provider is known for.
    """
    relays = [it for it in evidence.active_servers if it.record.smtp_host]
    senders, bounces = _domains(evidence)
    known = [
        selector
        for relay in relays
        for end, of_provider in PROVIDERS.items()
        if relay.record.smtp_host.lower().rstrip(".").endswith(end)
        for selector in of_provider
    ]
    seen = tuple(_relay(resolver, relay) for relay in relays)
    domains = tuple(
        look_up_domain(
            resolver,
            domain,
            is_sender=domain in senders,
            takes_bounces=domain in bounces,
            selectors=selectors.get(domain, ()) if domain in senders else (),
            guessed=known if domain in senders else (),
            relays={address: relay.host for relay in seen for address in relay.addresses},
        )
        for domain in dict.fromkeys((*senders, *bounces))
    )
    instance = _instance(evidence.url)
    problem = "" if any(map(_is_there, domains)) else resolver.find_problem()
    if problem:
        unknown = {"addresses": problem}
        blind = tuple(replace(it, addresses=(), names=(), unknown=unknown) for it in seen)
        return Outside(problem=problem, relays=blind, instance=instance)
    return Outside(domains=domains, relays=seen, instance=instance)


def _is_there(domain: DomainFacts) -> bool:
    """Tell whether DNS knew anything of a domain: who knows that does not deny everything."""
    found = (domain.spf_records, domain.dmarc, domain.mx, domain.has_address, domain.mta_sts)
    return any((*found, *domain.dkim.values()))


def _domains(evidence: Evidence) -> tuple[list[str], list[str]]:
    """Return the domains that mail is sent from, and those that it comes back to."""
    senders, bounces = [], []
    for company in evidence.companies:
        senders += [company.default_from_email, company.email]
        bounces += [company.bounce_email, company.catchall_email]
    return _of_addresses(senders), _of_addresses(bounces)


def _of_addresses(addresses: Sequence[str]) -> list[str]:
    found = (it.rpartition("@")[2].strip(" >").lower() for it in addresses if "@" in it)
    return list(dict.fromkeys(it for it in found if "." in it))


def _relay(resolver: Resolver, server: ServerEvidence) -> RelayFacts:
    record = server.record
    unknown: dict[str, str] = {}
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    try:
        addresses = _addresses(resolver, record.smtp_host)
        names = tuple(name for it in addresses for name in resolver.ask(_reverse(it), "PTR"))
    except NoAnswerError as error:
        unknown["addresses"] = str(error)
    certificate = None
    if record.smtp_encryption != "none":
        starttls = record.smtp_encryption.startswith("starttls")
        certificate = look_at_certificate(record.smtp_host, record.smtp_port, starttls=starttls)
    return RelayFacts(
        server_id=record.id,
        server_name=record.name,
        host=record.smtp_host,
        addresses=addresses,
        names=names,
        unknown=unknown,
        certificate=certificate,
    )


def _addresses(resolver: Resolver, host: str) -> tuple[str, ...]:
    with suppress(ValueError):
        return (str(ipaddress.ip_address(host)),)
    return resolver.addresses(host)


def _reverse(address: str) -> str:
    import dns.reversename  # noqa: PLC0415 - an extra, and slow to load

    return dns.reversename.from_address(address).to_text()


def _instance(url: str) -> CertificateFacts | None:
    place = urlsplit(url)
    if place.scheme != "https" or not place.hostname:
        return None
    return look_at_certificate(place.hostname, place.port or HTTPS_PORT, starttls=False)
