"""The stand-in's HTTP/1.1 server on a free port of 127.0.0.1, with keep-alive."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.stand_in.fault import BrokenOffError
from tests.stand_in.message import Request
from tests.stand_in.model import Version
from tests.stand_in.odoo import Odoo
from tests.stand_in.wires import answer

HOST = "127.0.0.1"
POLL_SECONDS = 0.005
DEADLINE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class StandIn:
    """A running stand-in: its address, what it knows, the requests and the TCP connections."""

    url: str
    odoo: Odoo
    requests: list[Request] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def stand_in(
    version: Version, *, databases: tuple[str, ...] = ("openspp",), smtp_timeout_seconds: float = 1
) -> Iterator[StandIn]:
    """Run a stand-in for Odoo of this version; `held` is set once it holds a request."""
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            server.connections.append(self.request)
            super().setup()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            server.requests.append(request)
            try:
                reply = answer(server.odoo, request)
            except BrokenOffError as broken:
                if broken.hang:
                    server.held.set()
                    stopping.wait(DEADLINE_SECONDS)
                self.close_connection = True
                return
            head = [f"HTTP/1.1 {reply.status} Stand-in", f"Content-Type: {reply.content_type}"]
            head += [f"{name}: {value}" for name, value in reply.headers.items()]
            head += [f"Content-Length: {len(reply.body)}", "\r\n"]
            with contextlib.suppress(OSError):  # the client may have left
                self.wfile.write("\r\n".join(head).encode() + reply.body)

        do_GET = do_POST = _answer  # noqa: N815 - http.server looks these names up

        def log_message(self, *_: object) -> None:
            """Say nothing: the requests are kept."""

    class Listener(ThreadingHTTPServer):
        daemon_threads = False

    listener = Listener((HOST, 0), Handler)
    odoo = Odoo(version, databases, smtp_timeout_seconds)
    server = StandIn(f"http://{HOST}:{listener.server_address[1]}", odoo)
    thread = threading.Thread(target=listener.serve_forever, args=(POLL_SECONDS,))
    thread.start()
    try:
        yield server
    finally:
        stopping.set()
        listener.shutdown()
        thread.join()
        for connection in server.connections:
            with contextlib.suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_RDWR)
        listener.server_close()  # waits for the threads of the connections
