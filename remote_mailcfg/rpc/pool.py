"""The way to an instance: TLS, and the HTTP proxy in between."""

import base64
import ssl
import threading
import urllib.request
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import urllib3

from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.foreign_errors import proxy_words
from remote_mailcfg.rpc.interruption import Connection, TlsConnection
from remote_mailcfg.secret import Secret, SentSecrets

_TLS_LOCK: Final = threading.Lock()


def open_pool(target: Target, secrets: SentSecrets) -> urllib3.PoolManager:
    """Return a pool of one connection; through the target's proxy, else the environment's.

    The proxy's user and password are added to `secrets`.
    Raises `ConfigurationError` for a CA file or a proxy that cannot be used.
    """
    parts = urlsplit(target.url)
    context = None
    if parts.scheme == "https":
        with _TLS_LOCK:  # threads that start together wait for the first to load it
            context = _tls_context(target.ca_file, target.insecure_tls)
    if target.insecure_tls:  # every run says so itself
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    proxy = target.proxy or urllib.request.getproxies().get(parts.scheme)
    bypassed = not target.proxy and urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2])
    if proxy and not bypassed:
        return _breakable(_open_proxy_pool(target, proxy, context, secrets))
    return _breakable(urllib3.PoolManager(maxsize=1, ssl_context=context))


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = TlsConnection


def _breakable(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """Let the connections be broken off from another thread."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


def basic(pair: str) -> str:
    """Return the header of HTTP Basic for `user:password`, in UTF-8 (RFC 7617)."""
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _open_proxy_pool(
    target: Target, proxy: str, context: ssl.SSLContext | None, secrets: SentSecrets
) -> urllib3.ProxyManager:
    with suppress(ValueError):  # which may hold the proxy's password
        credentials = urlsplit(proxy)
        headers = None
        if credentials.username:
            pair = f"{credentials.username}:{credentials.password or ''}"
            headers = {"Proxy-Authorization": basic(unquote(pair))}
            secrets.add(Secret(pair), Secret(credentials.password or ""))
            secrets.add(Secret(unquote(pair)), Secret(unquote(credentials.password or "")))
        return urllib3.ProxyManager(proxy, maxsize=1, proxy_headers=headers, ssl_context=context)
    which, hint = proxy_words(target)
    raise ConfigurationError(
        "configuration", f"{which} is not an address of the form http://host:port", hint
    )


@cache
def _tls_context(ca_file: Path | None, insecure_tls: bool) -> ssl.SSLContext:  # noqa: FBT001
    """Return one context for all instances: loading the authorities of the system takes long."""
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(
                "configuration",
                f"{ca_file} is no readable PEM certificate",
                "Check OPENSPP_CA_FILE, or `ca_file` in the inventory.",
            ) from error
    if insecure_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
