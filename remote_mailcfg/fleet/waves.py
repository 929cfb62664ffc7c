"""Waves: a run that goes step by step, and stops before the next step when too much failed."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from remote_mailcfg.config.entry import Entry
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.fleet.runner import Credentials, Outcome, run_on

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Waves:
    """How many instances are done after each step, as written: `1`, `10%`, `100%`.

    `most_failed` is the share of the instances done so far that may have failed, from 0 to 1.
    """

    steps: tuple[str, ...] = ("100%",)
    most_failed: float = 0.0

    def ends(self, total: int) -> list[int]:
        """Return after how many of `total` instances each wave ends; a share is rounded up."""
        return [min(total, _count(step, total)) for step in self.steps]


def parse_waves(steps: str, most_failed: str) -> Waves:
    """Return the waves of `--waves` and `--max-failed`.

    Raises `ConfigurationError` for what is no number or share, does not grow, or leaves out
    instances at the end.
    """
    if not steps and most_failed:
        raise _wrong("--max-failed", "stops before the next wave: give --waves, too")
    if not steps:
        return Waves()
    parts = tuple(part.strip() for part in steps.split(","))
    share = parse_share(most_failed or "0", "--max-failed")
    if not all(_is_step(part) for part in parts):
        raise _wrong("--waves", "is not a list of numbers and shares, such as 1,10%,100%")
    if parts[-1] != "100%":
        raise _wrong("--waves", "must end with 100%, or instances would be left out")
    for kind in ("", "%"):
        sizes = [float(it.rstrip("%")) for it in parts if it.endswith("%") == bool(kind)]
        if sizes != sorted(set(sizes)):
            raise _wrong("--waves", "must grow from wave to wave")
    return Waves(parts, share)


def run_in_waves(
    entries: Sequence[Entry],
    work: Callable[[Entry], T],
    executor: Executor,
    waves: Waves,
    is_failed: Callable[[Outcome[T]], bool],
    *,
    at_once: int,
) -> Iterator[tuple[int, Outcome[T]]]:
    """Yield numbers and outcomes as `run_on` does; what no wave reaches fails as `not-tried`."""
    begin = failed = 0
    credentials = Credentials()
    for end in waves.ends(len(entries)):
        if begin and failed > waves.most_failed * begin:
            yield from _not_tried(entries, begin, failed)
            return
        for number, outcome in run_on(
            entries[begin:end], work, executor, credentials, at_once=at_once
        ):
            failed += is_failed(outcome)
            yield begin + number, outcome
        begin = max(begin, end)


def _not_tried(
    entries: Sequence[Entry], begin: int, failed: int
) -> Iterator[tuple[int, Outcome[T]]]:
    for number in range(begin, len(entries)):
        error = RemoteMailcfgError(
            "not-tried",
            f"not tried: {failed} of the {begin} instances before failed",
            "Put those right first, or allow more with --max-failed.",
        )
        yield number, Outcome(entries[number].target, error=error)


def _is_step(part: str) -> bool:
    digits = part.removesuffix("%")
    return digits.isdecimal() and int(digits) > 0 and not (part.endswith("%") and int(digits) > 100)


def _count(step: str, total: int) -> int:
    if step.endswith("%"):
        return math.ceil(total * int(step.removesuffix("%")) / 100)
    return int(step)


def parse_share(text: str, option: str) -> float:
    """Return a share from 0 to 1, written as `0.05` or `5%`; raises `ConfigurationError`."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise _wrong(option, "is not a share such as 5% or 0.05")
    return share


def _wrong(option: str, what: str) -> ConfigurationError:
    return ConfigurationError("configuration", f"{option} {what}")
