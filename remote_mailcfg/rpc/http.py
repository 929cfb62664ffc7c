"""One pooled, keep-alive HTTP client for one instance: the only place that touches the network.

It knows about TLS, proxies, time limits, the size of an answer and cookies; it knows nothing of
Odoo. A redirect is never followed: the caller sees it and says where it points.
"""

import base64
import logging
import ssl
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import urllib3

from remote_mailcfg import __version__
from remote_mailcfg.errors import ConfigurationError, TransportError
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.foreign_errors import foreign_errors_stopped, no_answer

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
CONNECT_TIMEOUT_SECONDS: Final = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the headers (any case) and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(slots=True)
class CookieJar:
    """The cookies of one address and one database; it is never shared with another."""

    cookies: dict[str, str] = field(default_factory=dict)

    def header(self) -> dict[str, str]:
        """Return the `Cookie` header to send, or nothing."""
        if not self.cookies:
            return {}
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def keep(self, set_cookie: list[str]) -> None:
        """Take over what the server set, and drop what it let expire."""
        for line in set_cookie:
            try:
                morsels = SimpleCookie(line).values()
            except CookieError:  # a proxy's, with a name that is none: Odoo's own is well formed
                continue
            for morsel in morsels:
                if morsel["max-age"] == "0":
                    self.cookies.pop(morsel.key, None)
                else:
                    self.cookies[morsel.key] = morsel.value


class HttpClient:
    """Sends requests to the address of one target, one after the other, over one connection."""

    def __init__(self, target: Target, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._target = target
        self._max_answer_bytes = max_answer_bytes
        self._headers = {"User-Agent": f"remote-mailcfg/{__version__}"}
        if target.http_basic:
            self._headers["Authorization"] = _basic(target.http_basic.reveal())
        self._pool = _open_pool(target)

    def request(
        self,
        method: str,
        path: str,
        *,
        what: str = "",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        jar: CookieJar | None = None,
    ) -> Answer:
        """Send one request and return its answer, whatever its status.

        `path` starts with a slash and comes after the target's address; `what` names the call in
        the log. Raises `TransportError`: `unreachable`, `timeout`, `tls-failed`, `not-odoo` (an
        answer over the size limit); `ConfigurationError` for a value that no header can carry.
        """
        url = self._target.url + path
        sent = self._headers | dict(headers or {}) | (jar.header() if jar else {})
        _check_headers(sent)
        started = time.monotonic()
        with foreign_errors_stopped(self._target):
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(
                    connect=min(CONNECT_TIMEOUT_SECONDS, self._target.timeout_seconds),
                    read=self._target.timeout_seconds,
                ),
            )
            answer_body = self._read(response, started)
        if jar:
            jar.keep(response.headers.getlist("set-cookie"))
        logger.info(
            "%s %s %s -> %d, %d bytes, %d ms",
            method,
            url,
            what,
            response.status,
            len(answer_body),
            (time.monotonic() - started) * 1000,
        )
        return Answer(response.status, response.headers, answer_body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def _read(self, response: urllib3.BaseHTTPResponse, started: float) -> bytes:
        """Read the body within the time limit and the size limit, then free the connection.

        A socket's own time limit starts anew with every byte; a server that drips is stopped by
        the clock.
        """
        parts: list[bytes] = []
        size = 0
        try:
            while part := response.read1(65536):
                parts.append(part)
                size += len(part)
                self._check_limits(size, started)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return b"".join(parts)

    def _check_limits(self, size: int, started: float) -> None:
        if size > self._max_answer_bytes:
            raise TransportError(
                "not-odoo",
                f"{self._target.url} sent more than {self._max_answer_bytes} bytes in one answer",
                "Check that the address is that of Odoo.",
            )
        if time.monotonic() - started > self._target.timeout_seconds:
            raise no_answer(self._target)


def _open_pool(target: Target) -> urllib3.PoolManager:
    parts = urlsplit(target.url)
    context = _tls_context(target) if parts.scheme == "https" else None
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return _open_proxy_pool(proxy, context)
    return urllib3.PoolManager(maxsize=1, ssl_context=context)


def _open_proxy_pool(proxy: str, context: ssl.SSLContext | None) -> urllib3.ProxyManager:
    with suppress(ValueError):  # which may hold the proxy's password
        credentials = urlsplit(proxy)
        headers = None
        if credentials.username:
            pair = f"{credentials.username}:{credentials.password or ''}"
            headers = {"Proxy-Authorization": _basic(unquote(pair))}
        return urllib3.ProxyManager(proxy, maxsize=1, proxy_headers=headers, ssl_context=context)
    raise ConfigurationError(
        "configuration",
        "the HTTP proxy of the environment is not an address of the form http://host:port",
        "Check HTTP_PROXY and HTTPS_PROXY.",
    )


def _basic(pair: str) -> str:
    """Return the header of HTTP Basic for `user:password`, in UTF-8 (RFC 7617)."""
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _check_headers(headers: Mapping[str, str]) -> None:
    """Refuse what no header can carry, before the library does: its error shows the value."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ConfigurationError(
                "configuration",
                f"the value for the HTTP header {name} has a character that a header cannot carry",
                "Look for a line break or a letter outside ASCII in OPENSPP_API_KEY or OPENSPP_DB.",
            )


def _tls_context(target: Target) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if target.ca_file:
        try:
            context.load_verify_locations(cafile=target.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(
                "configuration", f"OPENSPP_CA_FILE: {target.ca_file} is no readable PEM certificate"
            ) from error
    if target.insecure_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return context
