"""DNS is asked of a real server, and what it says is judged as others judge it."""

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import checkdmarc.dmarc
import checkdmarc.spf
import dns.resolver
import pytest
from dnslib import RCODE, DNSRecord
from dnslib.server import DNSHandler, DNSLogger, DNSServer
from dnslib.zoneresolver import ZoneResolver

from remote_mailcfg.audit import dns as dns_rules
from remote_mailcfg.audit import spf as spf_rules
from remote_mailcfg.audit.engine import examine
from remote_mailcfg.audit.rules import BOOK, find_rule
from remote_mailcfg.audit.unanswered import tell_unanswered
from remote_mailcfg.lookup.domains import look_up_domain
from remote_mailcfg.lookup.outside import look_from_outside
from remote_mailcfg.lookup.resolver import MOST_TIMEOUTS, NoAnswerError, Resolver
from remote_mailcfg.model.outside import Dmarc, DomainFacts, Outside, SpfResult
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.audit_instance import AuditPlan, DnsPlan, audit_instance
from remote_mailcfg.sandbox.database import ADMIN
from remote_mailcfg.sandbox.smtp_servers import SmtpPeers
from remote_mailcfg.secret import Secret
from tests.audit_evidence import make_evidence
from tests.fake_transport import RecordedProgress
from tests.integration.fleet import Fleet

HOST = "127.0.0.1"
ZONE = r"""
com.                  60 IN NS a.gtld-servers.net.
good.test.            60 IN TXT "v=spf1 include:_spf.relay.test ip4:192.0.2.0/24 mx -all"
good.test.            60 IN MX 10 mx.good.test.
mx.good.test.         60 IN A 192.0.2.25
_dmarc.good.test.     60 IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@good.test"
s1._domainkey.good.test. 60 IN TXT "v=DKIM1; k=rsa; " "p=MIGfMA0GCSq"
old._domainkey.good.test. 60 IN TXT "v=DKIM1; p="
_mta-sts.good.test.   60 IN TXT "v=STSv1; id=1"
_smtp._tls.good.test. 60 IN TXT "v=TLSRPTv1; rua=mailto:tls@good.test"
_spf.relay.test.      60 IN TXT "v=spf1 a:out.relay.test ip6:2001:db8::/32 ?all"
out.relay.test.       60 IN A 198.51.100.7
twice.test.           60 IN TXT "v=spf1 -all"
twice.test.           60 IN TXT "v=spf1 ~all"
null.test.            60 IN MX 0 .
deep.test.            60 IN TXT "v=spf1 include:deep1.test include:deep2.test ~all"
deep1.test.           60 IN TXT "v=spf1 a mx a:x.deep.test exists:y.deep.test ~all"
deep2.test.           60 IN TXT "v=spf1 include:deep3.test ~all"
deep3.test.           60 IN TXT "v=spf1 a:1.deep.test a:2.deep.test a:3.deep.test ~all"
deep1.test.           60 IN A 192.0.2.1
deep1.test.           60 IN MX 10 mx.good.test.
x.deep.test.          60 IN A 192.0.2.2
1.deep.test.          60 IN A 192.0.2.4
2.deep.test.          60 IN A 192.0.2.5
3.deep.test.          60 IN A 192.0.2.6
turned.test.          60 IN TXT "v=spf1 redirect=good.test"
sub.good.test.        60 IN A 192.0.2.80
_dmarc.registry.gov.test. 60 IN TXT "v=DMARC1; p=reject; sp=none"
_dmarc.psd.test.      60 IN TXT "v=DMARC1; p=reject; psd=y"
_dmarc.own.psd.test.  60 IN TXT "v=DMARC1; p=quarantine"
a.own.psd.test.       60 IN A 192.0.2.82
a.b.psd.test.         60 IN A 192.0.2.83
_dmarc.org.test.      60 IN TXT "v=DMARC1; p=reject; sp=quarantine; np=reject"
_dmarc.unit.org.test. 60 IN TXT "v = DMARC1 ; p=none; psd=n"
there.unit.org.test.  60 IN A 192.0.2.84
there.org.test.       60 IN A 192.0.2.85
_dmarc.test.org.test. 60 IN TXT "v=DMARC1; p=reject; t=y"
_dmarc.soft.org.test. 60 IN TXT "v=DMARC1; p=quarantine; t=y"
_dmarc.odd.org.test.  60 IN TXT "v=DMARC1; p=refuse"
_dmarc.two.org.test.  60 IN TXT "v=DMARC1; p=reject"
_dmarc.two.org.test.  60 IN TXT "v=DMARC1; p=none"
two.org.test.         60 IN A 192.0.2.86
_dmarc.no.org.test.   60 IN TXT "p=reject; v=DMARC1"
no.org.test.          60 IN A 192.0.2.87
_dmarc.4.5.6.7.8.9.test. 60 IN TXT "v=DMARC1; p=reject"
_dmarc.3.4.5.6.7.8.9.test. 60 IN TXT "v=DMARC1; p=none; psd=n"
0.1.2.3.4.5.6.7.8.9.test. 60 IN A 192.0.2.88
mail.registry.gov.test. 60 IN A 192.0.2.81
relay.relay.test.     60 IN A 192.0.2.30
30.2.0.192.in-addr.arpa. 60 IN PTR relay.relay.test.
"""


