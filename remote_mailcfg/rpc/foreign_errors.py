"""Where the HTTP library's errors stop: each becomes one of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import BadStatusLine, InvalidURL

from urllib3 import exceptions as transport_errors

from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError, TransportError
from remote_mailcfg.model.target import Target
from remote_mailcfg.secret import SentSecrets


@contextmanager
def foreign_errors_stopped(target: Target, secrets: SentSecrets) -> Iterator[None]:
    """Turn every error of the HTTP library into one of ours; none passes this line.

    Its text may hold what the other side said, which may repeat one of the `secrets`.
    """

    def reason(error: Exception) -> str:
        return secrets.conceal(_reason(error))

    try:
        yield
    except transport_errors.ProxyError as error:
        which, hint = proxy_words(target)
        raise TransportError(
            "unreachable", f"{which} does not reach {target.url}: {reason(error)}", hint
        ) from error
    except transport_errors.SSLError as error:
        raise TransportError("tls-failed", *_tls_words(target, reason(error))) from error
    except (transport_errors.NewConnectionError, transport_errors.ConnectTimeoutError) as error:
        raise TransportError(
            "unreachable",
            f"no connection to {target.url}: {reason(error)}",
            "Check the address and the port, and that this machine may reach them.",
        ) from error
    except transport_errors.ReadTimeoutError as error:
        raise no_answer(target) from error
    except transport_errors.LocationValueError as error:
        raise _not_an_address(target, reason(error)) from error
    except transport_errors.ProtocolError as error:
        raise _protocol_error(target, error, reason(error)) from error
    except transport_errors.HTTPError as error:
        raise _broken(target, reason(error)) from error


def _protocol_error(
    target: Target, error: transport_errors.ProtocolError, reason: str
) -> RemoteMailcfgError:
    if isinstance(_cause_of(error), InvalidURL):
        return _not_an_address(target, reason)
    if _is_no_http(error):
        return TransportError(
            "not-odoo",
            f"{target.url} answers, and not in HTTP: {reason}",
            "Check the port of OPENSPP_URL, or of `url` in the inventory.",
        )
    return _broken(target, reason)


def _not_an_address(target: Target, reason: str) -> ConfigurationError:
    return ConfigurationError(
        "configuration",
        f"{target.url} is not a valid address: {reason}",
        "Check OPENSPP_URL, or `url` in the inventory.",
    )


def _is_no_http(error: transport_errors.ProtocolError) -> bool:
    """Tell whether something else than a status line came, for instance a mail server's banner."""
    cause = _cause_of(error)
    return isinstance(cause, BadStatusLine) and not isinstance(cause, ConnectionError)


def _broken(target: Target, reason: str) -> TransportError:
    return TransportError(
        "unreachable",
        f"the connection to {target.url} broke before the answer was complete: {reason}",
        "Look at the instance's log; what the call was to do may or may not have been done.",
    )


def no_answer(target: Target) -> TransportError:
    """Return the error for an answer that did not come, or not whole, in time."""
    return TransportError(
        "timeout",
        f"{target.url} did not answer within {target.timeout_seconds:g} s",
        "The call may still be running there. If the instance is slow, raise OPENSPP_TIMEOUT, or"
        " `timeout` in the inventory.",
    )


def is_reset(error: TransportError) -> bool:
    """Tell whether the connection was reset or closed by the other side, without an answer.

    A server may close an idle connection just as the next request is on its way.
    """
    foreign = error.__cause__
    return isinstance(foreign, transport_errors.ProtocolError) and isinstance(
        _cause_of(foreign), ConnectionResetError
    )


def proxy_words(target: Target) -> tuple[str, str]:
    """Return which HTTP proxy is used, and where to check it; only a target's own is shown."""
    if target.proxy:
        return f"the HTTP proxy {target.proxy}", "Check `proxy` in the inventory."
    return "the HTTP proxy of the environment", "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY."


def _reason(error: Exception) -> str:
    """Return the innermost cause in one line: the outer ones repeat it with object addresses."""
    inner: BaseException = error
    while (deeper := _cause_of(inner)) is not None:
        inner = deeper
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner).rpartition(">: ")[2].strip() or type(inner).__name__


def _cause_of(error: BaseException) -> BaseException | None:
    for candidate in (*reversed(error.args), error.__cause__):
        if isinstance(candidate, BaseException):
            return candidate
    return None


def _tls_words(target: Target, reason: str) -> tuple[str, str]:
    message = f"TLS with {target.url} failed: {reason}"
    if "certificate" in reason.lower():
        return message, (
            "Name the CA that signed the certificate in OPENSPP_CA_FILE, or `ca_file` in the"
            " inventory; OPENSPP_INSECURE_TLS=1 or `insecure_tls` trusts any certificate and is for"
            " tests only."
        )
    return message, "The port may not speak TLS: use http://, or the port that does."
