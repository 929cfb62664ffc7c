"""The exit codes that scripts and cron rely on, and which one a run ends with."""

from collections.abc import Sequence
from typing import Final, TypeVar

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.report.envelope import failure_of
from remote_mailcfg.report.view import View

T = TypeVar("T")

EXIT_FAILED: Final = 1  # something failed on at least one instance
EXIT_USAGE: Final = 2  # wrong usage or configuration; nothing was written
EXIT_DIFFERS: Final = 3  # every instance could be examined, and something is to be done
EXIT_BUG: Final = 70
EXIT_INTERRUPTED: Final = 130


def code_without_work(error: RemoteMailcfgError) -> int:
    """Return the exit code of a command that ends before it works on an instance.

    An answer of no is what the user wants.
    """
    if error.is_usage:
        return EXIT_USAGE
    return {"declined": 0, "interrupted": EXIT_INTERRUPTED}.get(error.code, EXIT_FAILED)


def exit_code(outcomes: Sequence[Outcome[T]], view: View[T]) -> int:
    """Return the worst of all outcomes; usage counts only where nothing failed otherwise."""
    if any(outcome.crash is not None for outcome in outcomes):
        return EXIT_BUG
    failures = [failure for o in outcomes if (failure := failure_of(o, view)) is not None]
    if any(failure.code == "interrupted" for failure in failures):
        return EXIT_INTERRUPTED
    failures = [failure for failure in failures if failure.code != "declined"]
    if not failures:
        results = [outcome.result for outcome in outcomes if outcome.result is not None]
        differs = view.differs
        return EXIT_DIFFERS if differs and any(map(differs, results)) else 0
    return EXIT_USAGE if all(failure.is_usage for failure in failures) else EXIT_FAILED
