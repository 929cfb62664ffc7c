"""An HTTP server that passes requests on and can hold one of them, before or after the server."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

HOST = "127.0.0.1"
DEADLINE_SECONDS = 60
POLL_SECONDS = 0.05

#: Whether the request that is held has reached the server already, and only its answer waits.
Where = Literal["request", "answer"]

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass(slots=True)
class PassThrough:
    """A running one. `held` is set when the request number `hold` (from 1) waits for `release`."""

    url: str = ""
    hold: int = 0
    where: Where = "request"
    requests: list[str] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    dropped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, line: str) -> int:
        with self._lock:
            self.requests.append(line)
            return len(self.requests)

    def drop(self) -> None:
        """Let the held request end without an answer, and hold no other."""
        self.hold = 0
        self.dropped = True
        self.release.set()

    def wait(self) -> bool:
        """Hold a request; tell whether it is to go on."""
        self.held.set()
        return self.release.wait(DEADLINE_SECONDS) and not self.dropped


class _Server(ThreadingHTTPServer):
    def __init__(self, upstream: str, running: PassThrough) -> None:
        super().__init__((HOST, 0), _Handler)
        self.place = urlsplit(upstream).netloc
        self.running = running


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _pass(self) -> None:
        assert isinstance(self.server, _Server)
        running = self.server.running
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_held = running.count(f"{self.command} {self.path}") == running.hold
        if is_held and running.where == "request" and not running.wait():
            return
        status, headers, content = self._ask(self.server.place, body)
        if is_held and running.where == "answer" and not running.wait():
            return
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _ask(self, place: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        headers = {n: v for n, v in self.headers.items() if n.lower() not in HOP_BY_HOP}
        connection = http.client.HTTPConnection(place, timeout=DEADLINE_SECONDS)
        try:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


@contextlib.contextmanager
def pass_through(
    upstream: str, *, hold: int = 0, where: Where = "request"
) -> Iterator[PassThrough]:
    """Pass requests on to `upstream`; on leaving, what is still held is dropped."""
    running = PassThrough(hold=hold, where=where)
    with _Server(upstream, running) as server:
        running.url = f"http://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        try:
            yield running
        finally:
            running.drop()
            server.shutdown()
            thread.join()
