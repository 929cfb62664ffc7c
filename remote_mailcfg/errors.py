"""What can go wrong, as data: a stable code, what failed, and what to do next.

The codes are part of the command line's contract: scripts read them from `-o json`. None is
renamed or reused.
"""

import os
import traceback
from collections.abc import Mapping
from typing import Any, Final

from remote_mailcfg.secret import Secret

#: Errors that mean wrong usage or configuration: nothing was written to any instance (exit 2).
USAGE_CODES: Final = frozenset({"configuration", "invalid-value", "missing-value"})


class RemoteMailcfgError(Exception):
    """The root of every error that is the user's, the server's or the network's.

    `code` is stable and kebab-case, `message` says what failed and the fact, `hint` what to do
    next. A message never holds a secret.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        #: What else the JSON shows beside the error, for instance the test that failed.
        self.details: Mapping[str, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle all of it; an exception by itself would come back with its message alone."""
        return type(self), (self.code, self.message, self.hint), vars(self)

    @property
    def is_usage(self) -> bool:
        """Whether the error is wrong usage or configuration rather than a failure."""
        return self.code in USAGE_CODES


class ConfigurationError(RemoteMailcfgError):
    """Settings or values that cannot be right; found before anything is sent."""


class TransportError(RemoteMailcfgError):
    """The instance could not be reached, or what answered is not Odoo.

    `status` is the HTTP status where there was an answer, else 0.
    """

    def __init__(self, code: str, message: str, hint: str = "", *, status: int = 0) -> None:
        super().__init__(code, message, hint)
        self.status = status


class LoginError(RemoteMailcfgError):
    """The instance does not let this user in, or not this far."""


class OdooError(RemoteMailcfgError):
    """Odoo refused a call.

    `exception` is Odoo's own class name, for instance `odoo.exceptions.UserError`; empty where the
    wire does not carry it. `said` is its text as it came, to be compared and never shown: it may
    repeat what was sent.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        exception: str = "",
        said: Secret | None = None,
    ) -> None:
        super().__init__(code, message, hint)
        self.exception = exception
        self.said = said or Secret(message)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what is shown."""
        state = {name: value for name, value in vars(self).items() if name != "said"}
        return type(self), (self.code, self.message, self.hint), state


def describe_bug(bug: BaseException) -> str:
    """Return what to report of a bug: where it is, not the values, which may hold a secret."""
    frames = traceback.extract_tb(bug.__traceback__)
    where = [f"  {f.filename.rpartition(os.sep)[2]}:{f.lineno} in {f.name}" for f in frames]
    return "\n".join(
        ("Please report this bug of remote-mailcfg, with these lines:", type(bug).__name__, *where)
    )
