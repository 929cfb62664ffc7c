"""Rules on SPF, as seen from here: who may send for the domains that mail is sent from."""

from collections.abc import Callable, Iterator
from typing import Final

from remote_mailcfg.audit.hosts import is_inner, is_near
from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.from_filter import split_from_filter
from remote_mailcfg.model.outside import (
    MOST_SPF_LOOKUPS,
    DomainFacts,
    SpfResult,
    is_same_organization,
)

HERE: Final = "as seen from here"
#: Providers that publish their networks under another name than their relays have.
PUBLISHED_BY: Final = {"office365.com": "outlook.com", "gmail.com": "google.com"}

Look = Callable[[Evidence], Iterator[Problem]]


def of_senders(look: Callable[[DomainFacts], str], what: str) -> Look:
    """Return what tells of each domain that mail is sent from, if `what` could be asked."""

    def each(evidence: Evidence) -> Iterator[Problem]:
        for domain in evidence.outside.domains:
            # SPF is asked of the envelope's sender, which is where mail comes back to
            is_meant = domain.is_sender or (what == "spf" and domain.takes_bounces)
            if is_meant and what not in domain.unknown and (told := look(domain)):
                yield Problem(message=f"{domain.domain}: {told}, {HERE}", subject=domain.domain)

    return each


def _spf_missing(domain: DomainFacts) -> str:
    return "" if domain.spf_records else "there is no SPF record"


def _spf_twice(domain: DomainFacts) -> str:
    count = len(domain.spf_records)
    return f"there are {count} SPF records" if count > 1 else ""


def _spf_lookups(domain: DomainFacts) -> str:
    count = domain.spf.lookups if domain.spf else 0
    return f"its SPF record asks DNS {count} times" if count > MOST_SPF_LOOKUPS else ""


def _spf_not_valid(domain: DomainFacts) -> str:
    if domain.spf is None or domain.spf.result != "permerror" or _spf_lookups(domain):
        return ""
    return f"its SPF record is not valid: {domain.spf.because}"


def _spf_open(domain: DomainFacts) -> str:
    if domain.spf is None or domain.spf.result not in {"pass", "neutral"}:
        return ""
    term = domain.spf.because
    if not term:
        return "its SPF record has no end"
    return f"its SPF record {'ends with' if _is_end(term) else 'has'} {term}"


def _spf_relay(evidence: Evidence) -> Iterator[Problem]:
    filters = {it.id: split_from_filter(it.from_filter) for it in evidence.records}
    for domain in evidence.outside.domains:
        # what is not valid at all is told by other rules
        if domain.spf is None or domain.spf.result in {"permerror", "temperror"}:
            continue
        for relay in evidence.outside.relays:
            only_for = [it.rpartition("@")[2].lower() for it in filters.get(relay.server_id, ())]
            if (only_for and domain.domain not in only_for) or is_near(relay.host):
                continue
            refused = [
                _describe(address, result)
                for address in relay.addresses
                if (result := domain.spf_relays.get(address))
                and not is_inner(address)
                and not _lets(result, relay.host)
            ]
            if refused:
                yield Problem(
                    message=f"{domain.domain}: its SPF record does not name {relay.host}"
                    f" ({', '.join(refused)}), {HERE}",
                    server_id=relay.server_id,
                    server_name=relay.server_name,
                    subject=domain.domain,
                )


def _describe(address: str, result: SpfResult) -> str:
    why = f", {result.because}" if result.result == "permerror" else ""
    return f"{address}: {result.result}{why}"


def _lets(result: SpfResult, host: str) -> bool:
    """Tell whether an address may send, or what its provider publishes is included.

    A relay of a provider may send from other addresses than it listens at; where a term of its own
    refuses the address, what is included says nothing of it.
    """
    if result.result in {"pass", "temperror"}:
        return True
    if result.because and not _is_end(result.because):
        return False
    names = (host, *(it for end, it in PUBLISHED_BY.items() if is_same_organization(end, host)))
    return any(is_same_organization(it, name) for it in result.includes for name in names)


def _is_end(term: str) -> bool:
    return term.lstrip("+-~?").lower() == "all"


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="spf-missing",
        group="dns",
        severity="error",
        title="A domain that mail is sent from has no SPF record",
        why="Receivers cannot tell its mail from a forgery, and large ones refuse it.",
        remedy='Publish a TXT record such as "v=spf1 include:RELAY -all", as the provider says.',
        needs=("outside",),
        look=of_senders(_spf_missing, "spf"),
    ),
    Rule(
        id="spf-twice",
        group="dns",
        severity="error",
        title="A domain has more than one SPF record",
        why="Receivers then take it for having none that is valid.",
        remedy="Join them into one TXT record.",
        needs=("outside",),
        look=of_senders(_spf_twice, "spf"),
    ),
    Rule(
        id="spf-too-many-lookups",
        group="dns",
        severity="error",
        title="An SPF record asks DNS more than ten times",
        why="Receivers stop at ten and take the record for not valid.",
        remedy="Take out includes that nobody sends through, or name networks (ip4, ip6) instead.",
        needs=("outside",),
        look=of_senders(_spf_lookups, "spf"),
    ),
    Rule(
        id="spf-not-valid",
        group="dns",
        severity="error",
        title="An SPF record is not valid",
        why="Receivers take it for an error, and mail fails SPF whoever sends it.",
        remedy="Mend the record, or take the include out that leads to what is not valid.",
        needs=("outside",),
        look=of_senders(_spf_not_valid, "spf"),
    ),
    Rule(
        id="spf-open",
        group="dns",
        severity="warning",
        title="An SPF record lets anybody send",
        why="Without -all or ~all at its end it stops no forgery.",
        remedy="End it with ~all, and with -all once nothing else sends.",
        needs=("outside",),
        look=of_senders(_spf_open, "spf"),
    ),
    Rule(
        id="spf-relay-not-named",
        group="dns",
        severity="warning",
        title="An SPF record does not name the relay",
        why="Mail through that relay looks forged, unless it leaves from other addresses.",
        remedy="Add what the relay's provider publishes. A relay may send from other addresses than"
        " it listens at: compare the headers of a mail that arrived.",
        needs=("outside",),
        look=_spf_relay,
    ),
)
