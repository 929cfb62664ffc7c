"""Follow an SPF record through what it includes, and count what it asks DNS (RFC 7208)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from remote_mailcfg.lookup.resolver import NoAnswerError, Resolver
from remote_mailcfg.model.outside import Spf

VERSION: Final = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
TERM: Final = re.compile(r"(?P<qualifier>[-+?~]?)(?P<name>[a-z0-9]+)(?P<rest>.*)", re.IGNORECASE)
#: More than ten are an error anyway; further than this nobody has to count.
MOST_LOOKUPS: Final = 40


@dataclass(slots=True)
class _Walk:
    resolver: Resolver
    lookups: int = 0
    networks: list[str] = field(default_factory=list)
    includes: list[str] = field(default_factory=list)
    is_partial: bool = False

    def follow(self, record: str, domain: str) -> str:
        """Follow the terms of a record; return its `all` with the qualifier, `""` without one."""
        redirect = ""
        for qualifier, name, value in _terms(record):
            if name == "all":
                return f"{qualifier or '+'}all"  # what follows it counts for nothing
            if name == "redirect":
                redirect = value
            elif name in {"ip4", "ip6"} and qualifier in {"", "+"}:
                self.networks.append(value)
            elif name in {"a", "mx", "include", "exists", "ptr"}:
                self._look(name, value, domain, adds=qualifier in {"", "+"})
        return self._include(redirect) if redirect else ""

    def _look(self, name: str, value: str, domain: str, *, adds: bool) -> None:
        if name == "include":
            self._include(value)
            return
        self.lookups += 1
        target, _, mask = value.partition("/")
        target = target or domain
        if name in {"exists", "ptr"} or "%" in target:
            self.is_partial = True
        elif adds and self.lookups <= MOST_LOOKUPS:
            self._add(name, target, mask)

    def _add(self, name: str, target: str, mask: str) -> None:
        try:
            hosts = self.resolver.ask(target, "MX") if name == "mx" else (target,)
            for host in hosts:
                for address in self.resolver.addresses(host):
                    self.networks.append(f"{address}/{mask}" if mask.isdecimal() else address)
        except NoAnswerError:
            self.is_partial = True

    def _include(self, domain: str) -> str:
        self.lookups += 1
        self.includes.append(domain.lower())
        if "%" in domain or self.lookups > MOST_LOOKUPS:
            self.is_partial = True
            return ""
        try:
            records = find_spf(self.resolver, domain)
        except NoAnswerError:
            records = ()
        if len(records) != 1:
            self.is_partial = True
            return ""
        return self.follow(records[0], domain)


def find_spf(resolver: Resolver, domain: str) -> tuple[str, ...]:
    """Return the SPF records of a domain; more than one is as good as none."""
    return tuple(it for it in resolver.ask(domain, "TXT") if VERSION.match(it))


def follow_spf(resolver: Resolver, record: str, domain: str) -> Spf:
    """Return what an SPF record says, with all that it includes."""
    walk = _Walk(resolver)
    ends_with = walk.follow(record, domain)
    return Spf(
        lookups=walk.lookups,
        networks=tuple(walk.networks),
        includes=tuple(walk.includes),
        ends_with=ends_with,
        is_partial=walk.is_partial,
    )


def _terms(record: str) -> Iterator[tuple[str, str, str]]:
    for term in record.split()[1:]:
        if (found := TERM.fullmatch(term)) is not None:
            rest = found["rest"]
            value = rest[1:] if rest[:1] in {":", "="} else rest
            yield found["qualifier"], found["name"].lower(), value
