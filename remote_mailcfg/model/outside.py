"""What is seen of an instance's mail from outside: DNS, and the certificates of relay and instance.

All of it is as seen from where the audit ran. An answer "there is none" is a fact; a question that
nobody answered is in `unknown`, with why.
"""

import functools
import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


SpfWord = Literal["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]
Policy = Literal["none", "quarantine", "reject"]

#: RFC 7208, 4.6.4: a receiver stops there.
MOST_SPF_LOOKUPS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SpfResult:
    """What a receiver makes of an address that mail of a domain comes from (RFC 7208).

    `because` is the term that decided, `""` where none did; what is not valid for a `permerror`;
    which question had no answer for a `temperror`. `lookups` are the terms that asked DNS,
    `includes` the domains that the record lets send as well, as far as it was read.
    """

    result: SpfWord
    because: str = ""
    lookups: int = 0
    includes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dmarc:
    """The DMARC record that is applied to a domain, as RFC 9989 finds it.

    `found_at` is the domain that it stands at. `policy` is what receivers do; `told_by` the tag
    that says so, `""` where none does. `is_test`: it asks for less than it says (`t=y`).
    """

    record: str
    found_at: str
    policy: Policy
    told_by: str = ""
    is_test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainFacts:
    """What DNS tells of a domain that mail is sent from, or comes back to.

    `spf_records`, `mta_sts` and `tls_rpt` are texts of TXT records. `spf` is the judgement of an
    address that nobody sends from, `spf_relays` that of each address of the instance's relays.
    `dmarc` is None without a record; `dmarc_twice` are the domains where several stand, which
    count for none. `dkim` has the key record of each selector, `""` where there is none. `mx` are
    the names of mail exchangers, `"."` for a null MX (RFC 7505).
    """

    domain: str
    is_sender: bool = False
    takes_bounces: bool = False
    unknown: Mapping[str, str] = field(default_factory=dict)
    spf_records: tuple[str, ...] = ()
    spf: SpfResult | None = None
    spf_relays: Mapping[str, SpfResult] = field(default_factory=dict)
    dmarc: Dmarc | None = None
    dmarc_twice: tuple[str, ...] = ()
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
    """All that was seen; `instance` is None where it is not reached over https.

    `problem` says why DNS tells nothing here; no domain is among what was seen then.
    """

    problem: str = ""
    domains: tuple[DomainFacts, ...] = ()
    relays: tuple[RelayFacts, ...] = ()
    instance: CertificateFacts | None = None


def is_same_organization(one: str, other: str) -> bool:
    """Tell whether two hosts or domains are of one organization, by the list of public suffixes."""
    return _organization(one) == _organization(other)


def _organization(name: str) -> str:
    """Return the domain that was registered: a name under `gov.ph`, `github.io` or `org`."""
    name = name.lower().rstrip(".")
    with suppress(ValueError):
        return str(ipaddress.ip_address(name))
    found: str | None = _public_suffixes().privatesuffix(name)
    return found or name


@functools.cache
def _public_suffixes() -> "PublicSuffixList":
    """Return the list as the package has it; nothing is downloaded."""
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - an extra, and slow to load

    return PublicSuffixList()
