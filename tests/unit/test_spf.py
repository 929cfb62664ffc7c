"""SPF is judged as RFC 7208 says, by the suite that its authors published."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from remote_mailcfg.lookup.resolver import NoAnswerError
from remote_mailcfg.lookup.spf import check_host

SUITE = Path(__file__).parents[1] / "spf" / "rfc7208-tests.yml"
SCENARIOS = [it for it in yaml.safe_load_all(SUITE.read_text(encoding="utf-8")) if it]


class Zone:
    """Answers from a scenario's `zonedata`, as its own driver does."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.records = {name.lower(): list(_records(found)) for name, found in data.items()}

    def ask(self, name: str, kind: str, seen: frozenset[str] = frozenset()) -> tuple[str, ...]:
        if name in seen:
            raise NoAnswerError("a CNAME leads back to itself")
        found = self.records.get(name.lower().rstrip("."), [])
        answers = tuple(text for it, text in found if it == kind)
        if ("TIMEOUT", "") in found and not answers:
            raise NoAnswerError("time-out")
        aliases = [text for it, text in found if it == "CNAME"]
        if aliases and not answers:
            return self.ask(aliases[0].rstrip("."), kind, seen | {name})
        return answers


def _records(found: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield kinds and texts; records of the old kind SPF stand as TXT where none do."""
    kinds = {kind for it in found if isinstance(it, dict) for kind in it}
    for it in found:
        if it == "TIMEOUT":
            yield "TIMEOUT", ""
            continue
        ((kind, value),) = it.items()
        if kind == "SPF" and "TXT" in kinds:
            continue
        if kind == "MX":
            yield kind, value[1] or "."
        elif value != "NONE":
            yield kind.replace("SPF", "TXT"), value if isinstance(value, str) else "".join(value)


def cases() -> Iterator[Any]:
    for scenario in SCENARIOS:
        for name, case in scenario["tests"].items():
            yield pytest.param(scenario["zonedata"], case, id=name)


@pytest.mark.parametrize(("zone", "case"), [*cases()])
def test_a_case_of_the_suite_has_its_result(
    zone: Mapping[str, Any], case: Mapping[str, Any]
) -> None:
    helo, sender = case["helo"], case["mailfrom"] or f"postmaster@{case['helo']}"
    domain = sender.rpartition("@")[2]

    found = check_host(Zone(zone), case["host"], domain, sender=sender, helo=helo)

    wanted = case["result"]
    assert found.result in ([wanted] if isinstance(wanted, str) else wanted), found


def test_the_whole_suite_is_there() -> None:
    assert sum(len(it["tests"]) for it in SCENARIOS) == 203


# What the suite leaves open, or what the audit takes from a result

DATA = {
    "example.org": ["v=spf1 a/24//64 -all"],
    "order.example": ["v=spf1 -ip4:192.0.2.7 ip4:192.0.2.0/24 ~all"],
    "without.example": [
        "v=spf1 -include:order.example include:wide.example ?include:soft.example -all"
    ],
    "wide.example": ["v=spf1 include:deep.example include:order.example -all"],
    "soft.example": ["v=spf1 include:deep.example ?all"],
    "deep.example": ["v=spf1 ip4:198.51.100.0/24"],
    "turned.example": ["v=spf1 redirect=wide.example"],
    "many.example": ["v=spf1" + " a:example.org" * 15 + " -all"],
    "macro.example": ["v=spf1 exists:%{ir}.%{v}.%{d2}.list.example -all"],
    "zero.example": ["v=spf1 exists:%{d0}.example -all"],
    "long.example": ["v=spf1 exists:%{d" + "9" * 5000 + "}.example -all"],
    "size.example": ["v=spf1 ip4:192.0.2.0/" + "1" * 5000 + " -all"],
}
RECORDS: dict[str, list[Any]] = {
    name: [{"TXT": text} for text in texts] for name, texts in DATA.items()
}
RECORDS["example.org"] += [{"A": "192.0.2.1"}, {"AAAA": "2001:db8:0:1::1"}]
RECORDS["7.2.0.192.in-addr.macro.example.list.example"] = [{"A": "127.0.0.2"}]
ZONE = Zone(RECORDS)


@pytest.mark.parametrize(
    ("domain", "address", "result", "because"),
    [
        ("example.org", "192.0.2.200", "pass", "a/24//64"),
        ("example.org", "192.0.3.1", "fail", "-all"),
        ("example.org", "2001:db8:0:1::99", "pass", "a/24//64"),
        ("example.org", "2001:db8:0:2::1", "fail", "-all"),
        ("order.example", "192.0.2.7", "fail", "-ip4:192.0.2.7"),
        ("order.example", "192.0.2.8", "pass", "ip4:192.0.2.0/24"),
        ("order.example", "203.0.113.1", "softfail", "~all"),
        ("without.example", "192.0.2.8", "fail", "-include:order.example"),
        ("without.example", "198.51.100.1", "pass", "include:wide.example"),
        ("turned.example", "192.0.2.8", "pass", "include:order.example"),
        ("macro.example", "192.0.2.7", "pass", "exists:%{ir}.%{v}.%{d2}.list.example"),
        ("macro.example", "192.0.2.8", "fail", "-all"),
        ("zero.example", "192.0.2.8", "permerror", "'exists:%{d0}.example' is not valid"),
    ],
)
def test_the_first_term_that_matches_decides(
    domain: str, address: str, result: str, because: str
) -> None:
    found = check_host(ZONE, address, domain)

    assert (found.result, found.because) == (result, because)


@pytest.mark.parametrize("domain", ["long.example", "size.example"])
def test_numbers_of_any_length_are_not_valid(domain: str) -> None:
    assert check_host(ZONE, "192.0.2.8", domain).result == "permerror"


def test_what_lets_nobody_send_is_not_among_the_includes() -> None:
    found = check_host(ZONE, "203.0.113.1", "without.example")

    assert found.includes == ("wide.example", "deep.example", "order.example")


def test_a_redirect_is_among_the_includes() -> None:
    assert "wide.example" in check_host(ZONE, "203.0.113.1", "turned.example").includes


def test_more_terms_than_a_receiver_asks_are_counted() -> None:
    stopped = check_host(ZONE, "203.0.113.1", "many.example")
    counted = check_host(ZONE, "203.0.113.1", "many.example", most_lookups=40)

    assert (stopped.result, stopped.lookups) == ("permerror", 11)
    assert (counted.result, counted.lookups) == ("fail", 15)
