"""DNS and certificates are looked at on real servers, and judged as others judge them."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import checkdmarc.dmarc
import checkdmarc.spf
import dns.resolver
import pytest
import trustme
from dnslib import RCODE, DNSRecord
from dnslib.server import DNSHandler, DNSLogger, DNSServer
from dnslib.zoneresolver import ZoneResolver

from remote_mailcfg.audit import dns as dns_rules
from remote_mailcfg.audit import spf as spf_rules
from remote_mailcfg.audit.engine import examine
from remote_mailcfg.audit.rules import BOOK, find_rule
from remote_mailcfg.audit.unanswered import ASKED_FOR, tell_unanswered
from remote_mailcfg.lookup.certificates import look_at_certificate
from remote_mailcfg.lookup.domains import look_up_domain
from remote_mailcfg.lookup.outside import look_from_outside
from remote_mailcfg.lookup.resolver import MOST_TIMEOUTS, NoAnswerError, Resolver
from remote_mailcfg.lookup.spf import follow_spf
from remote_mailcfg.model.outside import CertificateFacts, DomainFacts, Outside
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
y.deep.test.          60 IN A 192.0.2.3
1.deep.test.          60 IN A 192.0.2.4
2.deep.test.          60 IN A 192.0.2.5
3.deep.test.          60 IN A 192.0.2.6
turned.test.          60 IN TXT "v=spf1 redirect=good.test"
sub.good.test.        60 IN A 192.0.2.80
_dmarc.registry.gov.test. 60 IN TXT "v=DMARC1; p=reject"
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


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve the zone over UDP and TCP on one port."""
    resolver = Zone(ZONE)
    quiet = DNSLogger("-request,-reply,-truncated,-error")
    with socket.create_server((HOST, 0)) as free:
        number: int = free.getsockname()[1]
    servers = [
        DNSServer(resolver, address=HOST, port=number, tcp=tcp, logger=quiet)
        for tcp in (False, True)
    ]
    for server in servers:
        server.start_thread()
    yield number
    for server in servers:
        server.stop()
        server.server.server_close()


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
    assert facts.spf is not None
    assert (facts.spf.lookups, facts.spf.ends_with, facts.spf.is_partial) == (3, "-all", False)
    assert facts.spf.includes == ("_spf.relay.test",)
    assert set(facts.spf.networks) == {
        "198.51.100.7",
        "2001:db8::/32",
        "192.0.2.0/24",
        "192.0.2.25",
    }
    assert facts.dmarc_records == ("v=DMARC1; p=reject; rua=mailto:dmarc@good.test",)
    assert facts.dkim == {
        "s1": "v=DKIM1; k=rsa; p=MIGfMA0GCSq",
        "old": "v=DKIM1; p=",
        "none": "",
    }
    assert facts.mx == ("mx.good.test",)
    assert (len(facts.mta_sts), len(facts.tls_rpt)) == (1, 1)


def test_what_there_is_not_is_a_fact(resolver: Resolver) -> None:
    facts = domain(resolver, "nowhere.test")

    assert facts.unknown == {}
    assert (facts.spf_records, facts.dmarc_records, facts.mx) == ((), (), ())
    assert facts.has_address is False


def test_a_subdomain_has_its_organizations_dmarc(resolver: Resolver) -> None:
    facts = domain(resolver, "sub.good.test")

    assert facts.dmarc_domain == "good.test"
    assert facts.has_address is True


def test_dmarc_is_looked_for_at_every_name_above(resolver: Resolver) -> None:
    facts = domain(resolver, "mail.registry.gov.test")

    assert (facts.dmarc_domain, len(facts.dmarc_records)) == ("registry.gov.test", 1)


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


def test_a_question_without_an_answer_skips_the_rules_that_it_was_for() -> None:
    outside = Outside(domains=(DomainFacts(domain="good.test", unknown={"mx": "MX: ServFail"}),))

    (skipped,) = tell_unanswered(outside, {"bounces-not-taken", "spf-missing"})

    assert (skipped.rule, skipped.because) == ("bounces-not-taken", "nobody answered: MX: ServFail")


def test_every_question_is_for_rules_that_there_are() -> None:
    ids = {rule.id for rule in BOOK}

    assert {rule for rules in ASKED_FOR.values() for rule in rules} <= ids


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

    assert follow_spf(resolver, record, name).lookups == theirs["dns_lookups"]


