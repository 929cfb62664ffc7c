"""An existing Dask cluster as an executor; needs the extra `dask`."""

import asyncio
import logging
import pickle
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar, cast

import distributed
from distributed.versions import VersionMismatchWarning, error_message

from remote_mailcfg import __version__
from remote_mailcfg.errors import ConfigurationError, TransportError

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_SECONDS: Final = 8
LOGGERS: Final = ("distributed", "distributed.client", "tornado.application")

logger = logging.getLogger(__name__)


@contextmanager
def open_cluster(address: str) -> Iterator[Executor]:
    """Connect to the scheduler at an address, `dask://HOST:PORT`; see `open_executor`."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what matters, we say
    with _connect(address) as client:
        _refuse_other_workers(client, address)
        if logger.isEnabledFor(logging.INFO):
            _log_mismatches(client, address)
        yield _Cluster(client)


class _Cluster(Executor):
    """Dask's own executor, for calls that must not run twice."""

    def __init__(self, client: distributed.Client) -> None:
        self._executor = client.get_executor(pure=False, retries=0)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        call = pickle.dumps(partial(fn, *args, **kwargs))  # Dask would send even a lambda
        future: Future[T] = self._executor.submit(run_once, call)
        return future

    def shutdown(
        self,
        wait: bool = True,  # noqa: FBT001, FBT002 - an Executor's
        *,
        cancel_futures: bool = False,
    ) -> None:
        self._executor.shutdown(wait=wait and not cancel_futures)


def run_once(pickled: bytes) -> Any:
    """Run a call on a worker; refuse one that was begun before, on a worker that was lost.

    Dask itself would run it again, up to three times, and a change would be made again. The
    scheduler forgets the mark with the call.
    """
    client, key = distributed.get_client(), distributed.get_worker().get_current_task()
    if client.get_metadata(key, default=False):
        raise TransportError(
            "unreachable",
            "the Dask worker was lost while it was at work on this instance",
            "Look how far it came before you repeat the command.",
        )
    client.set_metadata(key, value=True)
    result = pickle.loads(pickled)()  # noqa: S301 - Dask itself unpickles whatever it is sent
    pickle.dumps(result)  # for one that cannot travel, Dask would wait for ever
    return result


def _connect(address: str) -> distributed.Client:
    place = _place_of(address)
    # and never undone: warnings are caught for the whole process, not for this thread
    warnings.simplefilter("ignore", VersionMismatchWarning)
    try:
        asyncio.run(asyncio.wait_for(_identify(place), CONNECT_SECONDS))
        client = distributed.Client(place, timeout=CONNECT_SECONDS, set_as_default=False)
    except Exception as error:
        raise ConfigurationError(
            "configuration",
            f"--executor: no Dask scheduler answers at {address}: {type(error).__name__}",
            "Start one with `dask scheduler`, and workers with `dask worker`.",
        ) from error
    return client


def _log_mismatches(client: distributed.Client, address: str) -> None:
    """Log other versions of Python and Dask on the scheduler and the workers."""
    versions = cast("dict[str, Any]", client.get_versions())
    message = error_message(versions["scheduler"], versions["workers"], versions["client"])
    if message["warning"]:
        logger.info("%s: %s", address, message["warning"])


def _place_of(address: str) -> str:
    return address.partition("://")[2]


async def _identify(place: str) -> None:
    """Ask a scheduler who it is; the client itself would wait for ever for one that is silent."""
    arguments = distributed.Security().get_connection_args("client")
    async with distributed.rpc(place, connection_args=arguments) as scheduler:
        await scheduler.identity()


def _version() -> str:
    return __version__


def _refuse_other_workers(client: distributed.Client, address: str) -> None:
    """Refuse a cluster without workers, or with one that would not understand the calls."""
    versions = client.run(_version, on_error="return")
    if not versions:
        raise ConfigurationError(
            "configuration",
            f"--executor: the Dask scheduler at {address} has no workers",
            f"Start them with `dask worker tcp://{_place_of(address)}`.",
        )
    others = [f"{worker}: {it}" for worker, it in versions.items() if it != __version__]
    if others:
        raise ConfigurationError(
            "configuration",
            f"--executor: workers of {address} without remote-mailcfg {__version__}:"
            f" {', '.join(others)}",
            "Install it on every worker and restart them.",
        )
