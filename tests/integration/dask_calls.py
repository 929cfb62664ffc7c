"""What the tests send to a Dask cluster, and how they see it run."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import distributed

from remote_mailcfg.errors import OdooError

DEADLINE_SECONDS = 20


def refuse(text: str) -> None:
    error = OdooError("refused-by-odoo", text, "Ask.", exception="odoo.exceptions.UserError")
    error.details = {"of": os.getpid()}
    raise error


def fail(text: str) -> None:
    raise LookupError(text)


def meet(port: int) -> int:
    """Tell the test that the call runs, and where; wait until the test hangs up."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"%d\n" % os.getpid())
        client.recv(1)
    return os.getpid()


def marks(dask_scheduler: distributed.Scheduler) -> set[object]:
    return {*dask_scheduler.task_metadata}


@contextmanager
def meeting() -> Iterator[tuple[int, Callable[[], tuple[int, socket.socket]]]]:
    """Yield a port for `meet`, and what waits for the next call: its process and its line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE_SECONDS)

        def accept() -> tuple[int, socket.socket]:
            line, _ = listener.accept()
            with line.makefile() as file:
                return int(file.readline()), line

        yield listener.getsockname()[1], accept
