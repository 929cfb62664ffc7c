"""An HTTP/1.1 server for tests: it answers by a script and keeps what it was asked."""

import contextlib
import json
import re
import socket
import ssl
import threading
import xmlrpc.client
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from remote_mailcfg.model.target import Target
from remote_mailcfg.secret import Secret
from tests.recorded import Version, exchange

HOST = "127.0.0.1"
POLL_SECONDS = 0.005
DEADLINE_SECONDS = 10
#: What stands in the recordings for something left out, and is no XML.
PLACEHOLDER = re.compile(rb"<(frames|odoo|path)>")


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; `path` has the query in it, header names have any case."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole answer; `headers` come beside Content-Type and Content-Length."""

    status: int = 200
    content_type: str = "application/json"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def wire(self) -> bytes:
        headers = [("Content-Length", str(len(self.body))), *self.headers]
        if self.content_type:
            headers.insert(0, ("Content-Type", self.content_type))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        return f"HTTP/1.1 {self.status} Test\r\n{head}\r\n".encode("latin-1") + self.body


#: An answer that is no whole one: it writes to the socket itself, and the connection ends after it.
#: The event is set when the server stops.
Misbehaviour = Callable[[socket.socket, threading.Event], None]
Step = Reply | Misbehaviour


@dataclass(frozen=True, slots=True)
class ReplayServer:
    """A running server: its address, the requests so far and the TCP connections they took."""

    url: str
    requests: list[Request] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)

    def target(self, **values: Any) -> Target:
        """Return a target that points here; JSON-RPC and a password unless said otherwise."""
        usual: dict[str, Any] = {
            "name": "test",
            "url": self.url,
            "database": "odoo17",
            "login": "admin",
            "password": Secret("admin"),
            "protocol": "jsonrpc",
            "timeout_seconds": 5.0,
        }
        return Target(**(usual | values))

    @property
    def paths(self) -> list[str]:
        return [f"{it.method} {it.path}" for it in self.requests]


def recorded(version: Version, name: str, index: int = 0) -> Reply:
    """Return a real answer, kept alive."""
    response = exchange(version, name, index).response
    body = response.content
    if response.headers.get("Content-Type", "").startswith("text/xml"):
        body = PLACEHOLDER.sub(rb"[\1]", body)
    names = {"Set-Cookie", "Location", "WWW-Authenticate"} & response.headers.keys()
    return Reply(
        status=response.status,
        content_type=response.headers.get("Content-Type", ""),
        body=body,
        headers=tuple((name, response.headers[name]) for name in sorted(names)),
    )


def json_reply(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an answer with JSON, as JSON-2 gives it."""
    return Reply(status=status, body=json.dumps(value).encode(), headers=_pairs(headers))


def rpc_reply(result: Any, *, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a JSON-RPC result."""
    return json_reply({"jsonrpc": "2.0", "id": 1, "result": result}, headers=headers)


def rpc_error(name: str, message: str, **more: Any) -> Reply:
    """Return a JSON-RPC error with the class name and the text of an exception."""
    data = {"name": name, "message": message, "debug": "Traceback …"} | more
    error = {"code": 200, "message": "Odoo Server Error", "data": data}
    return json_reply({"jsonrpc": "2.0", "id": 1, "error": error})


def xml_reply(value: Any) -> Reply:
    """Return an XML-RPC result, or the fault that `value` is."""
    response = value if isinstance(value, xmlrpc.client.Fault) else (value,)
    return raw_xml(xmlrpc.client.dumps(response, methodresponse=True))


def raw_xml(text: str) -> Reply:
    """Return an answer with this XML."""
    return Reply(content_type="text/xml; charset=utf-8", body=text.encode())


def html_reply(status: int, title: str = "", *, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a page, as proxies and other web servers give it."""
    page = f"<html><head><title>{title}</title></head></html>" if title else "<html></html>"
    return Reply(status, "text/html; charset=utf-8", page.encode(), _pairs(headers))


def silence(connection: socket.socket, stopping: threading.Event) -> None:
    """Answer nothing until the server stops."""
    del connection
    stopping.wait(DEADLINE_SECONDS)


@contextlib.contextmanager
def replay(*script: Step, tls: ssl.SSLContext | None = None) -> Iterator[ReplayServer]:
    """Serve the script's steps in order, one for each request, on a free port of 127.0.0.1.

    Every step must be asked for, and nothing more: the number of requests is part of each test.
    """
    steps = deque(script)
    unexpected: list[Request] = []
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            server.connections.append(self.request)
            super().setup()

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            asked = Request(self.command, self.path, self.headers, self.rfile.read(length))
            server.requests.append(asked)
            if not steps:
                unexpected.append(asked)
            step = steps.popleft() if steps else html_reply(500, "the script is over")
            if isinstance(step, Reply):
                self.wfile.write(step.wire)
            else:
                self.close_connection = True
                with contextlib.suppress(OSError):  # the client may leave before we are done
                    step(self.connection, stopping)

        do_CONNECT = do_GET = do_POST = _answer  # noqa: N815 - http.server looks these names up

        def log_message(self, *_: object) -> None:
            """Say nothing: the requests are kept."""

    class Listener(ThreadingHTTPServer):
        daemon_threads = False

        def finish_request(self, request: Any, client_address: Any) -> None:
            if tls is None:
                super().finish_request(request, client_address)
                return
            # A client that does not trust us breaks off: the test sees it there.
            with (
                contextlib.suppress(OSError),
                tls.wrap_socket(request, server_side=True) as encrypted,
            ):
                super().finish_request(encrypted, client_address)

    listener = Listener((HOST, 0), Handler)
    scheme = "https" if tls else "http"
    server = ReplayServer(f"{scheme}://{HOST}:{listener.server_address[1]}")
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
    assert not unexpected, f"asked beyond the script: {[it.path for it in unexpected]}"
    assert not steps, f"never asked for: {list(steps)}"


def _pairs(headers: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple((headers or {}).items())
