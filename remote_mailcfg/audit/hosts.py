"""What the name of a mail server tells: a catcher for tests, Odoo's stub, a host near by."""

import ipaddress
import re
from typing import Final

from remote_mailcfg.model.mail_server import MailServerRecord

#: What `odoo-bin neutralize` puts in the place of all mail servers (base/data/neutralize.sql).
STUB_NAME: Final = "neutralization - disable emails"
STUB_HOST: Final = "invalid"

#: Programs that keep all mail for themselves; matched as whole words of name and host.
CATCHERS: Final = frozenset(
    {"mailhog", "mailpit", "mailcatcher", "maildev", "smtp4dev", "inbucket", "greenmail"}
)
#: Services that do.
CATCHING_HOSTS: Final = ("sandbox.smtp.mailtrap.io", "ethereal.email")

#: Top domains that are of an inner network by their own definition (RFC 6762, 8375, ICANN).
_INNER: Final = ("localhost", "local", "internal", "home.arpa", "lan")

#: Addresses that no receiver of mail sees: RFC 1918, 6598, 1122, 3927, 4193, 4291.
_INNER_NETWORKS: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
            *("127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128"),
        ),
    )
)


def is_stub(record: MailServerRecord) -> bool:
    """Tell whether the server is the one of `odoo-bin neutralize`, which reaches nobody."""
    return record.name == STUB_NAME or record.smtp_host == STUB_HOST


def is_catcher(record: MailServerRecord) -> bool:
    """Tell whether the server looks like one that catches all mail, by its name or host."""
    host = record.smtp_host.lower().rstrip(".")
    words = set(re.split(r"[\W_]+", f"{record.name} {host}".lower()))
    return bool(words & CATCHERS) or any(
        host == it or host.endswith(f".{it}") for it in CATCHING_HOSTS
    )


def is_near(host: str) -> bool:
    """Tell whether a host is this machine or of a private network, as far as its name tells."""
    address = _address(host)
    if address is not None:
        return address.is_loopback or address.is_private
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith(tuple(f".{it}" for it in _INNER))


def is_inner(address: str) -> bool:
    """Tell whether an address is of an inner network: mail leaves it from another one."""
    found = ipaddress.ip_address(address)
    return any(found in network for network in _INNER_NETWORKS)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