@pytest.mark.parametrize("name", ["good.test", "nowhere.test"])
def test_dmarc_is_found_where_checkdmarc_finds_it(
    resolver: Resolver, others: dns.resolver.Resolver, name: str
) -> None:
    theirs = checkdmarc.dmarc.check_dmarc(name, resolver=others)
    ours = domain(resolver, name)

    assert bool(ours.dmarc_records) is bool(theirs["record"])
    assert (ours.dmarc_domain if theirs["record"] else None) == theirs["location"]


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


@pytest.mark.parametrize(
    ("record", "spf"),
    [
        pytest.param("v=spf1 include:%{d}.test -all", (1, "-all", True), id="a-macro"),
        pytest.param("v=spf1 include:nowhere.test -all", (1, "-all", True), id="no-such-include"),
        pytest.param("v=spf1 ptr ?all", (1, "?all", True), id="ptr"),
        pytest.param("v=spf1 a/24 all", (1, "+all", False), id="a-network"),
        pytest.param("v=spf1 -ip4:192.0.2.1 -a -all", (1, "-all", False), id="not-these"),
        pytest.param("v=spf1 include:loop.test -all", (1, "-all", True), id="unknown"),
        pytest.param("v=spf1 redirect=good.test", (4, "-all", False), id="redirect"),
        pytest.param("v=spf1 redirect=good.test ~all", (0, "~all", False), id="no-redirect"),
        pytest.param("v=spf1 include:turned.test ~all", (5, "~all", False), id="both"),
        pytest.param("v=spf1", (0, "", False), id="nothing"),
    ],
)
def test_odd_records_are_followed_as_far_as_they_go(
    resolver: Resolver, record: str, spf: tuple[int, str, bool]
) -> None:
    found = follow_spf(resolver, record, "good.test")

    assert (found.lookups, found.ends_with, found.is_partial) == spf


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


# Certificates


@contextlib.contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """Take connections, speak TLS, and say nothing."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True):
                pass

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process trust the authority, as a machine that knows it does."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


def look_at(
    authority: trustme.CA, *names: str, expires: datetime | None = None
) -> CertificateFacts:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=expires).configure_cert(context)
    with tls_server(context) as port:
        return look_at_certificate("localhost", port, starttls=False)


@pytest.mark.usefixtures("trusting")
def test_a_certificate_that_is_right_has_no_problem(authority: trustme.CA) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)

    facts = look_at(authority, "localhost", expires=end)

    assert (facts.problem, facts.because, facts.names) == ("", "", ("localhost",))
    assert facts.not_after == end
    assert facts.version.startswith("TLSv1.")


@pytest.mark.usefixtures("trusting")
def test_a_certificate_that_has_ended_is_seen_all_the_same(authority: trustme.CA) -> None:
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)

    facts = look_at(authority, "localhost", expires=end)

    assert facts.problem == "certificate has expired"
    assert facts.not_after == end


@pytest.mark.usefixtures("trusting")
def test_a_certificate_of_another_name_is_told_with_its_names(authority: trustme.CA) -> None:
    facts = look_at(authority, "other.example.org")

    assert facts.is_mismatch
    assert facts.names == ("other.example.org",)


def test_an_authority_that_nobody_knows_is_not_trusted(authority: trustme.CA) -> None:
    facts = look_at(authority, "localhost")

    assert "unable to get local issuer certificate" in facts.problem
    assert not facts.is_mismatch


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_server_of_an_old_version_is_seen_with_it(authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with tls_server(context) as port:
        facts = look_at_certificate("localhost", port, starttls=False)

    assert (facts.version, facts.because) == ("TLSv1.1", "")


def test_a_name_that_cannot_be_one_says_so() -> None:
    facts = look_at_certificate("a..example.org", 465, starttls=False)

    assert "a..example.org:465" in facts.because


def test_a_mail_server_is_looked_at_after_starttls(smtp: SmtpPeers) -> None:
    facts = look_at_certificate(HOST, smtp.starttls_auth.port, starttls=True)

    assert facts.problem == "self-signed certificate"
    assert facts.not_after is not None


@pytest.mark.parametrize("peer", ["plain", "refused", "closing"])
def test_what_shows_no_certificate_says_why(smtp: SmtpPeers, peer: str) -> None:
    port = getattr(smtp, peer).port

    facts = look_at_certificate(HOST, port, starttls=True)

    assert f"{HOST}:{port}: " in facts.because
    assert facts.not_after is None


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
