"""The web sessions kept between commands: the cookies of one address, database and login."""

from pathlib import Path

from remote_mailcfg.model.target import Target
from remote_mailcfg.store.state import load_private, private_file, save_private


def _file(target: Target) -> Path:
    return private_file("sessions", target.url, target.database, target.login)


def load_session(target: Target) -> dict[str, str] | None:
    """Return the kept cookies, or None."""
    content = load_private(_file(target))
    return content.get("cookies") if content else None


def save_session(target: Target, cookies: dict[str, str]) -> None:
    """Keep the cookies (mode 0600)."""
    content = {"url": target.url, "database": target.database, "cookies": cookies}
    save_private(_file(target), content)


def forget_session(target: Target) -> None:
    """Delete the kept cookies."""
    _file(target).unlink(missing_ok=True)
