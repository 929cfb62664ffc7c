"""The web sessions kept between commands: the cookies of one address, database and login."""

from pathlib import Path

from remote_mailcfg.model.target import Target
from remote_mailcfg.store.state import (
    load_private,
    private_file,
    refusals_told,
    save_private,
    state_damaged,
)


def _file(target: Target) -> Path:
    return private_file("sessions", target.url, target.database, target.login)


def load_session(target: Target) -> dict[str, str] | None:
    """Return the kept cookies, or None; raises `state-damaged`."""
    path = _file(target)
    if (content := load_private(path)) is None:
        return None
    cookies = content.get("cookies")
    if not isinstance(cookies, dict) or not all(isinstance(it, str) for it in cookies.values()):
        raise state_damaged(path, "is damaged: it holds no cookies")
    return cookies


def save_session(target: Target, cookies: dict[str, str]) -> None:
    """Keep the cookies (mode 0600), unless they are kept as they are; raises `not-saved`."""
    path = _file(target)
    content = {"url": target.url, "database": target.database, "cookies": cookies}
    if load_private(path) != content:
        save_private(path, content)


def forget_session(target: Target) -> None:
    """Delete the kept cookies; raises `not-saved`."""
    path = _file(target)
    with refusals_told(path.parent):
        path.unlink(missing_ok=True)
