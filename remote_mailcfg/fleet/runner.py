"""Run one function on each instance; what fails is a value in its place and stops nothing else."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
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
        return Outcome(entry.target, error=_alone(error))
    except Exception as bug:  # noqa: BLE001 - a bug is reported as one, the others still run
        return Outcome(entry.target, crash=describe_bug(bug))


def _alone(error: RemoteMailcfgError) -> RemoteMailcfgError:
    """Return an error without the foreign one behind it, whose words may hold a credential.

    Dask's library (tblib) pickles an exception together with its context and traceback.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


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
    *,
    at_once: int,
) -> Iterator[tuple[int, Outcome[T]]]:
    """Yield each instance's number and outcome, in the order in which they are done.

    At most `at_once` are handed to the executor at a time. Instances that share a credential wait
    until it let one of them in. A refused one is not tried again: its other instances fail without
    a request.
    """
    waiting: dict[object, deque[int]] = defaultdict(deque)
    for number, entry in enumerate(entries):
        waiting[entry.credential].append(number)
    ready: deque[int] = deque()
    pending: dict[Future[Outcome[T]], int] = {}

    def release(credential: object) -> None:
        same = waiting[credential]
        known = credential in credentials.good or credential in credentials.refused
        for _ in range(len(same) if known else min(1, len(same))):
            ready.append(same.popleft())  # as long as nobody knows, one at a time

    for credential in waiting:
        release(credential)
    while ready or pending:
        while ready and len(pending) < at_once:
            number = ready.popleft()
            if by := credentials.refused.get(entries[number].credential):
                yield number, _not_tried_again(entries[number].target, by)
            else:
                pending[executor.submit(attempt, work, entries[number])] = number
        if not pending:
            return
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            number = pending.pop(future)
            outcome = _outcome_of(future, entries[number].target)
            credentials.learn(entries[number].credential, outcome)
            yield number, outcome
            release(entries[number].credential)


def _outcome_of(future: Future[Outcome[T]], target: Target) -> Outcome[T]:
    """Return what came of a call, also where what ran it was lost."""
    try:
        return future.result()
    except CancelledError:
        error = TransportError(
            "unreachable",
            "what ran this was lost while it worked",
            "Look how far it came before you repeat the command.",
        )
        return Outcome(target, error=error)
    except RemoteMailcfgError as error:
        return Outcome(target, error=error)
    except Exception as bug:  # noqa: BLE001 - a bug is reported as one, the others still run
        return Outcome(target, crash=describe_bug(bug))


def _not_tried_again(target: Target, refused_by: str) -> Outcome[T]:
    error = LoginError(
        "authentication-failed",
        f"not tried: {refused_by}, at the same address, has just refused {target.login!r} with the"
        " same credential",
        "A refused credential is not tried twice in a run: put it right first.",
    )
    return Outcome(target, error=error)
