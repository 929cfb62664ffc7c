"""What a worker on another machine does for one instance: it resolves the secrets there."""

import contextlib
import functools
import os
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from remote_mailcfg.config.entry import Entry
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WithSecrets(Generic[T]):
    """An operation that looks up secrets of its own, beside those of the target.

    `references` are those that it will look up for a target, each with its folder and what it is.
    """

    function: Callable[[Target, Progress, Secrets], T]
    references: Callable[[Target], Iterable[tuple[str, Path, str]]]

    def ask(self, target: Target, secrets: Secrets) -> None:
        """Ask now for what a person has to type; what goes wrong comes again with the lookup."""
        for reference, folder, what in self.references(target):
            if reference.startswith("prompt:"):
                with contextlib.suppress(ConfigurationError):
                    secrets.resolve(reference, folder=folder, what=what)


@dataclass(frozen=True, slots=True)
class ForOne(Generic[T]):
    """An operation that several instances would get into each other's way with; `why` says how."""

    function: Callable[[Target, Progress], T]
    why: str
    hint: str


#: What is done on one instance: the target with its secrets, and whom to tell how it goes.
Operation = Callable[[Target, Progress], T] | WithSecrets[T] | ForOne[T]


class Unattended:
    """Progress that nobody follows; nobody is there to answer a question."""

    attended = False

    def working(self, what: str, *, slow: bool = False) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def confirm(self, question: str) -> bool:
        """Refuse to go on without an answer."""
        raise unanswered(question)


def unanswered(question: str) -> ConfigurationError:
    """Return the error for a question that cannot be asked for many instances."""
    return ConfigurationError(
        "configuration",
        f"not asked, since there are several instances: {question}",
        "Look at each with --instance, or say yes for all with --yes.",
    )


def work_there(operation: Operation[T], run: str, entry: Entry) -> T:
    """Do an operation on a worker; `run` names the run that its secrets are resolved once for."""
    return perform(operation, entry, _secrets_of(run), Unattended())


def perform(operation: Operation[T], entry: Entry, secrets: Secrets, progress: Progress) -> T:
    """Look up the secrets of an instance and do an operation on it."""
    target = entry.resolve(secrets)
    if isinstance(operation, WithSecrets):
        return operation.function(target, progress, secrets)
    if isinstance(operation, ForOne):
        return operation.function(target, progress)
    return operation(target, progress)


@functools.lru_cache(maxsize=4)
def _secrets_of(run: str) -> Secrets:
    """Return the secrets of a run: from the worker's own environment, files and keyring."""
    del run
    real = dict(os.environ)
    return Secrets(Environment(real, real), ask=None)


def check_travels(operation: Operation[Any]) -> None:
    """Refuse an operation that holds a secret: none is ever sent to another machine."""
    try:
        pickle.dumps(operation)
    except (TypeError, pickle.PicklingError, AttributeError) as error:
        raise ConfigurationError(
            "configuration",
            f"this command cannot be sent to another machine: {error}",
            "Run it here, without --executor.",
        ) from None
