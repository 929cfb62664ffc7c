"""Web sessions and the login that begins them, with Odoo's cool-down after wrong passwords."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Final

from remote_mailcfg.sandbox.fault import DENIED, FaultError

COOLDOWN_AFTER: Final = 10
COOLDOWN_SECONDS: Final = 60
KEPT_MODES: Final = {"", "1", "assets", "tests", "disable-t-cache"}
OFF: Final = {"n", "no", "0", "false", "f", "off"}


@dataclass(slots=True)
class Session:
    """A web session; `uid` is 0 while nobody is logged in, `database` empty while none is chosen.

    `is_changed` is set by what makes Odoo send the cookie again; on 19 that is also the first call
    inside a session, which notes the device (`is_traced`).
    """

    id: str = field(default_factory=lambda: secrets.token_hex(20))
    database: str = ""
    uid: int = 0
    debug: str = ""
    half_logged_in: int = 0
    identity_checked_until: float = 0.0
    is_traced: bool = False
    is_changed: bool = False

    def set_debug(self, modes: str) -> None:
        """Take developer mode from a query; a word that Odoo does not know is on, or off."""
        kept = (it if it in KEPT_MODES else _switch(it) for it in modes.split(","))
        debug = ",".join(kept)
        self.is_changed |= debug != self.debug
        self.debug = debug


@dataclass(slots=True)
class Cooldown:
    """Failed logins by address and database; ten of them close the door for a minute."""

    failures: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)

    def check(self, source: tuple[str, str]) -> None:
        """Refuse a login of an address that failed too often."""
        count, last = self.failures.get(source, (0, 0.0))
        if count >= COOLDOWN_AFTER and time.monotonic() - last < COOLDOWN_SECONDS:
            text = "Too many login failures, please wait a bit before trying again."
            raise FaultError(DENIED, text)

    def note(self, source: tuple[str, str], *, failed: bool) -> None:
        """Count a failed login; a good one forgets those before."""
        count, _last = self.failures.pop(source, (0, 0.0))
        if failed:
            self.failures[source] = (count + 1, time.monotonic())


def _switch(word: str) -> str:
    return "" if word.lower() in OFF else "1"
