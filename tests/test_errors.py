"""Every error ends as one of ours, with a code that scripts can rely on."""

import ast
import http.client
import inspect
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from urllib3 import exceptions as foreign
from urllib3.connection import HTTPConnection

import remote_mailcfg
from remote_mailcfg import errors
from remote_mailcfg.errors import (
    USAGE_CODES,
    ConfigurationError,
    LoginError,
    OdooError,
    RemoteMailcfgError,
    TransportError,
)
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.http import HttpClient

PACKAGE = Path(remote_mailcfg.__file__).parent
#: Without the sandbox, whose codes are Odoo's.
MODULES = sorted({*PACKAGE.rglob("*.py")} - {*(PACKAGE / "sandbox").rglob("*.py")})

#: The codes of the command line's description. None is renamed or reused.
CODES = frozenset(
    {
        "unreachable",
        "timeout",
        "tls-failed",
        "not-odoo",
        "redirected",
        "rate-limited",
        "database-not-given",
        "database-not-found",
        "authentication-failed",
        "two-factor-required",
        "api-key-not-accepted",
        "session-expired",
        "access-denied",
        "invalid-value",
        "not-found",
        "ambiguous",
        "in-use",
        "refused-by-odoo",
        "test-failed",
        "not-verified",
        "unsafe-plan",
        "stale-plan",
        "journal-failed",
        "crashed",
    }
)
#: Those that were added since, and what they mean.
NEW_CODES = frozenset(
    {
        "already-exists",  # a record has that name
        "busy",  # another run on this machine has the lock
        "check-failed",  # a step of `check` is not ok
        "configuration",  # settings that cannot be right
        "state-damaged",  # a file of the state folder does not tell what it was kept for
        "declined",  # the question was answered with no
        "history-failed",  # the file with earlier audits is damaged, newer, or held
        "http-basic-required",  # a proxy in front wants a password of its own
        "interrupted",  # the user broke off before this instance was done
        "mail-not-sent",  # the test mail did not leave
        "notification-failed",  # the service did not take it
        "missing-value",  # a value that is required is not given
        "not-tried",  # too much had failed in the waves before
        "not-saved",  # the new key could not be put where it was to go
        "server-archived",  # Odoo sends through no archived server
    }
)


# The classes


def test_one_except_clause_catches_all_of_ours() -> None:
    classes = [it for _, it in inspect.getmembers(errors, inspect.isclass)]
    ours = [it for it in classes if it.__module__ == errors.__name__]

    assert len(ours) >= 5
    assert [it for it in ours if not issubclass(it, RemoteMailcfgError)] == []


@pytest.mark.parametrize("kind", [ConfigurationError, TransportError, LoginError, OdooError])
def test_an_error_is_a_code_a_message_and_a_hint(kind: type[RemoteMailcfgError]) -> None:
    error = kind("a-code", "what failed", "what to do")

    assert (error.code, error.message, error.hint) == ("a-code", "what failed", "what to do")
    assert str(error) == "what failed"
    assert dict(error.details) == {}


def test_a_transport_error_tells_the_status_where_there_was_an_answer() -> None:
    assert TransportError("timeout", "no").status == 0
    assert TransportError("timeout", "no", status=504).status == 504


def test_an_error_of_odoo_tells_odoos_class() -> None:
    assert OdooError("refused-by-odoo", "no").exception == ""
    assert OdooError("refused-by-odoo", "no", exception="x.UserError").exception == "x.UserError"


@pytest.mark.parametrize("code", sorted(CODES | NEW_CODES))
def test_wrong_usage_is_told_from_a_failure_by_the_code(code: str) -> None:
    is_usage = code in {"configuration", "invalid-value", "missing-value"}

    assert RemoteMailcfgError(code, "…").is_usage is is_usage


# The codes


