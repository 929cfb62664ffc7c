"""A clock that only waiting moves, for what waits between requests."""

import threading

from remote_mailcfg.rpc.pace import Pace


class StoppedClock:
    """Time in `seconds`, and how long was waited each time."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.seconds

    def wait(self, _condition: threading.Condition, seconds: float | None) -> None:
        assert seconds is not None, "nobody is there to wake this thread"
        self.waits.append(seconds)
        self.seconds += seconds

    def pace(self) -> Pace:
        """Return a pace that goes by this clock."""
        return Pace(now=self.now, wait=self.wait)
