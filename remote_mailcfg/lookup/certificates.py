"""The certificate that a host shows: over TLS at once, or after STARTTLS. Nothing is sent else."""

import smtplib
import socket
import ssl
from typing import Final

from remote_mailcfg.model.outside import CertificateFacts

MOST_SECONDS: Final = 10.0
#: A name that cannot be one raises UnicodeError, before anybody is asked.
FAILURES: Final = (OSError, smtplib.SMTPException, UnicodeError)
#: OpenSSL's word for a certificate of another name (X509_V_ERR_HOSTNAME_MISMATCH and _IP_).
MISMATCHES: Final = frozenset({62, 64})


def look_at_certificate(host: str, port: int, *, starttls: bool) -> CertificateFacts:
    """Connect as a mail server or a browser would, and look at what the host shows.

    It is trusted or not by this machine's own certificates. Where it is not, it is looked at again
    without trust, to tell until when and for which names it is.
    """
    try:
        return _look(host, port, ssl.create_default_context(), starttls=starttls)
    except ssl.SSLCertVerificationError as error:
        is_mismatch = error.verify_code in MISMATCHES
        return _without_trust(
            host, port, starttls=starttls, problem=error.verify_message, is_mismatch=is_mismatch
        )
    except ssl.SSLError:  # perhaps it speaks nothing that is new enough
        return _without_trust(host, port, starttls=starttls, problem="", is_mismatch=False)
    except FAILURES as error:
        return CertificateFacts(because=f"{host}:{port}: {error}")


def _without_trust(
    host: str, port: int, *, starttls: bool, problem: str, is_mismatch: bool
) -> CertificateFacts:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is looked at, and nothing is sent
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # old versions need old ciphers
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    try:
        seen = _look(host, port, context, starttls=starttls)
    except FAILURES as error:
        because = f"{host}:{port}: {error}"
        return CertificateFacts(problem=problem, is_mismatch=is_mismatch, because=because)
    return CertificateFacts(
        not_after=seen.not_after,
        names=seen.names,
        problem=problem,
        is_mismatch=is_mismatch,
        version=seen.version,
    )


def _look(host: str, port: int, context: ssl.SSLContext, *, starttls: bool) -> CertificateFacts:
    if starttls:
        with smtplib.SMTP(host, port, timeout=MOST_SECONDS) as client:
            client.starttls(context=context)
            assert isinstance(client.sock, ssl.SSLSocket)  # noqa: S101 - for mypy: it is now
            return _facts(client.sock)
    with (
        socket.create_connection((host, port), timeout=MOST_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        return _facts(secure)


def _facts(secure: ssl.SSLSocket) -> CertificateFacts:
    from cryptography import x509  # noqa: PLC0415 - an extra, and slow to load

    certificate = x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    return CertificateFacts(
        not_after=certificate.not_valid_after_utc,
        names=tuple(names),
        version=secure.version() or "",
    )