def error_calls(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what stands for the code wherever an error of ours is made."""
    classes = inspect.getmembers(errors, inspect.isclass)
    ours = {name for name, it in classes if issubclass(it, RemoteMailcfgError)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ours:
            named = [it.value for it in node.keywords if it.arg == "code"]
            yield (node.args[:1] or named)[0]


def comparisons(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what the code of an error is compared with."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Compare)
            and isinstance(node.left, ast.Attribute)
            and node.left.attr == "code"
        ):
            yield from node.comparators


def shown(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what a report shows as a code where there is no error of ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "code":
                    yield value


def texts_of(node: ast.expr, tree: ast.AST) -> set[str]:
    """Return every text that an expression may be, through names of the same module."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.Attribute(attr="code"):
            return set()  # handed on from another error
        case ast.IfExp(body=one, orelse=other):
            return texts_of(one, tree) | texts_of(other, tree)
        case ast.Set(elts=parts) | ast.Tuple(elts=parts):
            return set().union(*(texts_of(part, tree) for part in parts))
        case ast.Call(func=ast.Name(id="frozenset"), args=[part]):
            return texts_of(part, tree)
        case ast.Name(id=name):
            found = {text for value in assigned(name, tree) for text in texts_of(value, tree)}
            assert found, f"where does {name} come from?"
            return found
    raise AssertionError(f"a code that is not written out: {ast.unparse(node)}")


def assigned(name: str, tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if (
                target == name
            ):
                yield value


def codes_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    is_shown = path.relative_to(PACKAGE).parts[0] == "report"
    nodes = (*error_calls(tree), *comparisons(tree), *(shown(tree) if is_shown else ()))
    return {text for node in nodes for text in texts_of(node, tree)}


@pytest.mark.parametrize(
    "path",
    MODULES,
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_every_code_of_a_module_is_described(path: Path) -> None:
    assert codes_in(path) - CODES - NEW_CODES == set()


def test_every_new_code_is_used() -> None:
    used = set().union(*(codes_in(path) for path in MODULES))

    assert NEW_CODES - used == set()


def test_the_codes_of_wrong_usage_are_described() -> None:
    assert set() == USAGE_CODES - CODES - NEW_CODES


# What urllib3 raises

POOL = urllib3.HTTPConnectionPool("spp.example")
CONNECTION = HTTPConnection("spp.example")
RAISED: dict[foreign.HTTPError, str] = {
    foreign.HTTPError("x"): "unreachable",
    foreign.PoolError(POOL, "x"): "unreachable",
    foreign.RequestError(POOL, "/", "x"): "unreachable",
    foreign.SSLError(ssl.SSLError(1, "x")): "tls-failed",
    foreign.ProxyError("x", OSError("y")): "unreachable",
    foreign.DecodeError("x"): "unreachable",
    foreign.ProtocolError("x", ConnectionResetError(104, "reset")): "unreachable",
    foreign.MaxRetryError(POOL, "/", ValueError("x")): "unreachable",
    foreign.HostChangedError(POOL, "/"): "unreachable",
    foreign.TimeoutStateError("x"): "unreachable",
    foreign.TimeoutError("x"): "unreachable",
    foreign.ReadTimeoutError(POOL, "/", "x"): "timeout",
    foreign.ConnectTimeoutError(CONNECTION, "x"): "unreachable",
    foreign.NewConnectionError(CONNECTION, "x"): "unreachable",
    foreign.NameResolutionError("spp.example", CONNECTION, socket.gaierror(-2, "x")): "unreachable",
    foreign.EmptyPoolError(POOL, "x"): "unreachable",
    foreign.FullPoolError(POOL, "x"): "unreachable",
    foreign.ClosedPoolError(POOL, "x"): "unreachable",
    foreign.LocationValueError("x"): "configuration",
    foreign.LocationParseError("x"): "configuration",
    foreign.URLSchemeUnknown("x"): "configuration",
    foreign.ProxySchemeUnknown("x"): "configuration",
    foreign.ResponseError("x"): "unreachable",
    foreign.ResponseNotChunked("x"): "unreachable",
    foreign.BodyNotHttplibCompatible("x"): "unreachable",
    foreign.IncompleteRead(1, 2): "unreachable",
    foreign.InvalidChunkLength(urllib3.HTTPResponse(), b"x"): "unreachable",
    foreign.InvalidHeader("x"): "unreachable",
    foreign.HeaderParsingError([], b"x"): "unreachable",
    foreign.UnrewindableBodyError("x"): "unreachable",
}


def test_every_exception_class_of_urllib3_is_considered() -> None:
    classes = {
        it
        for _, it in inspect.getmembers(foreign, inspect.isclass)
        if issubclass(it, foreign.HTTPError) and it.__module__ == foreign.__name__
    }

    assert classes == {type(error) for error in RAISED}


@pytest.mark.parametrize(
    ("error", "code"), RAISED.items(), ids=[type(error).__name__ for error in RAISED]
)
def test_an_exception_of_urllib3_ends_as_one_of_ours(
    error: foreign.HTTPError, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(urllib3.PoolManager, "request", fail)
    target = Target(name="spp", url="http://spp.example")

    with HttpClient(target) as http, pytest.raises(RemoteMailcfgError) as caught:
        http.request("GET", "/")

    assert caught.value.code == code
    assert "http://spp.example" in caught.value.message
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(http.client.RemoteDisconnected("x"), "unreachable", id="RemoteDisconnected"),
        pytest.param(http.client.BadStatusLine("x"), "not-odoo", id="BadStatusLine"),
        pytest.param(http.client.InvalidURL("x"), "configuration", id="InvalidURL"),
        pytest.param(ConnectionResetError(104, "x"), "unreachable", id="ConnectionResetError"),
    ],
)
def test_what_urllib3_itself_meets_on_the_wire_ends_as_one_of_ours(
    error: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(HTTPConnection, "request", fail)
    target = Target(name="spp", url="http://spp.example")

    with HttpClient(target) as http_client, pytest.raises(RemoteMailcfgError) as caught:
        http_client.request("GET", "/")

    assert caught.value.code == code
