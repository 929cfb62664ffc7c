"""When a certificate ends, read from its PEM text alone."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Final

_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"
#: Tags of DER (X.690) that lead to the end: Certificate > TBSCertificate > validity > notAfter.
_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18


def find_expiry(pem: str) -> datetime | None:
    """Return when the first certificate of a PEM text ends, None where there is none to read.

    RFC 5280, 4.1: the validity is the fifth field of the inner sequence, after an optional version.
    """
    text, is_whole, _ = pem.partition(_BEGIN)[2].partition(_END)
    if not is_whole:
        return None
    try:
        inner = _content(_content(base64.b64decode(text)))
        skipped = 4 if inner[0] == _VERSION else 3
        for _ in range(skipped):
            inner = _rest(inner)
        not_after = _rest(_content(inner))
        return _parse_time(not_after[0], _content_of_any(not_after).decode("ascii"))
    except (binascii.Error, IndexError, ValueError):
        return None


def _parse_time(tag: int, text: str) -> datetime:
    form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}.get(tag, "")
    return datetime.strptime(text, form).replace(tzinfo=UTC)


def _content(der: bytes) -> bytes:
    """Return what is in the sequence at the beginning."""
    if der[0] != _SEQUENCE:
        raise ValueError("no sequence")
    return _content_of_any(der)


def _content_of_any(der: bytes) -> bytes:
    start, length = _extent(der)
    return der[start : start + length]


def _rest(der: bytes) -> bytes:
    """Return what follows the element at the beginning."""
    start, length = _extent(der)
    return der[start + length :]


def _extent(der: bytes) -> tuple[int, int]:
    """Return where the content of the element at the beginning starts, and its length."""
    first = der[1]
    if first < 0x80:
        return 2, first
    size = first & 0x7F
    return 2 + size, int.from_bytes(der[2 : 2 + size], "big")