class Zone(ZoneResolver):  # type: ignore[misc]  # it has no types
    """A zone that tells a name without records of a kind from one that is not there (RFC 2308)."""

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        reply = super().resolve(request, handler)
        if any(request.q.qname == name for name, *_ in self.zone):
            reply.header.rcode = RCODE.NOERROR
        return reply


@contextlib.contextmanager
def served(zone: Zone) -> Iterator[int]:
    """Serve a zone over UDP and TCP on one port."""
    quiet = DNSLogger("-request,-reply,-truncated,-error")
    with socket.create_server((HOST, 0)) as free:
        number: int = free.getsockname()[1]
    servers = [
        DNSServer(zone, address=HOST, port=number, tcp=tcp, logger=quiet) for tcp in (False, True)
    ]
    for server in servers:
        server.start_thread()
    yield number
    for server in servers:
        server.stop()
        server.server.server_close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve the zone of these tests."""
    with served(Zone(ZONE)) as number:
        yield number


@pytest.fixture
def resolver(port: int) -> Resolver:
    return Resolver((HOST,), port)


@pytest.fixture
def others(port: int) -> dns.resolver.Resolver:
    """The same servers for those whose judgement ours is compared with."""
    found = dns.resolver.Resolver(configure=False)
    found.nameservers, found.port = [HOST], port
    return found


def domain(resolver: Resolver, name: str, *selectors: str) -> DomainFacts:
    return look_up_domain(resolver, name, is_sender=True, takes_bounces=True, selectors=selectors)


# DNS


def test_a_domain_is_seen_with_all_that_it_has(resolver: Resolver) -> None:
    facts = domain(resolver, "good.test", "s1", "old", "none")

    assert facts.unknown == {}
    assert facts.spf == SpfResult(
        result="fail", because="-all", lookups=3, includes=("_spf.relay.test",)
    )
    assert facts.dmarc == Dmarc(
        record="v=DMARC1; p=reject; rua=mailto:dmarc@good.test",
        found_at="good.test",
        policy="reject",
        told_by="p",
    )
    assert facts.dkim == {
        "s1": "v=DKIM1; k=rsa; p=MIGfMA0GCSq",
        "old": "v=DKIM1; p=",
        "none": "",
    }
    assert facts.mx == ("mx.good.test",)
    assert (len(facts.mta_sts), len(facts.tls_rpt)) == (1, 1)


@pytest.mark.parametrize(
    ("address", "result", "because"),
    [
        ("192.0.2.77", "pass", "ip4:192.0.2.0/24"),
        ("198.51.100.7", "pass", "include:_spf.relay.test"),
        ("2001:db8::7", "pass", "include:_spf.relay.test"),
        ("203.0.113.1", "fail", "-all"),
        ("2001:db9::1", "fail", "-all"),
    ],
)
def test_each_address_of_a_relay_is_judged(
    resolver: Resolver, address: str, result: str, because: str
) -> None:
    facts = look_up_domain(
        resolver,
        "good.test",
        is_sender=True,
        takes_bounces=False,
        selectors=(),
        relays={address: "relay.relay.test"},
    )

    judged = facts.spf_relays[address]
    assert (judged.result, judged.because) == (result, because)


def test_what_there_is_not_is_a_fact(resolver: Resolver) -> None:
    facts = domain(resolver, "nowhere.test")

    assert facts.unknown == {}
    assert (facts.spf_records, facts.dmarc, facts.mx) == ((), None, ())
    assert facts.has_address is False


@pytest.mark.parametrize(
    ("name", "found_at", "policy", "told_by"),
    [
        pytest.param("sub.good.test", "good.test", "reject", "p", id="of-the-organization"),
        pytest.param("mail.registry.gov.test", "registry.gov.test", "none", "sp", id="sp"),
        pytest.param("there.org.test", "org.test", "quarantine", "sp", id="sp-where-it-is-there"),
        pytest.param("gone.org.test", "org.test", "reject", "np", id="np-where-it-is-not"),
        pytest.param("there.unit.org.test", "unit.org.test", "none", "p", id="psd-n-ends-the-walk"),
        pytest.param("a.own.psd.test", "own.psd.test", "quarantine", "p", id="below-psd-y"),
        pytest.param("a.b.psd.test", "psd.test", "reject", "p", id="of-the-public-suffix"),
        pytest.param("psd.test", "psd.test", "reject", "p", id="the-public-suffix-itself"),
        pytest.param("test.org.test", "test.org.test", "quarantine", "p", id="t"),
        pytest.param("soft.org.test", "soft.org.test", "none", "p", id="t-of-quarantine"),
        pytest.param("odd.org.test", "odd.org.test", "none", "", id="a-policy-that-is-none"),
        pytest.param("no.org.test", "org.test", "quarantine", "sp", id="v-is-not-first"),
        pytest.param("two.org.test", "org.test", "quarantine", "sp", id="several-count-for-none"),
        pytest.param(
            "0.1.2.3.4.5.6.7.8.9.test", "4.5.6.7.8.9.test", "reject", "p", id="eight-questions"
        ),
    ],
)
def test_the_record_of_dmarc_is_found_by_the_tree_walk(
    resolver: Resolver, name: str, found_at: str, policy: str, told_by: str
) -> None:
    found = domain(resolver, name).dmarc

    assert found is not None
    assert (found.found_at, found.policy, found.told_by) == (found_at, policy, told_by)


def test_several_records_of_dmarc_at_one_place_are_told(resolver: Resolver) -> None:
    assert domain(resolver, "two.org.test").dmarc_twice == ("two.org.test",)


def test_a_selector_that_is_guessed_is_told_only_where_it_is(resolver: Resolver) -> None:
    facts = look_up_domain(
        resolver,
        "good.test",
        is_sender=True,
        takes_bounces=False,
        selectors=["none"],
        guessed=["s1", "google"],
    )

    assert list(facts.dkim) == ["none", "s1"]


def test_many_that_ask_the_same_are_one_question(port: int) -> None:
    fresh = Resolver((HOST,), port)
    asked: list[str] = []
    resolve = fresh._resolver.resolve  # noqa: SLF001 - to count what goes out

    def counted(name: str, *words: Any, **options: Any) -> object:
        asked.append(name)
        return resolve(name, *words, **options)

    fresh._resolver.resolve = counted  # type: ignore[assignment]  # noqa: SLF001
    with ThreadPoolExecutor(8) as executor:
        answers = list(executor.map(lambda _: fresh.ask("good.test", "MX"), range(40)))

    assert answers == [("mx.good.test",)] * 40
    assert asked == ["good.test"]


def test_a_null_exchanger_and_two_records_are_told(resolver: Resolver) -> None:
    assert domain(resolver, "null.test").mx == (".",)
    assert len(domain(resolver, "twice.test").spf_records) == 2
    assert domain(resolver, "twice.test").spf is None


def test_a_question_is_asked_once(resolver: Resolver, port: int) -> None:
    assert resolver.ask("good.test", "MX") == ("mx.good.test",)
    resolver._resolver.port = port + 1  # noqa: SLF001 - where nobody is

    assert resolver.ask("GOOD.test.", "MX") == ("mx.good.test",)


def test_a_server_that_says_nothing_makes_nothing_a_fact() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, 0))
        resolver = Resolver((HOST,), silent.getsockname()[1])
        resolver._resolver.lifetime = 0.2  # noqa: SLF001 - nobody waits six seconds here

        facts = domain(resolver, "good.test")

        with pytest.raises(NoAnswerError):
            resolver.ask("good.test", "TXT")
    assert {"spf", "dmarc", "mx", "mta-sts", "tls-rpt"} <= facts.unknown.keys()


@pytest.mark.parametrize("name", ["good.test", "deep.test"])
def test_lookups_are_counted_as_checkdmarc_counts_them(
    resolver: Resolver, others: dns.resolver.Resolver, name: str
) -> None:
    (record,) = resolver.texts(name, "v=spf1")
    theirs = checkdmarc.spf.parse_spf_record(
        record, name, ignore_too_many_lookups=True, resolver=others
    )

    facts = domain(resolver, name)
    assert facts.spf is not None
    assert facts.spf.lookups == theirs["dns_lookups"]


@pytest.mark.parametrize(
    "name",
    [
        *("good.test", "nowhere.test", "sub.good.test", "mail.registry.gov.test", "a.b.psd.test"),
        *("a.own.psd.test", "there.unit.org.test", "there.org.test", "0.1.2.3.4.5.6.7.8.9.test"),
    ],
)
def test_dmarc_is_found_where_checkdmarc_finds_it(
    resolver: Resolver, others: dns.resolver.Resolver, name: str
) -> None:
    theirs = checkdmarc.dmarc.check_dmarc(name, resolver=others)
    ours = domain(resolver, name).dmarc

    assert (ours.record if ours else None) == theirs["record"]
    assert (ours.found_at if ours else None) == theirs["location"]


@pytest.mark.parametrize(
    ("name", "valid"), [("good.test", True), ("twice.test", False), ("nowhere.test", False)]
)
def test_spf_is_there_once_where_checkdmarc_says_so(
    resolver: Resolver,
    others: dns.resolver.Resolver,
    name: str,
    valid: bool,  # noqa: FBT001 - a row's value
) -> None:
    theirs = checkdmarc.spf.check_spf(name, resolver=others)

    assert theirs["valid"] is valid
    assert (len(domain(resolver, name).spf_records) == 1) is valid


def test_the_evidence_says_what_to_ask(resolver: Resolver) -> None:
    evidence = make_evidence(
        {
            "url": "http://registry.test",
            "servers": [{"id": 1, "smtp_host": "relay.relay.test", "smtp_encryption": "none"}],
            "companies": [
                {
                    "id": 1,
                    "name": "Good",
                    "email": "Good <info@GOOD.test>",
                    "default_from_email": "n@good.test",
                    "bounce_email": "b@null.test",
                }
            ],
        }
    )

    outside = look_from_outside(evidence, resolver, {"good.test": ["s1"]})

    good, null = outside.domains
    assert (good.domain, good.is_sender, good.takes_bounces) == ("good.test", True, False)
    assert (null.domain, null.is_sender, null.takes_bounces) == ("null.test", False, True)
    assert list(good.dkim) == ["s1"]
    (relay,) = outside.relays
    assert (relay.addresses, relay.names) == (("192.0.2.30",), ("relay.relay.test",))
    assert relay.certificate is None
    assert outside.instance is None
    seen = replace(evidence, outside=outside)
    found = examine(seen, (*spf_rules.RULES, *dns_rules.RULES)).findings
    assert [it.rule for it in found] == ["spf-missing", "bounces-elsewhere", "bounces-not-taken"]


def test_the_audit_looks_from_outside_where_it_is_told_to(
    fleet: Fleet, smtp: SmtpPeers, port: int
) -> None:
    served = fleet.served["north"]
    served.database.servers.add(
        name="Main", smtp_host=HOST, smtp_port=smtp.tls_auth.port, smtp_encryption="ssl"
    )
    target = Target(
        name="north",
        url=served.url,
        database="openspp",
        login=ADMIN[0],
        password=Secret(ADMIN[1]),
    )

    def found(dns_plan: DnsPlan | None) -> set[str]:
        plan = AuditPlan(
            rules=frozenset(rule.id for rule in BOOK),
            waivers=(),
            today=datetime.now(UTC).date(),
            fail_on="error",
            with_tests=False,
            dns=dns_plan,
        )
        audit = audit_instance(target, RecordedProgress(), plan=plan)
        return {it.rule for it in audit.examination.findings}

    seen = found(DnsPlan(nameservers=(HOST,), port=port, run="a"))
    assert {"relay-certificate-not-trusted", "spf-missing", "dmarc-missing"} <= seen
    assert "spf-missing" not in found(None)


def test_without_dns_its_rules_are_no_part_of_the_run(fleet: Fleet) -> None:
    ran = fleet.json("audit", "-i", "north", "--no-test", "--fail-on", "critical")

    told = [it["rule"] for it in (*ran.data["findings"], *ran.data["skipped"])]
    assert {"dns", "tls"}.isdisjoint(find_rule(rule).group for rule in told)


def test_where_nobody_answers_nobody_is_asked_for_long() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, 0))
        resolver = Resolver((HOST,), silent.getsockname()[1])
        resolver._resolver.lifetime = 0.05  # noqa: SLF001 - nobody waits six seconds here
        for number in range(MOST_TIMEOUTS):
            with pytest.raises(NoAnswerError, match="LifetimeTimeout"):
                resolver.ask(f"{number}.good.test", "TXT")

        with pytest.raises(NoAnswerError, match="not asked, since DNS does not answer"):
            resolver.ask("good.test", "TXT")


# A DNS that knows nothing


@pytest.fixture
def denying() -> Iterator[int]:
    """Serve a DNS that says of every name that it does not exist."""
    with served(Zone("")) as number:
        yield number


def outside_of(resolver: Resolver) -> Outside:
    company = {"id": 1, "name": "Good", "email": "n@nowhere.test", "bounce_email": "b@good.test"}
    relay = {"id": 1, "smtp_host": "relay.relay.test", "smtp_encryption": "none"}
    evidence = {"url": "http://registry.test", "servers": [relay], "companies": [company]}
    return look_from_outside(make_evidence(evidence), resolver, {})


def found_in(outside: Outside) -> list[str]:
    rules = (*spf_rules.RULES, *dns_rules.RULES)
    return [it.rule for it in examine(replace(make_evidence({}), outside=outside), rules).findings]


def test_a_dns_that_denies_everything_makes_nothing_a_fact(denying: int) -> None:
    outside = outside_of(Resolver((HOST,), denying))

    assert found_in(outside) == []
    assert "not even the domain com" in outside.problem
    skipped = list(tell_unanswered(outside, {rule.id for rule in BOOK}))
    assert len({it.because for it in skipped}) == 1
    assert {"spf-missing", "dmarc-missing", "bounces-not-taken", "relay-without-address"} <= {
        it.rule for it in skipped
    }


def test_a_dns_that_does_not_answer_is_told_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, 0))
        resolver = Resolver((HOST,), silent.getsockname()[1])
        resolver._resolver.lifetime = 0.05  # noqa: SLF001 - nobody waits six seconds here

        outside = outside_of(resolver)

    assert found_in(outside) == []
    skipped = tell_unanswered(outside, {rule.id for rule in BOOK})
    assert len({it.because for it in skipped}) == 1


def test_a_domain_whose_own_servers_are_silent_silences_no_other(port: int) -> None:
    fresh = Resolver((HOST,), port)
    resolve = fresh._resolver.resolve  # noqa: SLF001 - as a resolver that waits for others

    def waits(name: str, *words: Any, **options: Any) -> object:
        if name.endswith("silent.test"):
            raise dns.resolver.LifetimeTimeout
        return resolve(name, *words, **options)

    fresh._resolver.resolve = waits  # type: ignore[assignment]  # noqa: SLF001
    for number in range(MOST_TIMEOUTS * 2):
        with pytest.raises(NoAnswerError, match="LifetimeTimeout"):
            fresh.ask(f"{number}.silent.test", "TXT")

    assert fresh.ask("good.test", "MX") == ("mx.good.test",)


def test_a_machine_without_a_name_server_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", read)

    assert outside_of(Resolver()).problem.startswith("DNS does not answer")


def test_what_a_dns_denies_that_knows_one_of_the_domains_is_a_fact(resolver: Resolver) -> None:
    outside = outside_of(resolver)

    assert outside.problem == ""
    assert "spf-missing" in found_in(outside)


def test_a_name_under_one_that_is_there_is_not_absent(resolver: Resolver) -> None:
    assert resolver.is_absent("nowhere.test")
    assert not resolver.is_absent("null.test")
