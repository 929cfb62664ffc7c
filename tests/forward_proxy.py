"""A forward HTTP proxy for tests of HTTP_PROXY and HTTPS_PROXY."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from remote_mailcfg.sandbox.loop_thread import HOST, loop_thread

CHUNK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class ForwardProxy:
    """A running proxy: its address, and each request line it was given, as (method, target).

    A target is `host:port` for CONNECT and a whole URL for plain HTTP.
    """

    url: str
    requests: list[tuple[str, str]] = field(default_factory=list)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one side ends, then end the other."""
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        return  # a side that breaks off has ended, too
    finally:
        writer.close()


def _for_origin(method: str, target: str, headers: list[str]) -> bytes:
    """Rewrite a proxy request for the server itself, one request a connection."""
    url = urlsplit(target)
    path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    kept = [line for line in headers if not line.lower().startswith(("connection:", "proxy-"))]
    lines = [f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


@contextlib.contextmanager
def forward_proxy() -> Iterator[ForwardProxy]:
    """Run a proxy on a free port of 127.0.0.1; it passes on CONNECT and plain HTTP requests."""
    requests: list[tuple[str, str]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        request_line, *headers = head.rstrip().split("\r\n")
        method, target, _version = request_line.split(" ")
        requests.append((method, target))
        address = urlsplit(f"//{target}" if method == "CONNECT" else target)
        try:
            origin = await asyncio.open_connection(address.hostname, address.port or 80)
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n")
            writer.close()
            return
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            origin[1].write(_for_origin(method, target, headers))
        await asyncio.gather(_pump(reader, origin[1]), _pump(origin[0], writer))

    def connection() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), serve)

    with loop_thread() as thread:
        yield ForwardProxy(f"http://{HOST}:{thread.serve(connection)}", requests)
