"""Rules on certificates of relays and of the instance, as seen from where the audit ran."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.outside import CertificateFacts, RelayFacts

HERE: Final = "as seen from here"
#: So long before its end a certificate is told of.
SOON: Final = timedelta(days=30)
OLD: Final = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})


def _of_relays(
    look: Callable[[Evidence, CertificateFacts], str],
) -> Callable[[Evidence], Iterator[Problem]]:
    """Return what tells of each relay whose certificate could be looked at."""

    def each(evidence: Evidence) -> Iterator[Problem]:
        for relay in evidence.outside.relays:
            if relay.certificate is not None and (told := look(evidence, relay.certificate)):
                yield _about(relay, f"{relay.host}: {told}, {HERE}")

    return each


def _about(relay: RelayFacts, message: str) -> Problem:
    return Problem(
        message=message,
        server_id=relay.server_id,
        server_name=relay.server_name,
        subject=relay.host,
    )


def _ended(evidence: Evidence, certificate: CertificateFacts) -> str:
    end = certificate.not_after
    return f"its certificate ended on {end:%Y-%m-%d}" if end and end <= evidence.now else ""


def _ends_soon(evidence: Evidence, certificate: CertificateFacts) -> str:
    end = certificate.not_after
    is_soon = end is not None and timedelta() < end - evidence.now <= SOON
    return f"its certificate ends on {end:%Y-%m-%d}" if is_soon else ""


def _mismatch(_evidence: Evidence, certificate: CertificateFacts) -> str:
    if not certificate.is_mismatch:
        return ""
    return f"its certificate is for {', '.join(certificate.names) or 'no name'}"


def _not_trusted(evidence: Evidence, certificate: CertificateFacts) -> str:
    if not certificate.problem or certificate.is_mismatch or _ended(evidence, certificate):
        return ""
    return f"its certificate is not trusted ({certificate.problem})"


def _old(_evidence: Evidence, certificate: CertificateFacts) -> str:
    return f"it speaks {certificate.version}" if certificate.version in OLD else ""


def _not_seen(_evidence: Evidence, certificate: CertificateFacts) -> str:
    return f"there is no certificate to look at ({certificate.because})" * bool(certificate.because)


def _instance(evidence: Evidence) -> Iterator[Problem]:
    certificate = evidence.outside.instance
    if certificate is None:
        return
    for look in (_ended, _ends_soon):
        if told := look(evidence, certificate):
            yield Problem(message=f"{evidence.url}: {told}, {HERE}", subject=evidence.url)


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="relay-certificate-ended",
        group="tls",
        severity="error",
        title="The certificate of a relay has ended",
        why="Where it is checked (starttls_strict, ssl_strict) nothing is sent.",
        remedy="Renew it, or ask whoever runs the relay to.",
        needs=("outside",),
        look=_of_relays(_ended),
    ),
    Rule(
        id="relay-certificate-ends",
        group="tls",
        severity="warning",
        title="The certificate of a relay ends within 30 days",
        why="Where it is checked nothing will be sent from then on.",
        remedy="Renew it, or see that it is renewed by itself.",
        needs=("outside",),
        look=_of_relays(_ends_soon),
    ),
    Rule(
        id="relay-certificate-of-another",
        group="tls",
        severity="error",
        title="The certificate of a relay is for another name",
        why="Where it is checked nothing is sent; elsewhere anybody could be in its place.",
        remedy="Write a name of the certificate as smtp_host.",
        needs=("outside",),
        look=_of_relays(_mismatch),
    ),
    Rule(
        id="relay-certificate-not-trusted",
        group="tls",
        severity="warning",
        title="The certificate of a relay is not trusted",
        why="Where it is checked nothing is sent, unless the instance knows its authority.",
        remedy="Use a certificate of a public authority with its whole chain, or make the own"
        " authority known to the instance's machine.",
        needs=("outside",),
        look=_of_relays(_not_trusted),
    ),
    Rule(
        id="relay-tls-old",
        group="tls",
        severity="warning",
        title="A relay speaks an old version of TLS",
        why="What is older than 1.2 can be broken, and current systems refuse it.",
        remedy="Let the relay speak TLS 1.2 or 1.3.",
        needs=("outside",),
        look=_of_relays(_old),
    ),
    Rule(
        id="relay-not-seen",
        group="tls",
        severity="info",
        title="The certificate of a relay could not be looked at",
        why="A relay may be open to the instance alone.",
        remedy="Nothing, where `remote-mailcfg server test` passes.",
        needs=("outside",),
        look=_of_relays(_not_seen),
    ),
    Rule(
        id="instance-certificate-ends",
        group="tls",
        severity="warning",
        title="The instance's own certificate has ended, or ends within 30 days",
        why="Links in mails then open a warning in place of the page.",
        remedy="Renew it, or see that it is renewed by itself.",
        needs=("outside",),
        look=_instance,
    ),
)
