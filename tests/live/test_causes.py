"""Why a test fails, told from what real mail servers do and a real Odoo says of it."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import trustme

from remote_mailcfg.sandbox.smtp_servers import PASSWORD, USER, SmtpPeer, SmtpPeers
from tests.live.command import Command, Ran
from tests.live.conftest import on_protocol
from tests.live.odoo import Odoo, User

PROTOCOLS = ("jsonrpc", "xmlrpc", "json2")
WORKERS = 6

Values = dict[str, Any]
Case = Callable[[SmtpPeers], Values]
Tests = dict[tuple[str, str], Ran]


def at(peer: SmtpPeer, **values: Any) -> Values:
    return {"smtp_host": peer.host, "smtp_port": peer.port, **values}


def with_login(peer: SmtpPeer, password: str = PASSWORD, **values: Any) -> Values:
    return at(peer, smtp_user=USER, smtp_pass=password, **values)


#: Cause and mail server; what is left out is none for the encryption, and no login.
FAST: dict[str, tuple[str | None, Case]] = {
    "a server that takes everything": (None, lambda p: at(p.plain)),
    "a login": (None, lambda p: with_login(p.plain_auth)),
    "a login after STARTTLS": (
        None,
        lambda p: with_login(p.starttls_auth, smtp_encryption="starttls"),
    ),
    "a login over TLS": (None, lambda p: with_login(p.tls_auth, smtp_encryption="ssl")),
    "nobody listens": ("refused", lambda p: at(p.refused)),
    "no such host": (
        "name-not-found",
        lambda p: at(p.plain, smtp_host="no-such-host.invalid"),
    ),
    "a host that is no name": ("name-not-found", lambda p: at(p.plain, smtp_host="foo..bar")),
    "the server closes at once": ("closed-early", lambda p: at(p.closing)),
    "TLS on a plain port": ("tls-mismatch", lambda p: at(p.plain, smtp_encryption="ssl")),
    "no STARTTLS before the login": (
        "authentication-not-offered",
        lambda p: with_login(p.starttls_auth),
    ),
    "no STARTTLS before the mail": ("tls-mismatch", lambda p: at(p.starttls_auth)),
    "a wrong password": ("authentication-refused", lambda p: with_login(p.plain_auth, "wrong")),
    "a wrong password after STARTTLS": (
        "authentication-refused",
        lambda p: with_login(p.starttls_auth, "wrong", smtp_encryption="starttls"),
    ),
    "a login that is not wanted": ("authentication-not-offered", lambda p: with_login(p.plain)),
    "a login that is wanted": ("sender-refused", lambda p: at(p.plain_auth)),
    "STARTTLS that is not offered": (
        "starttls-not-offered",
        lambda p: at(p.plain, smtp_encryption="starttls"),
    ),
    "a refused sender": ("sender-refused", lambda p: at(p.refusing_sender)),
    "a refused recipient": ("recipient-refused", lambda p: at(p.refusing_recipient)),
    "a relay for its own domains": (
        "recipient-refused",
        lambda p: at(p.relay_for_own_domains),
    ),
    "no host": ("no-host", lambda p: at(p.plain, smtp_host=False)),
}

#: Only where the instance has these encryptions, which check the certificate.
STRICT: dict[str, tuple[str, Case]] = {
    "a certificate of nobody's trust after STARTTLS": (
        "certificate-not-valid",
        lambda p: with_login(p.starttls_auth, smtp_encryption="starttls_strict"),
    ),
    "a certificate of nobody's trust": (
        "certificate-not-valid",
        lambda p: with_login(p.tls_auth, smtp_encryption="ssl_strict"),
    ),
}

#: Odoo waits 60 s for these. One of them waits for TLS, as port 465 does, and longer than Odoo.
WAITS_FOR_TLS = "a port that waits for TLS"
SLOW: dict[str, Case] = {
    "a silent server": lambda p: at(p.silent),
    "a silent server with TLS": lambda p: at(p.silent, smtp_encryption="ssl"),
    WAITS_FOR_TLS: lambda p: at(p.silent),  # at the port of `waiting_for_tls`
}
NO_EMAIL = "a user without an address"


@pytest.fixture(scope="module")
def user_without_email(odoo: Odoo) -> Iterator[User]:
    with odoo.user() as user:
        odoo.call("res.users", "write", [user.id], {"email": False})
        yield user


@pytest.fixture(scope="module")
def waiting_for_tls(peers: SmtpPeers) -> Iterator[int]:
    """The port of a server that wants TLS first and sets no time limit to it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)

    def serve(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client gives up, or the test ends
            while True:
                connection, _address = listening.accept()
                with connection, contextlib.suppress(OSError):
                    context.wrap_socket(connection, server_side=True).close()

    with socket.create_server((peers.plain.host, 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(scope="module")
def records(odoo: Odoo, peers: SmtpPeers, waiting_for_tls: int) -> Iterator[dict[str, int]]:
    """An archived mail server for each case; the ids by case. Odoo tests archived ones, too."""
    fields = odoo.call("ir.mail_server", "fields_get", ["smtp_encryption"])
    has_strict = "ssl_strict" in dict(fields["smtp_encryption"]["selection"])
    cases: dict[str, Case] = {name: case for name, (_cause, case) in FAST.items()}
    cases |= {name: case for name, (_cause, case) in STRICT.items() if has_strict}
    cases |= SLOW
    cases[NO_EMAIL] = lambda p: at(p.plain)
    ids = {
        name: odoo.call(
            "ir.mail_server", "create", {"name": f"live: {name}", "active": False, **case(peers)}
        )
        for name, case in cases.items()
    }
    odoo.call("ir.mail_server", "write", [ids[WAITS_FOR_TLS]], {"smtp_port": waiting_for_tls})
    yield ids
    odoo.call("ir.mail_server", "unlink", list(ids.values()))


@pytest.fixture(scope="module")
def tests(
    odoo: Odoo,
    records: dict[str, int],
    user_without_email: User,
    tmp_path_factory: pytest.TempPathFactory,
) -> Tests:
    """Every case over every protocol, the slow ones over one, all side by side."""
    command = Command(
        tmp_path_factory.mktemp("causes"),
        {
            "OPENSPP_URL": odoo.url,
            "OPENSPP_DB": odoo.database,
            "OPENSPP_LOGIN": odoo.login,
            "OPENSPP_PASSWORD": odoo.password,
        },
    )
    protocols = [p for p in PROTOCOLS if p != "json2" or odoo.version() >= 19]
    started: dict[tuple[str, str], Future[Ran]] = {}
    with ThreadPoolExecutor(len(SLOW) + WORKERS) as pool:

        def start(case: str, protocol: str, program: Command) -> None:
            started[case, protocol] = pool.submit(program.run, "server", "test", str(records[case]))

        for case in SLOW:
            start(case, "jsonrpc", command.with_settings(OPENSPP_PROTOCOL="jsonrpc"))
        for protocol in protocols:
            program = on_protocol(protocol, command, odoo)
            for case in records.keys() - SLOW.keys() - {NO_EMAIL}:
                start(case, protocol, program)
            nobody = program.with_settings(
                OPENSPP_LOGIN=user_without_email.login, OPENSPP_API_KEY=user_without_email.api_key
            )
            start(NO_EMAIL, protocol, nobody)
    return {of: future.result() for of, future in started.items()}


def test_of(tests: Tests, case: str, protocol: str) -> dict[str, Any]:
    """Return the TEST of a case, which the envelope holds whether it passed or not."""
    if (case, protocol) not in tests:
        pytest.skip("the server under test has no such protocol or encryption")
    (test,) = tests[case, protocol].result["data"]["tests"]
    return dict(test)


test_of.__test__ = False  # type: ignore[attr-defined]  # a question, no test of its own


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("case", "cause"),
    [
        *(pytest.param(name, cause, id=name) for name, (cause, _case) in (FAST | STRICT).items()),
        pytest.param(NO_EMAIL, "no-user-email", id=NO_EMAIL),
    ],
)
def test_the_cause_is_told(case: str, cause: str | None, protocol: str, tests: Tests) -> None:
    test = test_of(tests, case, protocol)

    assert test["cause"] == cause, test
    assert test["ok"] == (cause is None)


@pytest.mark.parametrize("case", SLOW)
def test_silence_is_no_answer_after_the_servers_own_minute(case: str, tests: Tests) -> None:
    test = test_of(tests, case, "jsonrpc")

    assert test["cause"] == "no-answer", test
    assert 55 < test["seconds"] < 90
    assert "timed out" in test["message"]


def test_every_failure_has_the_servers_own_words_and_a_hint(tests: Tests) -> None:
    failed = [
        test
        for ran in tests.values()
        for test in ran.result["data"]["tests"]
        if not test["ok"] and not (test["message"] and test["hint"])
    ]

    assert failed == []


def test_a_failed_test_is_exit_code_1(tests: Tests) -> None:
    codes = {ran.result["data"]["tests"][0]["ok"]: ran.exit_code for ran in tests.values()}

    assert codes == {True: 0, False: 1}


def test_the_words_are_the_same_over_every_protocol(tests: Tests, odoo: Odoo) -> None:
    told = {
        protocol: {
            case: test_of(tests, case, protocol)["message"]
            for case in FAST
            if case != "no host"  # the older wires word it differently
        }
        for protocol in PROTOCOLS
        if protocol != "json2" or odoo.version() >= 19
    }

    assert all(messages == told["jsonrpc"] for messages in told.values())
