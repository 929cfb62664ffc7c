import base64
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from remote_mailcfg.model.certificate import find_expiry


def make_certificate(end: datetime) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.org" * 3)])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=datetime(2025, 1, 1, tzinfo=UTC),
        not_valid_after=end,
    )
    return builder.sign(key, hashes.SHA256())


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def in_pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC), id="utc-time"),
        pytest.param(datetime(2051, 5, 6, 7, 8, 9, tzinfo=UTC), id="generalized-time"),
    ],
)
def test_the_end_of_a_certificate_is_read(end: datetime) -> None:
    assert find_expiry(pem_of(make_certificate(end))) == end


def test_the_first_certificate_of_a_chain_counts() -> None:
    first, second = (datetime(year, 1, 1, tzinfo=UTC) for year in (2030, 2040))
    chain = "".join(pem_of(make_certificate(end)) for end in (first, second))

    assert find_expiry(f"some text\n{chain}") == first


def test_a_certificate_of_the_first_version_has_no_field_for_it() -> None:
    time = b"\x17\x0d300506070809Z"
    validity = b"\x30" + bytes([2 * len(time)]) + time + time
    inner = b"\x02\x01\x07" + b"\x30\x00" + b"\x30\x00" + validity
    der = b"\x30" + bytes([len(inner) + 2]) + b"\x30" + bytes([len(inner)]) + inner

    assert find_expiry(in_pem(der)) == datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("no certificate", id="other-text"),
        pytest.param(in_pem(b""), id="nothing-in-it"),
        pytest.param(in_pem(b"\x04\x02ab"), id="no-sequence"),
        pytest.param(in_pem(b"\x30\x02\x30\x00"), id="cut-off"),
        pytest.param(in_pem(b"\x30\x82"), id="length-cut-off"),
        pytest.param("-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----", id="no-base64"),
        pytest.param(
            in_pem(b"\x30\x11\x30\x0f\x02\x01\x07\x30\x00\x30\x00\x30\x06\x04\x01a\x04\x01b"),
            id="no-time",
        ),
    ],
)
def test_what_is_no_certificate_has_no_end(text: str) -> None:
    assert find_expiry(text) is None
