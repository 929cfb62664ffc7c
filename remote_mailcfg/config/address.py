"""Addresses of instances and proxies: what may stand in one, and where it leads."""

from typing import Final
from urllib.parse import urlsplit

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def check_address(text: str, *, credentials: str) -> str | None:
    """Return what is wrong with an address, to follow its name; None where nothing is.

    `credentials` says where a user and password go, which never stand in an address. The text
    itself is not repeated.
    """
    try:
        parts = urlsplit(text)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid = False
    if not port_is_valid or parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return "is not an address of the form https://host[:port][/prefix]"
    if parts.username is not None:
        return f"holds a user or password; {credentials}"
    if parts.query or parts.fragment:
        return "has a query or a fragment; give the base address alone"
    return None


def origin_of(url: str) -> str:
    """Return `scheme://host:port` of a valid address, the port always given."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or DEFAULT_PORTS[parts.scheme]}"
