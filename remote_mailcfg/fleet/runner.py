"""Run one function on each instance; what fails is a value in its place and stops nothing else."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from remote_mailcfg.config.entry import Entry
from remote_mailcfg.errors import LoginError, RemoteMailcfgError, TransportError, describe_bug
from remote_mailcfg.model.target import Target

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What came of one instance: a result, an error of the user's or the server's, or our own bug.

    `target` holds no secret; `crash` tells where the bug is. An outcome pickles.
    """

    target: Target
    result: T | None = None
    error: RemoteMailcfgError | None = None
    crash: str | None = None


def attempt(work: Callable[[Entry], T], entry: Entry) -> Outcome[T]:
    """Do the work for one instance, wherever that is, and return what came of it."""
    try:
        return Outcome(entry.target, result=work(entry))
    except RemoteMailcfgError as error:
        return Outcome(entry.target, error=error)
    except Exception as bug:  # noqa: BLE001 - a bug is reported as one, the others still run
        return Outcome(entry.target, crash=describe_bug(bug))


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a run knows of its credentials: those that let it in, and who refused the others."""

    good: set[object] = field(default_factory=set)
    refused: dict[object, str] = field(default_factory=dict)

    def learn(self, credential: object, outcome: Outcome[T]) -> None:
        """Note what an outcome tells of the credential that it was tried with."""
        if isinstance(outcome.error, LoginError) and outcome.error.code == "authentication-failed":
            self.refused.setdefault(credential, outcome.target.name)
        elif not isinstance(outcome.error, TransportError):
            self.good.add(credential)


def run_on(
    entries: Sequence[Entry],
    work: Callable[[Entry], T],
    executor: Executor,
    credentials: Credentials,
) -> Iterator[tuple[int, Outcome[T]]]:
    """Yield each instance's number and outcome, in the order in which they are done.

    Instances that share a credential wait until it let one of them in. A refused one is not tried
    again: its other instances fail without a request.
    """
    waiting: dict[object, deque[int]] = defaultdict(deque)
    for number, entry in enumerate(entries):
        waiting[entry.credential].append(number)
    pending: dict[Future[Outcome[T]], int] = {}

    def start_more(credential: object) -> Iterator[tuple[int, Outcome[T]]]:
        numbers = waiting[credential]
        while numbers:
            number = numbers.popleft()
            if credential in credentials.refused:
                by = credentials.refused[credential]
                yield number, _not_tried_again(entries[number].target, by)
                continue
            pending[executor.submit(attempt, work, entries[number])] = number
            if credential not in credentials.good:
                return  # as long as nobody knows, one at a time

    for credential in list(waiting):
        yield from start_more(credential)
    while pending:
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            number = pending.pop(future)
            outcome = future.result()
            credential = entries[number].credential
            credentials.learn(credential, outcome)
            yield number, outcome
            yield from start_more(credential)


def _not_tried_again(target: Target, refused_by: str) -> Outcome[T]:
    error = LoginError(
        "authentication-failed",
        f"not tried: {refused_by}, at the same address, has just refused {target.login!r} with the"
        " same credential",
        "A refused credential is not tried twice in a run: put it right first.",
    )
    return Outcome(target, error=error)
