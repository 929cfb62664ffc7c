"""`web.base.url`, and the freeze that keeps a web login from rewriting it.

A web login by an administrator makes Odoo rewrite `web.base.url`, and with it the links in every
invitation and password-reset mail, to the address that was used (17: `http.py`, `res_users.py`; 19
likewise), unless `web.base.url.freeze` holds any text.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from remote_mailcfg.instance.parameters import (
    Caller,
    find_parameter,
    unlink_parameter,
    write_parameter,
)

BASE_URL: Final = "web.base.url"
FREEZE: Final = "web.base.url.freeze"

PREFIX: Final = "remote-mailcfg "
SEPARATOR: Final = ", "

#: A login takes seconds; the mark of one that began longer ago is left from a killed one.
LOGIN_TAKES: Final = timedelta(minutes=10)


def new_mark() -> str:
    """Return the text by which one login knows its own freeze, and when it began."""
    return PREFIX + datetime.now(UTC).isoformat()


def is_ours(freeze: str) -> bool:
    """Tell whether a freeze was set by logins of this tool, not by the administrators."""
    return freeze.startswith(PREFIX)


def set_freeze(caller: Caller, mark: str) -> None:
    """Freeze `web.base.url` for one login, beside the freezes of logins on other machines."""
    found = find_parameter(caller, FREEZE)
    marks = _split(found[1]) if found else []
    write_parameter(caller, FREEZE, found, SEPARATOR.join([*marks, mark]))


def remove_freeze(caller: Caller, mark: str) -> None:
    """Take one login's mark away; the freeze itself goes with the last one that is still needed."""
    found = find_parameter(caller, FREEZE)
    if found is None or mark not in _split(found[1]):
        return
    needed = [other for other in _split(found[1]) if other != mark and _is_recent(other)]
    if needed:
        write_parameter(caller, FREEZE, found, SEPARATOR.join(needed))
    else:
        unlink_parameter(caller, found[0])


def _split(freeze: str) -> list[str]:
    return freeze.split(SEPARATOR) if freeze else []


def _is_recent(mark: str) -> bool:
    began = datetime.fromisoformat(mark.removeprefix(PREFIX))
    return datetime.now(UTC) - began < LOGIN_TAKES
