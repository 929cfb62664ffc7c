"""What DNS tells of a domain that mail is sent from, or comes back to."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

from remote_mailcfg.lookup.dmarc import find_dmarc
from remote_mailcfg.lookup.resolver import NoAnswerError, Resolver
from remote_mailcfg.lookup.spf import check_host, find_spf
from remote_mailcfg.model.outside import Dmarc, DomainFacts, SpfResult

T = TypeVar("T")

#: An address that nobody sends from: of a class that was never given out (RFC 1112).
STRANGER: Final = "240.0.0.1"
#: As far as terms are counted, to say how many there are; a receiver stops at ten.
MOST_COUNTED: Final = 40


def look_up_domain(
    resolver: Resolver,
    domain: str,
    *,
    is_sender: bool,
    takes_bounces: bool,
    selectors: Sequence[str],
    guessed: Sequence[str] = (),
    relays: Mapping[str, str] | None = None,
) -> DomainFacts:
    """Ask what there is of a domain; what nobody answers is in `unknown`, by what it is about.

    Of selectors that are `guessed` only those are told that there are. `relays` are the addresses
    that SPF is judged for, each with its relay's name.
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
    stranger, of_relays = (
        _judge(resolver, domain, relays or {}) if len(spf_records) == 1 else (None, {})
    )
    for result in filter(None, (stranger, *of_relays.values())):
        if result.result == "temperror":
            unknown["spf"] = result.because
    without: tuple[Dmarc | None, tuple[str, ...]] = (None, ())
    dmarc, dmarc_twice = tried("dmarc", lambda: find_dmarc(resolver, domain), without)
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
        spf=stranger,
        spf_relays=of_relays,
        dmarc=dmarc,
        dmarc_twice=dmarc_twice,
        dkim={name: key for name, key in keys.items() if key or name in selectors},
        mx=tried("mx", lambda: resolver.ask(domain, "MX"), nothing),
        has_address=tried("mx", lambda: bool(resolver.addresses(domain)), otherwise=False),
        mta_sts=tried("mta-sts", lambda: resolver.texts(f"_mta-sts.{domain}", "v=STSv1"), nothing),
        tls_rpt=tried(
            "tls-rpt", lambda: resolver.texts(f"_smtp._tls.{domain}", "v=TLSRPTv1"), nothing
        ),
    )


def _judge(
    resolver: Resolver, domain: str, relays: Mapping[str, str]
) -> tuple[SpfResult, dict[str, SpfResult]]:
    """Return what SPF makes of an address that nobody sends from, and of those of relays."""
    stranger = check_host(resolver, STRANGER, domain, most_lookups=MOST_COUNTED)
    of_relays = {
        address: check_host(resolver, address, domain, helo=host)
        for address, host in relays.items()
    }
    return stranger, of_relays


def _find_key(resolver: Resolver, domain: str, selector: str) -> str:
    """Return the record with a key of DKIM, `""` where there is none."""
    found = resolver.ask(f"{selector}._domainkey.{domain}", "TXT")
    return next((it for it in found if "p=" in it), "")
