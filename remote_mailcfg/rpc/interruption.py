"""Breaking off the requests of a run: each thread learns of it once, and may then clean up."""

import socket
import threading
from contextlib import suppress
from typing import Final
from weakref import WeakSet

from urllib3.connection import HTTPConnection, HTTPSConnection

_LOCK: Final = threading.Lock()
_CONNECTIONS: "Final[WeakSet[HTTPConnection]]" = WeakSet()
_BEGUN: Final = threading.Event()
_TOLD: Final = threading.local()


class Connection(HTTPConnection):
    """A connection that can be broken off from another thread."""

    def connect(self) -> None:
        """Connect, and be known."""
        super().connect()
        _note(self)


class TlsConnection(HTTPSConnection):
    """The same with TLS."""

    def connect(self) -> None:
        """Connect, and be known."""
        super().connect()
        _note(self)


def _note(connection: HTTPConnection) -> None:
    with _LOCK:
        _CONNECTIONS.add(connection)


def begin_interruption() -> None:
    """Wake every thread that waits for an answer; `check_interruption` tells each of them."""
    _BEGUN.set()
    with _LOCK:
        connections = list(_CONNECTIONS)
    for connection in connections:
        sock = connection.sock
        if sock is not None:
            with suppress(OSError):  # it is closed already
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not TLS's, which would wait


def end_interruption() -> None:
    """Let requests be as they were."""
    _BEGUN.clear()


def check_interruption() -> None:
    """Raise `KeyboardInterrupt` in a thread that has not been told yet."""
    if _BEGUN.is_set() and not getattr(_TOLD, "once", False):
        _TOLD.once = True
        raise KeyboardInterrupt
