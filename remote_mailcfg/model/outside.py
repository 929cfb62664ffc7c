"""What is seen of an instance's mail from outside: DNS, and the certificates of relay and instance.

All of it is as seen from where the audit ran. An answer "there is none" is a fact; a question that
nobody answered is in `unknown`, with why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Spf:
    """The SPF record of a domain (RFC 7208), followed through its includes.

    `lookups` are the terms that ask DNS; `networks` those that it lets send, `includes` the domains
    that it names. `ends_with` is the mechanism `all` with its qualifier, `""` where there is none.
    `is_partial`: a term could not be followed (a macro, or a question without an answer).
    """

    lookups: int = 0
    networks: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    ends_with: str = ""
    is_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainFacts:
    """What DNS tells of a domain that mail is sent from, or comes back to.

    `spf_records`, `dmarc_records`, `mta_sts` and `tls_rpt` are texts of TXT records; `dmarc_domain`
    is where those of DMARC were found. `dkim` has the key record of each selector, `""` where there
    is none. `mx` are the names of mail exchangers, `"."` for a null MX (RFC 7505).
    """

    domain: str
    is_sender: bool = False
    takes_bounces: bool = False
    unknown: Mapping[str, str] = field(default_factory=dict)
    spf_records: tuple[str, ...] = ()
    spf: Spf | None = None
    dmarc_records: tuple[str, ...] = ()
    dmarc_domain: str = ""
    dkim: Mapping[str, str] = field(default_factory=dict)
    mx: tuple[str, ...] = ()
    has_address: bool = False
    mta_sts: tuple[str, ...] = ()
    tls_rpt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """The certificate that a host showed.

    `problem` is why it is not trusted for that name, as OpenSSL says, `""` where it is; `version`
    is that of TLS. `because` says why there is none to look at.
    """

    not_after: datetime | None = None
    names: tuple[str, ...] = ()
    problem: str = ""
    is_mismatch: bool = False
    version: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayFacts:
    """An active mail server as seen from outside; `certificate` is None where it uses no TLS.

    `names` are those that its addresses lead back to (PTR).
    """

    server_id: int
    server_name: str
    host: str
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    certificate: CertificateFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """All that was seen; `instance` is None where it is not reached over https."""

    domains: tuple[DomainFacts, ...] = ()
    relays: tuple[RelayFacts, ...] = ()
    instance: CertificateFacts | None = None


def organizational(domain: str) -> str:
    """Return the last two labels of a name: what is taken for its organization.

    The list of public suffixes would know more; a name under one of two labels (`gov.ph`) is taken
    for the same organization as its neighbours.
    """
    return ".".join(domain.lower().rstrip(".").split(".")[-2:])
