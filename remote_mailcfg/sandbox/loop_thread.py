"""An asyncio loop in a thread for network servers, which leaves no connection open."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import cast

HOST = "127.0.0.1"
DEADLINE_SECONDS = 10


class LoopThread:
    """Starts servers on a loop that runs in another thread; made by `loop_thread`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._servers: list[asyncio.Server] = []
        self.accepted: list[asyncio.Transport] = []
        self.handshakes: set[asyncio.Task[None]] = set()  # kept, or they could be collected

    def serve(
        self,
        protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
    ) -> int:
        """Serve a protocol on a free port of 127.0.0.1, with TLS from the first byte if given.

        Returns the port.
        """
        start = self._loop.create_server(lambda: _Accept(self, protocol, tls), HOST, 0)
        server = asyncio.run_coroutine_threadsafe(start, self._loop).result(DEADLINE_SECONDS)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Close the servers and abort what is still connected to them."""
        for server in self._servers:
            server.close()
        for transport in self.accepted:
            transport.abort()
        await asyncio.sleep(0)  # one turn of the loop, in which the connections are lost
        if serving := asyncio.all_tasks() - {asyncio.current_task()}:
            # They end by themselves; cancelled, a task of asyncio's streams logs an error on 3.11.
            _ended, stuck = await asyncio.wait(serving, timeout=DEADLINE_SECONDS / 2)
            for task in stuck:
                task.cancel()


class _Accept(asyncio.Protocol):
    """Notes a new connection, then hands it to the protocol that serves it."""

    def __init__(
        self,
        owner: LoopThread,
        protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._owner = owner
        self._protocol = protocol
        self._tls = tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = cast("asyncio.Transport", transport)
        self._owner.accepted.append(connection)
        if self._tls is None:
            protocol = self._protocol()
            connection.set_protocol(protocol)
            protocol.connection_made(connection)
        else:
            # Not create_server(ssl=…), which gives no hold on a connection before its handshake.
            task = asyncio.get_running_loop().create_task(self._start_tls(connection, self._tls))
            self._owner.handshakes.add(task)
            task.add_done_callback(self._owner.handshakes.discard)

    async def _start_tls(self, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            encrypted = await loop.start_tls(transport, asyncio.Protocol(), tls, server_side=True)
        except OSError:  # a client that left or does not trust us: it is told there
            return
        if encrypted is None or transport.is_closing():
            return
        protocol = self._protocol()
        encrypted.set_protocol(protocol)
        protocol.connection_made(encrypted)


@contextlib.contextmanager
def loop_thread() -> Iterator[LoopThread]:
    """Run a loop in a thread; on leaving, its servers, connections and tasks are gone."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox servers")
    thread.start()
    owner = LoopThread(loop)
    try:
        yield owner
    finally:
        asyncio.run_coroutine_threadsafe(owner.close(), loop).result(DEADLINE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
