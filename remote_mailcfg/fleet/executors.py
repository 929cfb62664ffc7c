"""Where the calls of a fleet run: one after the other, in threads, or on a Dask cluster."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, ParamSpec, TypeVar
from urllib.parse import urlsplit

from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.rpc.interruption import begin_interruption, end_interruption

P = ParamSpec("P")
T = TypeVar("T")

#: How long an interrupted run may take to put right what it has begun.
CLEAN_UP_SECONDS: Final = 0.7

#: The packages of the extra.
EXTRA: Final = frozenset({"dask", "distributed"})


@contextmanager
def open_executor(address: str, workers: int) -> Iterator[Executor]:
    """Open what runs calls: here where `address` is empty, else on the Dask cluster it names.

    Here, one worker runs each call as it is submitted, and more are threads. A cluster
    (`dask://HOST:PORT`) has its own number of workers; functions, arguments and results travel
    there by pickle. Every call is begun once, whatever becomes of it.

    The end of the context waits for the calls; one that is interrupted drops those that have not
    begun, breaks off the others' requests and gives them a moment to clean up. Raises
    `ConfigurationError` for an address that means nothing, an extra that is not installed, or a
    cluster that cannot take the calls.
    """
    with _open(address, workers) as executor:
        try:
            yield executor
        except Exception:
            executor.shutdown(cancel_futures=True)
            raise
        except BaseException:  # an interrupt; what runs may hang in a socket
            executor.shutdown(wait=False, cancel_futures=True)
            if isinstance(executor, _DaemonThreads):
                executor.interrupt()
            raise
        executor.shutdown()


class _Inline(Executor):
    """Runs each call at once, in the thread that submits it."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is the future's
            future.set_exception(error)
        return future


class _DaemonThreads(Executor):
    """Runs calls in threads that the interpreter does not wait for when it ends.

    It does for those of `ThreadPoolExecutor`, so that an interrupted command would stay until each
    socket has given up.
    """

    def __init__(self, workers: int) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._is_shut = False
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self._is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[T] = Future()
        self._calls.put((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(
        self,
        wait: bool = True,  # noqa: FBT001, FBT002 - an Executor's
        *,
        cancel_futures: bool = False,
    ) -> None:
        self._is_shut = True
        if cancel_futures:
            self._cancel_pending()
        for _ in self._threads:
            self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def interrupt(self) -> None:
        """Break off what runs, and give it a moment to clean up."""
        begin_interruption()
        give_up_at = time.monotonic() + CLEAN_UP_SECONDS
        for thread in self._threads:
            thread.join(max(0, give_up_at - time.monotonic()))
        end_interruption()

    def _cancel_pending(self) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except Empty:
                return
            if call is not None:
                call[0].cancel()
                call[0].set_running_or_notify_cancel()  # wakes who waits for it

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            _settle(*call)
            del call  # or its result would stay until the next one


def _settle(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - who waits for the future must be told
        future.set_exception(error)
    else:
        future.set_result(result)


def _open(address: str, workers: int) -> AbstractContextManager[Executor]:
    if address:
        _refuse_unknown(address)
        return _open_cluster(address)
    return nullcontext(_Inline() if workers == 1 else _DaemonThreads(workers))


def _refuse_unknown(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_known = parts.scheme == "dask" and parts.hostname and parts.port
    except ValueError:
        is_known = False
    if not is_known:
        raise ConfigurationError(
            "configuration",
            "--executor is not an address of an executor",
            "Give dask://HOST:PORT, or leave it out: calls then run in threads, see --workers.",
        )


def _open_cluster(address: str) -> AbstractContextManager[Executor]:
    try:
        from remote_mailcfg.fleet.dask_cluster import open_cluster  # noqa: PLC0415 - slow
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        raise ConfigurationError(
            "configuration",
            f"the Python package {error.name} of the extra `dask` is not installed",
            "pip install 'remote-mailcfg[dask]'",
        ) from None
    return open_cluster(address)
