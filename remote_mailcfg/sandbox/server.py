"""Serves instances of the stand-in over HTTP on 127.0.0.1: one at the root, several by prefix."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request

from remote_mailcfg.sandbox.application import Application
from remote_mailcfg.sandbox.database import Database
from remote_mailcfg.sandbox.fault import BrokenOffError
from remote_mailcfg.sandbox.misbehaviour import Misbehaving
from remote_mailcfg.sandbox.odoo import Odoo

HOST = "127.0.0.1"
POLL_SECONDS = 0.005
DEADLINE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Served:
    """A running instance: its address, what it knows, the requests so far, and its faults.

    `requests` are kept only if `serve` is told to remember them. `held` is set once a request waits
    that will get no answer.
    """

    name: str
    url: str
    odoo: Odoo
    requests: list[Request]
    misbehaving: Misbehaving
    held: threading.Event

    @property
    def database(self) -> Database:
        """The first of its databases."""
        return self.odoo.first


class _Handler(WSGIRequestHandler):
    """Says nothing on standard error; closes what is broken off."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        del error, environ
        self.close_connection = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        del type, message, args


class _BreakingOff:
    """Leaves a request without an answer where a test wants that."""

    def __init__(self, application: Application, stopping: threading.Event) -> None:
        self._application = application
        self._stopping = stopping
        self.held = threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        try:
            return self._application(environ, start_response)
        except BrokenOffError as broken:
            if broken.hang:
                self.held.set()
                self._stopping.wait(DEADLINE_SECONDS)
            raise ConnectionResetError from broken  # what the server takes for a client that left


@contextlib.contextmanager
def serve(
    odoos: Mapping[str, Odoo], *, port: int = 0, remembers: bool = False
) -> Iterator[list[Served]]:
    """Serve instances by name; `port` 0 takes a free one.

    With `remembers`, all requests are kept, for a test to look at. One instance has the root of the
    address, several have `/NAME` each. Raises `OSError` where the port cannot be had.
    """
    stopping = threading.Event()
    prefixed = len(odoos) > 1
    applications = {name: Application(odoo, remembers=remembers) for name, odoo in odoos.items()}
    breaking = {name: _BreakingOff(it, stopping) for name, it in applications.items()}
    misbehaving = {name: Misbehaving(it) for name, it in breaking.items()}
    mounts: dict[str, Any] = {f"/{name}": it for name, it in misbehaving.items()}
    root = DispatcherMiddleware(NotFound(), mounts) if prefixed else next(iter(mounts.values()))
    with socket.create_server((HOST, port)) as listener:  # werkzeug exits where a port is in use
        server = make_server(
            HOST, port, root, threaded=True, request_handler=_Handler, fd=listener.fileno()
        )
    address = f"http://{HOST}:{server.port}"
    with _running(server):
        try:
            yield [
                Served(
                    name=name,
                    url=f"{address}/{name}" if prefixed else address,
                    odoo=odoos[name],
                    requests=applications[name].requests,
                    misbehaving=misbehaving[name],
                    held=breaking[name].held,
                )
                for name in odoos
            ]
        finally:
            stopping.set()
            for it in misbehaving.values():
                it.stopping.set()


@contextlib.contextmanager
def _running(server: BaseWSGIServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
