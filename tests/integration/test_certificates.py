"""Certificates of relays and instances are looked at on real servers."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from remote_mailcfg.lookup.certificates import look_at_certificate
from remote_mailcfg.model.outside import CertificateFacts
from remote_mailcfg.sandbox.smtp_servers import SmtpPeers

HOST = "127.0.0.1"


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
