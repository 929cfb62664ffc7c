"""Watching a run over many instances: how many are done, how many failed, which are slow."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.live import Live
from rich.text import Text

from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.fleet.worker import unanswered
from remote_mailcfg.model.masking import neutralize

SLOW_SECONDS: Final = 5.0
MOST_NAMES: Final = 3
REFRESHES_A_SECOND: Final = 4


class Watch:
    """The progress of many instances at once: a line that changes on a terminal, else one each.

    Instances are begun in threads and ended in the main one. Nobody is asked for one of many.
    """

    attended = False

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._terminal = terminal
        self._total = total
        self._done = self._failed = 0
        self._begun: dict[str, float] = {}
        self._lock = threading.Lock()
        self._live = terminal.err.is_terminal and not terminal.quiet

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the line for as long as the run takes, on a terminal."""
        if not self._live:
            yield
            return
        with Live(
            console=self._terminal.err,
            get_renderable=self.line,
            refresh_per_second=REFRESHES_A_SECOND,
            transient=True,
        ):
            yield

    def begin(self, name: str) -> None:
        """Note that an instance is being worked on."""
        with self._lock:
            self._begun[name] = time.monotonic()

    def end(self, name: str, code: str) -> None:
        """Note that an instance is done; `code` is that of its error, `""` where all is well."""
        with self._lock:
            self._begun.pop(name, None)
            self._done += 1
            self._failed += bool(code)
        if not self._live and code != "not-tried":
            self._terminal.note(f"[{self._done}/{self._total}] {name}: {code or 'ok'}")

    def line(self) -> Text:
        """Return how far the run is."""
        now = time.monotonic()
        with self._lock:
            waited = sorted((now - it, name) for name, it in self._begun.items())
            text = f"{self._done} of {self._total} done, {self._failed} failed"
        slow = [f"{name} ({seconds:.0f} s)" for seconds, name in waited if seconds > SLOW_SECONDS]
        if slow:
            text += f"; slow: {', '.join(slow[-MOST_NAMES:])}"
            text += f" and {len(slow) - MOST_NAMES} more" if len(slow) > MOST_NAMES else ""
        return Text(neutralize(text), no_wrap=True, overflow="ellipsis")

    def working(self, what: str, *, slow: bool = False) -> None:
        """Leave what one of many does unsaid; see `Progress`."""

    def note(self, text: str) -> None:
        """Say something about one instance; see `Progress`."""
        self._terminal.note(text)

    def confirm(self, question: str) -> bool:
        """Refuse to ask for one of many."""
        raise unanswered(question)
