"""Tell somebody: a text to one of the services that the library apprise knows.

The address of a service nearly always holds a secret (a token, a password, a hook that is known to
nobody else), often in its path. So it is a `Secret`, no part of it is shown, and no library is
heard in a log while it is used: apprise, and the HTTP client below it, log addresses.
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.secret import Secret

if TYPE_CHECKING:
    from apprise import Apprise

#: What apprise tells of a failure only in its log, and what of that may be said.
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")
_NO_CONNECTION: Final = re.compile(r"connection error", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told: plain text without secrets."""

    title: str
    body: str


class Notifier:
    """One service that is told things; it has no text form that shows its address."""

    __slots__ = ("_apprise",)

    def __init__(self, apprise: "Apprise") -> None:
        self._apprise = apprise

    def send(self, notice: Notice) -> None:
        """Hand a notice to the service; raises `notification-failed` where it was not taken."""
        with _SILENCE.kept() as heard:
            is_taken = self._apprise.notify(
                title=notice.title, body=notice.body, body_format="text"
            )
        if not is_taken:
            raise RemoteMailcfgError(
                "notification-failed",
                f"the notification was not delivered: {_reason(heard)}",
                "Look at the service, and at the address that --notify refers to.",
            )


def open_notifier(address: Secret) -> Notifier:
    """Return who is told at an address in the form of apprise; nothing is sent.

    Raises `ConfigurationError` for one that is none, or where the extra `notify` is missing.
    """
    with _SILENCE.kept():
        try:
            import apprise  # noqa: PLC0415 - an extra, and slow to load
        except ImportError:
            raise ConfigurationError(
                "configuration",
                "--notify: the Python package apprise is not installed",
                "pip install 'remote-mailcfg[notify]'",
            ) from None
        asset = apprise.AppriseAsset(
            app_id="remote-mailcfg", app_desc="remote-mailcfg", async_mode=False
        )
        service = apprise.Apprise(asset=asset)
        is_known = service.add(address.reveal())
    if not is_known:
        raise ConfigurationError(
            "configuration",
            "--notify: what it refers to is not an address of a service; it is not shown",
            "For instance mailto://USER:PASSWORD@HOST?to=ADDRESS, see the documents of apprise.",
        )
    return Notifier(service)


def _reason(heard: list[str]) -> str:
    """Return why in words of our own: those of the log may hold the address."""
    log = "\n".join(heard)
    if status := _STATUS.search(log):
        return f"the service answered with HTTP status {status[1]}"
    if _NO_CONNECTION.search(log):
        return "there was no connection, it broke off, or the service refused the login"
    return "the service did not take it"


class _Silence(logging.Filter):
    """While a notice is on its way, lets no handler hear what libraries log, in whatever thread.

    It is put on handlers once and left there: a filter that one thread removes would be missing in
    another. What apprise says is kept for its own notice: it takes the context to its threads.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._under_way = 0
        self._heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep what apprise says of the notice under way; tell whether a record is shown."""
        library = record.name.partition(".")[0]
        if library == "apprise" and (heard := self._heard.get()) is not None:
            heard.append(record.getMessage())
        return library == "remote_mailcfg" or not self._under_way

    @contextmanager
    def kept(self) -> Iterator[list[str]]:
        """Be silent; give what apprise says of this notice."""
        heard: list[str] = []
        before = self._heard.set(heard)
        with self._lock:
            logging.getLogger("apprise").addFilter(self)
            for handler in filter(None, (*logging.root.handlers, logging.lastResort)):
                handler.addFilter(self)  # does nothing where it is there already
            self._under_way += 1
        try:
            yield heard
        finally:
            self._heard.reset(before)
            with self._lock:
                self._under_way -= 1


_SILENCE: Final = _Silence()
