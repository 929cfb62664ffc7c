"""What DNS tells of a domain that mail is sent from, or comes back to."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from remote_mailcfg.lookup.resolver import NoAnswerError, Resolver
from remote_mailcfg.lookup.spf import find_spf, follow_spf
from remote_mailcfg.model.outside import DomainFacts

T = TypeVar("T")


def look_up_domain(
    resolver: Resolver,
    domain: str,
    *,
    is_sender: bool,
    takes_bounces: bool,
    selectors: Sequence[str],
    guessed: Sequence[str] = (),
) -> DomainFacts:
    """Ask what there is of a domain; what nobody answers is in `unknown`, by what it is about.

    Of selectors that are `guessed` only those are told that there are.
    """
    unknown: dict[str, str] = {}

    def tried(what: str, ask: Callable[[], T], otherwise: T) -> T:
        try:
            return ask()
        except NoAnswerError as error:
            unknown[what] = str(error)
            return otherwise

    nothing: tuple[str, ...] = ()
    spf_records = tried("spf", lambda: find_spf(resolver, domain), nothing)
    dmarc_domain, dmarc = tried("dmarc", lambda: _find_dmarc(resolver, domain), ("", nothing))
    keys = {
        name: tried(f"dkim {name}", partial(_find_key, resolver, domain, name), "")
        for name in dict.fromkeys((*selectors, *guessed))
    }
    return DomainFacts(
        domain=domain,
        is_sender=is_sender,
        takes_bounces=takes_bounces,
        unknown=unknown,
        spf_records=spf_records,
        spf=follow_spf(resolver, spf_records[0], domain) if len(spf_records) == 1 else None,
        dmarc_records=dmarc,
        dmarc_domain=dmarc_domain,
        dkim={name: key for name, key in keys.items() if key or name in selectors},
        mx=tried("mx", lambda: resolver.ask(domain, "MX"), nothing),
        has_address=tried("mx", lambda: bool(resolver.addresses(domain)), otherwise=False),
        mta_sts=tried("mta-sts", lambda: resolver.texts(f"_mta-sts.{domain}", "v=STSv1"), nothing),
        tls_rpt=tried(
            "tls-rpt", lambda: resolver.texts(f"_smtp._tls.{domain}", "v=TLSRPTv1"), nothing
        ),
    )


def _find_dmarc(resolver: Resolver, domain: str) -> tuple[str, tuple[str, ...]]:
    """Return the records of the domain, else of the nearest one above it, and where they are.

    Up to two labels: which of these is the organization's own is not for DNS to say (`gov.ph`).
    """
    labels = domain.split(".")
    for number in range(max(1, len(labels) - 1)):
        name = ".".join(labels[number:])
        if found := resolver.texts(f"_dmarc.{name}", "v=DMARC1"):
            return name, found
    return domain, ()


def _find_key(resolver: Resolver, domain: str, selector: str) -> str:
    """Return the record with a key of DKIM, `""` where there is none."""
    found = resolver.ask(f"{selector}._domainkey.{domain}", "TXT")
    return next((it for it in found if "p=" in it), "")
