"""Run one function on each target; what fails is a value in its place and stops nothing else."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.target import Target

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What came of one target: a result, an error of the user's or the server's, or our own bug."""

    target: Target
    result: T | None = None
    error: RemoteMailcfgError | None = None
    crash: Exception | None = None


def run_on(targets: Iterable[Target], function: Callable[[Target], T]) -> Iterator[Outcome[T]]:
    """Yield one outcome for each target, in order."""
    for target in targets:
        try:
            yield Outcome(target, result=function(target))
        except RemoteMailcfgError as error:
            yield Outcome(target, error=error)
        except Exception as crash:  # noqa: BLE001 - a bug is reported as one, the others still run
            yield Outcome(target, crash=crash)
