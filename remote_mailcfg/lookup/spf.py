"""What a receiver makes of an address that mail comes from: `check_host` of SPF (RFC 7208).

`exp` is checked for its form and never asked for: only a refusal's text would come of it.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import quote

from remote_mailcfg.lookup.resolver import NoAnswerError
from remote_mailcfg.model.outside import MOST_SPF_LOOKUPS, SpfResult, SpfWord

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

RESULTS: Final[dict[str, SpfWord]] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
VERSION: Final = re.compile(r"v=spf1(?: |$)", re.IGNORECASE)
MODIFIER: Final = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE)
#: What a domain is written with: a macro, or a visible character.
TOKEN: Final = re.compile(
    r"%\{(?P<letter>[slodiphv])(?P<count>\d{0,9})(?P<turn>r?)(?P<split>[-.+,/_=]*)\}|%[%_-]|[!-$&-~]",
    re.IGNORECASE,
)
ESCAPES: Final = {"%%": "%", "%_": " ", "%-": "%20"}
#: RFC 7208, 4.6.4.
MOST_VOID: Final = 2
MOST_NAMES: Final = 10
#: RFC 1035, 2.3.4.
MOST_LABEL, MOST_NAME = 63, 253


class Asks(Protocol):
    """Whoever answers questions to DNS, as `Resolver` does."""

    def ask(self, name: str, kind: str) -> tuple[str, ...]:
        """Return records as text, `()` where there are none. Raises `NoAnswerError`."""
        ...


class _NotValidError(Exception):
    """The record, or one that it leads to, is not valid (permerror). It says why."""


@dataclass(frozen=True, slots=True)
class _Term:
    """A mechanism; `domain` is not yet expanded, the lengths are those of both families."""

    text: str
    qualifier: str
    name: str
    domain: str = ""
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    lengths: tuple[int, int] = (32, 128)


def find_spf(resolver: Asks, domain: str) -> tuple[str, ...]:
    """Return the SPF records of a domain; more than one is as good as none."""
    return tuple(it for it in resolver.ask(domain, "TXT") if VERSION.match(it))


def check_host(
    resolver: Asks,
    address: str,
    domain: str,
    *,
    sender: str = "",
    helo: str = "",
    most_lookups: int = MOST_SPF_LOOKUPS,
) -> SpfResult:
    """Return what a receiver says of mail from an address in the name of a domain."""
    given = ipaddress.ip_address(address)
    mapped = given.ipv4_mapped if isinstance(given, ipaddress.IPv6Address) else None
    local, _, of_sender = sender.rpartition("@")
    check = _Check(
        resolver,
        address=mapped or given,
        local=local or "postmaster",
        of_sender=of_sender or domain,
        helo=helo or domain,
        most_lookups=most_lookups,
    )
    try:
        result, because = check.check(domain.rstrip("."), is_named=True)
    except _NotValidError as error:
        result, because = "permerror", str(error)
    except NoAnswerError as error:
        result, because = "temperror", str(error)
    return SpfResult(
        result=result, because=because, lookups=check.lookups, includes=tuple(check.includes)
    )


@dataclass(slots=True)
class _Check:
    """One `check_host`, with what it has counted; `includes` are those that let others send."""

    resolver: Asks
    address: Address
    local: str
    of_sender: str
    helo: str
    most_lookups: int
    lookups: int = 0
    void: int = 0
    includes: list[str] = field(default_factory=list)

    def check(self, domain: str, *, is_named: bool) -> tuple[SpfWord, str]:
        """Return the result for a domain and the term that decided it.

        `is_named`: what this domain includes is named by the domain that was asked about.
        """
        if not _is_name(domain) or "." not in domain:
            return "none", f"{domain} is no domain"
        records = find_spf(self.resolver, domain)
        if len(records) > 1:
            raise _NotValidError(f"{domain} has {len(records)} SPF records")
        if not records:
            return "none", f"{domain} has no SPF record"
        mechanisms, redirect = parse_spf(records[0])
        for term in mechanisms:
            if self._matches(term, domain, is_named=is_named):
                return RESULTS[term.qualifier], term.text
        if not redirect:
            return "neutral", ""
        return self._follow("redirect", redirect, domain, is_named=is_named)

    def _follow(self, term: str, spec: str, domain: str, *, is_named: bool) -> tuple[SpfWord, str]:
        self._count(term)
        target = self._expand(spec, domain)
        if is_named:
            self.includes.append(target.lower())
        result, because = self.check(target, is_named=is_named)
        if result == "none":
            raise _NotValidError(f"{term} of {target}: {because}")
        return result, because

    def _matches(self, term: _Term, domain: str, *, is_named: bool) -> bool:
        if term.name == "all":
            return True
        if term.network is not None:
            return self.address in term.network
        if term.name == "include":
            named = is_named and term.qualifier == "+"
            return self._follow("include", term.domain, domain, is_named=named)[0] == "pass"
        self._count(term.text)
        target = self._expand(term.domain, domain) if term.domain else domain
        return _is_name(target) and self._is_of(term, target)

    def _is_of(self, term: _Term, target: str) -> bool:
        if term.name == "ptr":
            return any(_is_under(name, target) for name in self._validated(counts=True))
        if term.name == "exists":
            return bool(self._ask(target, "A"))
        return any(self._is_near(host, term) for host in self._hosts(term, target))

    def _hosts(self, term: _Term, target: str) -> Sequence[str]:
        """Return all addresses that `a` or `mx` names."""
        kind = "A" if self.address.version == 4 else "AAAA"
        if term.name == "a":
            return self._ask(target, kind)
        exchangers = self._ask(target, "MX")
        if len(exchangers) > MOST_NAMES:
            raise _NotValidError(f"{term.text}: {target} has more than {MOST_NAMES} exchangers")
        names = [it for it in exchangers if _is_name(it)]  # a null MX is none
        return [it for name in names for it in self.resolver.ask(name, kind)]

    def _is_near(self, host: str, term: _Term) -> bool:
        length = term.lengths[self.address.version == 6]
        return self.address in ipaddress.ip_network(f"{host}/{length}", strict=False)

    def _count(self, term: str) -> None:
        self.lookups += 1
        if self.lookups > self.most_lookups:
            raise _NotValidError(f"more than {self.most_lookups} terms ask DNS: {term}")

    def _ask(self, name: str, kind: str) -> tuple[str, ...]:
        found = self.resolver.ask(name, kind)
        if not found:
            self.void += 1
            if self.void > MOST_VOID:
                raise _NotValidError(f"more than {MOST_VOID} questions find nothing: {kind} {name}")
        return found

    def _validated(self, *, counts: bool = False) -> Iterator[str]:
        """Yield the names that the address leads to and that lead back to it."""
        ask = self._ask if counts else self.resolver.ask
        kind = "A" if self.address.version == 4 else "AAAA"
        try:
            names = ask(self.address.reverse_pointer, "PTR")[:MOST_NAMES]
        except NoAnswerError:
            return
        for name in names:
            try:
                found = self.resolver.ask(name, kind)
            except NoAnswerError:
                continue
            if any(ipaddress.ip_address(it) == self.address for it in found):
                yield name.lower().rstrip(".")

    def _expand(self, spec: str, domain: str) -> str:
        """Return a domain with its macros filled in, without what makes it too long."""
        found = "".join(self._filled(it, domain) for it in TOKEN.finditer(spec)).rstrip(".")
        while len(found) > MOST_NAME and "." in found:
            found = found.partition(".")[2]
        return found

    def _filled(self, token: re.Match[str], domain: str) -> str:
        letter = token["letter"]
        if letter is None:
            return ESCAPES.get(token[0], token[0])
        delimiters = token["split"] or "."
        parts = re.split(f"[{re.escape(delimiters)}]", self._value(letter.lower(), domain))
        if token["turn"]:
            parts.reverse()
        text = ".".join(parts[-int(token["count"]) :] if token["count"] else parts)
        return quote(text, safe="-._~") if letter.isupper() else text

    def _value(self, letter: str, domain: str) -> str:
        is_4 = self.address.version == 4
        if letter == "p":
            names = sorted(self._validated(), key=lambda it: not _is_under(it, domain))
            return names[0] if names else "unknown"
        values = {
            "s": f"{self.local}@{self.of_sender}",
            "l": self.local,
            "o": self.of_sender,
            "d": domain,
            "i": str(self.address) if is_4 else ".".join(self.address.exploded.replace(":", "")),
            "v": "in-addr" if is_4 else "ip6",
            "h": self.helo,
        }
        return values[letter]


def parse_spf(record: str) -> tuple[list[_Term], str]:
    """Return the mechanisms of a record, in order, and where it redirects to.

    Raises `_NotValidError` for an error anywhere in it, before any of it is asked.
    """
    mechanisms: list[_Term] = []
    once: dict[str, str] = {}
    for text in record.split(" ")[1:]:
        modifier = MODIFIER.fullmatch(text)
        if modifier is None:
            mechanisms += [_parse_mechanism(text)] if text else []
            continue
        name, value = modifier[1].lower(), modifier[2]
        if name in {"redirect", "exp"}:
            if name in once or not _is_domain_spec(value):
                raise _not_valid(text)
            once[name] = value
        elif _tokens(value) is None:
            raise _not_valid(text)
    return mechanisms, once.get("redirect", "")


def _parse_mechanism(text: str) -> _Term:
    qualifier = text[0] if text[0] in RESULTS else "+"
    rest = text.removeprefix(qualifier)
    name = re.split("[:/]", rest, maxsplit=1)[0].lower()
    value = rest[len(name) :]
    lengths: tuple[int, int] = (32, 128)
    if name in {"a", "mx"}:
        value, long = _split_length(text, value, "//", 128)
        value, short = _split_length(text, value, "/", 32)
        lengths = (short, long)
    term = _Term(text, qualifier, name, value[1:], lengths=lengths)
    if name in {"ip4", "ip6"} and value[:1] == ":":
        return _Term(text, qualifier, name, network=_network(text, value[1:], name))
    is_bare = name in {"all", "a", "mx", "ptr"} and not value
    is_of_domain = name in {"a", "mx", "ptr", "include", "exists"} and value[:1] == ":"
    if is_bare or (is_of_domain and _is_domain_spec(value[1:])):
        return term
    raise _not_valid(text)


def _split_length(term: str, text: str, sign: str, most: int) -> tuple[str, int]:
    """Return a text without the length of a network at its end, and the length."""
    head, found, length = text.rpartition(sign)
    if not found or not length.isdecimal():
        return text, most
    if int(length[:4]) > most or length != str(int(length[:4])):
        raise _not_valid(term)
    return head, int(length)


def _network(term: str, text: str, name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    address, length = _split_length(term, text, "/", 32 if name == "ip4" else 128)
    try:
        if name == "ip4":
            return ipaddress.IPv4Network((ipaddress.IPv4Address(address), length), strict=False)
        if "%" in address:
            raise _not_valid(term)
        return ipaddress.IPv6Network((ipaddress.IPv6Address(address), length), strict=False)
    except ValueError:
        raise _not_valid(term) from None


def _tokens(text: str) -> list[str] | None:
    """Return a text cut into macros and characters, None where it is not made of these."""
    found = list(TOKEN.finditer(text))
    zero = any(it["count"] and not int(it["count"]) for it in found)
    cut = [it[0] for it in found]
    return None if zero or "".join(cut) != text else cut


def _is_domain_spec(text: str) -> bool:
    """Tell whether a text ends with a macro, or with a dot and a top label."""
    tokens = _tokens(text)
    if not tokens:
        return False
    if tokens[-1].startswith("%"):
        return True
    _, dot, label = text.removesuffix(".").rpartition(".")
    is_label = label.replace("-", "a").isalnum() and not label.startswith("-")
    return bool(dot) and is_label and not label.endswith("-") and not label.isdecimal()


def _not_valid(term: str) -> _NotValidError:
    return _NotValidError(f"{term!r} is not valid")


def _is_name(name: str) -> bool:
    """Tell whether DNS can be asked about a name (RFC 1035)."""
    labels = name.removesuffix(".").split(".")
    return len(name) <= MOST_NAME and all(0 < len(it) <= MOST_LABEL for it in labels)


def _is_under(name: str, domain: str) -> bool:
    return f".{name}".endswith(f".{domain.lower()}")
