"""What ends a request from outside its thread: its own deadline, and the interruption of a run.

A socket's time limit starts again with every byte, in each of the layers that read from it (TLS,
the tunnel of a proxy, status line, headers, chunks, compression). So one thread watches the clock
for all requests and shuts the socket of one that takes too long; whatever reads there then ends.
"""

import math
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, Self

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

#: Guards the calls and their sockets; notified when a call has to end before the others.
_CHANGED: Final = threading.Condition()
_CALLS: "Final[set[Call]]" = set()
_BEGUN: Final = threading.Event()
_OF_THREAD: Final = threading.local()


class Call:
    """One request with its deadline, in one thread, as a context.

    `is_shut` tells afterwards whether its socket was shut: what was read is then not an answer.
    """

    def __init__(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.is_shut = False
        self._socket: socket.socket | None = None

    @property
    def is_watching(self) -> bool:
        """Whether it knows its socket."""
        return self._socket is not None

    def watch(self, sock: socket.socket) -> None:
        """Take a second handle of the socket that the call reads from.

        It also reaches a socket that is being wrapped in TLS, and never another connection's,
        which may get the same number.
        """
        with _CHANGED:
            self._release()
            self._socket = socket.fromfd(sock.fileno(), socket.AF_INET, socket.SOCK_STREAM)
            is_late = time.monotonic() >= self.deadline
            if is_late or (_BEGUN.is_set() and not _is_told()):
                self.shut()

    def shut(self) -> None:
        """End whatever waits for the socket; the lock is held."""
        if self._socket is not None:
            self.is_shut = True
            with suppress(OSError):  # the other side was faster
                self._socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        _OF_THREAD.call = self
        with _CHANGED:
            _CALLS.add(self)
            _watch_until(self.deadline)
        return self

    def __exit__(self, *_: object) -> None:
        _OF_THREAD.call = None
        with _CHANGED:
            _CALLS.discard(self)
            self._release()

    def _release(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Watch:
    """The thread that watches the clock, from the first call on."""

    thread: threading.Thread | None = None
    wakes_at = math.inf


def _watch_until(deadline: float) -> None:
    """See to it that the clock is looked at by then; the lock is held."""
    if _Watch.thread is None or not _Watch.thread.is_alive():  # a forked process has none
        _Watch.thread = threading.Thread(target=_watch_clock, name="deadlines", daemon=True)
        _Watch.thread.start()
    if deadline < _Watch.wakes_at:
        _CHANGED.notify()


def _watch_clock() -> None:
    with _CHANGED:
        while True:
            now = time.monotonic()
            for call in [it for it in _CALLS if it.deadline <= now]:
                _CALLS.discard(call)
                call.shut()
            _Watch.wakes_at = min((it.deadline for it in _CALLS), default=math.inf)
            _CHANGED.wait(None if math.isinf(_Watch.wakes_at) else _Watch.wakes_at - now)


class Connection(HTTPConnection):
    """A connection whose socket is shut when the call of its thread has to end."""

    def _new_conn(self) -> socket.socket:
        """Connect to one address of the host after the other, all before the call's deadline.

        urllib3 gives each of them the whole time limit.
        """
        name, limit = self._dns_host, self.timeout
        addresses = deque(_resolve(self))
        call: Call | None = getattr(_OF_THREAD, "call", None)
        while True:
            self._dns_host = addresses.popleft()
            if call is not None and limit is not None:
                self.timeout = max(0.001, min(limit, call.deadline - time.monotonic()))
            try:
                sock = super()._new_conn()
            except (NewConnectionError, ConnectTimeoutError):
                if not addresses or (call is not None and time.monotonic() >= call.deadline):
                    raise
                continue
            finally:
                self._dns_host, self.timeout = name, limit
            if call is not None:
                call.watch(sock)
            return sock

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        """Begin a request, maybe on a connection that was open before the call."""
        call: Call | None = getattr(_OF_THREAD, "call", None)
        if call is not None and self.sock is not None and not call.is_watching:
            call.watch(self.sock)
        super().putrequest(*args, **kwargs)


class TlsConnection(Connection, HTTPSConnection):
    """The same with TLS."""


def _resolve(connection: HTTPConnection) -> Iterable[str]:
    """Return the addresses of a connection's host as numbers."""
    host = connection._dns_host.strip("[]")  # noqa: SLF001 - the name with its dot at the end
    try:
        found = socket.getaddrinfo(host, connection.port, allowed_gai_family(), socket.SOCK_STREAM)
    except UnicodeError:
        return [host]  # which urllib3 refuses in its own words
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    numbers = (socket.getnameinfo(it[4], socket.NI_NUMERICHOST)[0] for it in found)
    return dict.fromkeys(numbers) or [host]


def begin_interruption() -> None:
    """Wake every thread that waits for an answer; `check_interruption` tells each of them."""
    _BEGUN.set()
    with _CHANGED:
        for call in _CALLS:
            call.shut()


def end_interruption() -> None:
    """Let requests be as they were."""
    _BEGUN.clear()


def check_interruption() -> None:
    """Raise `KeyboardInterrupt` in a thread that has not been told yet."""
    if _BEGUN.is_set() and not _is_told():
        _OF_THREAD.is_told = True
        raise KeyboardInterrupt


def _is_told() -> bool:
    return getattr(_OF_THREAD, "is_told", False)
