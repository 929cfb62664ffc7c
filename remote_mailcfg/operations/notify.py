"""Tell somebody: a text to one of the services that the library apprise knows.

The address of a service nearly always holds a secret (a token, a password, a hook that is known to
nobody else), often in its path. So it is a `Secret`, no part of it is shown, and no library is
heard in a log while it is used: apprise, and the HTTP client below it, log addresses.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
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
        with _nothing_logged() as heard:
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
    with _nothing_logged():
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


@contextmanager
def _nothing_logged() -> Iterator[list[str]]:
    """Let no handler hear what libraries log, in whatever thread; give what apprise said."""
    heard: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        heard.append(record.getMessage())
        return False

    def is_ours(record: logging.LogRecord) -> bool:
        return record.name.partition(".")[0] == "remote_mailcfg"

    library = logging.getLogger("apprise")
    handlers = [it for it in (*logging.root.handlers, logging.lastResort) if it]
    library.addFilter(keep)
    for handler in handlers:
        handler.addFilter(is_ours)
    try:
        yield heard
    finally:
        library.removeFilter(keep)
        for handler in handlers:
            handler.removeFilter(is_ours)
