"""How fast one host may be asked: the rate limit of a proxy is for every instance behind it."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit


class Pace:
    """The turns of the requests to one host, in the order of asking; any thread may ask.

    `now` is its clock and `wait` waits on a condition for some seconds, or until it is notified.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Condition, float | None], object] = threading.Condition.wait,
    ) -> None:
        self.now = now
        self._wait = wait
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._min_interval = 0.0
        self._last_start = -float("inf")
        self._held_until = -float("inf")

    def slow_to(self, min_interval_seconds: float) -> None:
        """Let at least so much time lie between the starts of two requests; the largest counts."""
        with self._changed:
            self._min_interval = max(self._min_interval, min_interval_seconds)

    def hold(self, seconds: float) -> None:
        """Let no request start for some seconds: the host asks for that."""
        with self._changed:
            self._held_until = max(self._held_until, self.now() + seconds)
            self._changed.notify_all()  # who waits may not have the time for it

    def wait_turn(self, give_up_at: float) -> float:
        """Wait until a request may start.

        Returns 0; or at once, where the host is held for longer than until `give_up_at` (on the
        clock `now`), for how many seconds it is.
        """
        me = object()
        with self._changed:  # it is released while this thread waits
            self._queue.append(me)
            try:
                while True:
                    now = self.now()
                    if self._held_until > max(now, give_up_at):
                        return self._held_until - now
                    is_first = self._queue[0] is me
                    start = max(self._held_until, self._last_start + self._min_interval)
                    if is_first and start <= now:
                        self._last_start = now
                        return 0.0
                    self._wait(self._changed, start - now if is_first else None)
            finally:
                self._queue.remove(me)
                self._changed.notify_all()


def when_to_try_again(seconds: float | None) -> str:
    """Return the hint for a host that limits the rate; None where it does not say for how long."""
    when = "Wait a minute and try again"
    if seconds is not None:
        when = f"Try again in {max(1, math.ceil(seconds))} s"
    return f"{when}. `min_interval` in the inventory keeps requests apart."


_LOCK: Final = threading.Lock()
_PACES: Final[dict[str, Pace]] = {}


def pace_of(url: str) -> Pace:
    """Return the one pace of an address's host and port in this process."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    host = host.removesuffix(":443" if parts.scheme == "https" else ":80")
    with _LOCK:
        return _PACES.setdefault(f"{parts.scheme}://{host}", Pace())
