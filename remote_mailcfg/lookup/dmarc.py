"""Which DMARC record is applied to a domain, and what it asks for (RFC 9989)."""

from typing import Final, get_args

from remote_mailcfg.lookup.resolver import Resolver
from remote_mailcfg.model.outside import Dmarc, Policy

#: RFC 9989, 4.10: longer names are cut to seven labels after the first question.
MOST_LABELS: Final = 8
POLICIES: Final[dict[str, Policy]] = {it: it for it in get_args(Policy)}
#: What is asked for while a policy is only tested (`t=y`).
TESTED: Final[dict[Policy, Policy]] = {"reject": "quarantine", "quarantine": "none"}


def find_dmarc(resolver: Resolver, domain: str) -> tuple[Dmarc | None, tuple[str, ...]]:
    """Return the record that is applied to a domain, and the domains where several stand.

    It is that of the domain, else of its organization, else of the public suffix above it; the tree
    walk finds which these are. Several records at one place count for none. Raises `NoAnswerError`.
    """
    found: dict[str, str] = {}
    twice = []
    for name in _names(domain):
        records = [it for it in resolver.ask(f"_dmarc.{name}", "TXT") if _is_dmarc(it)]
        if len(records) > 1:
            twice.append(name)
        elif records:
            found[name] = records[0]
            if name == domain or _tags(records[0]).get("psd") in {"y", "n"}:
                break
    if not found:
        return None, tuple(twice)
    place = list(found)[-1]
    if place != domain and _tags(found[place]).get("psd") == "y":
        below = len(domain.split(".")) - len(place.split(".")) - 1
        organization = ".".join(domain.split(".")[below:])
        place = organization if organization in found else place
    is_absent = place != domain and resolver.is_absent(domain)
    return _read(found[place], place, domain, is_absent=is_absent), tuple(twice)


def _names(domain: str) -> list[str]:
    """Return where to look for a record, from the domain to the top."""
    labels = domain.split(".")
    first = max(1, len(labels) - MOST_LABELS + 1)
    return [domain, *(".".join(labels[number:]) for number in range(first, len(labels)))]


def _read(record: str, place: str, domain: str, *, is_absent: bool) -> Dmarc:
    tags = _tags(record)
    order = ["p"] if place == domain else ["sp", "p"]
    if is_absent:
        order.insert(0, "np")
    told_by = next((it for it in order if tags.get(it) in POLICIES), "")
    policy = POLICIES[tags[told_by]] if told_by else "none"
    is_test = tags.get("t") == "y" and policy in TESTED
    return Dmarc(
        record=record,
        found_at=place,
        policy=TESTED[policy] if is_test else policy,
        told_by=told_by,
        is_test=is_test,
    )


def _is_dmarc(record: str) -> bool:
    name, _, value = record.partition(";")[0].partition("=")
    return name.strip().lower() == "v" and value.strip() == "DMARC1"


def _tags(record: str) -> dict[str, str]:
    """Return the tags of a record, in small letters; of two with one name the first counts."""
    tags: dict[str, str] = {}
    for part in record.split(";"):
        name, _, value = part.partition("=")
        tags.setdefault(name.strip().lower(), value.strip().lower())
    return tags
