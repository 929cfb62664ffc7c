"""Developer mode of the kept web session: on, off, and what it is."""

from dataclasses import dataclass

from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance.developer_mode import (
    deep_link,
    has_menu,
    major_version,
    mode_of,
    switch_debug,
)
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.web_login import kept_session, resumed_session, session_to_read
from remote_mailcfg.rpc.web import WebSession


@dataclass(frozen=True, slots=True)
class DeveloperMode:
    """The mode (`""` is off) and the link that opens *Outgoing Mail Servers* in a browser.

    `link` is None where there is no session to ask which form this version takes.
    """

    mode: str
    link: str | None


def debug_on(target: Target, progress: Progress, *, mode: str) -> DeveloperMode:
    """Switch developer mode on in the kept session, logging in where there is none.

    Proved by the session's info and by the menu *Outgoing Mail Servers*, which only developer mode
    shows. Raises `not-verified` where either says otherwise.
    """
    progress.working(f"{target.name}: switching developer mode on")
    with kept_session(target) as session:
        switch_debug(session, mode)
        state = state_of(session)
        if not has_menu(session):
            raise OdooError(
                "not-verified",
                f"developer mode is {mode!r}, and the menu Outgoing Mail Servers is not there",
                "An administrator may have hidden the menu; the link and all other commands work"
                f" without it: {state.link}",
            )
    return state


def debug_off(target: Target, progress: Progress) -> DeveloperMode:
    """Switch developer mode off in the kept session; without one it is off."""
    progress.working(f"{target.name}: switching developer mode off")
    with resumed_session(target) as session:
        if session is not None:
            switch_debug(session, "")
        return state_of(session)


def debug_status(target: Target, progress: Progress) -> DeveloperMode:
    """Tell developer mode of the kept session; without one it is off."""
    progress.working(f"{target.name}: asking the session")
    with session_to_read(target, progress) as session:
        return state_of(session)


def state_of(session: WebSession | None) -> DeveloperMode:
    """Return what a session last told of its developer mode."""
    if session is None:
        return DeveloperMode("", None)
    version, mode = major_version(session.info), mode_of(session.info)
    return DeveloperMode(mode, deep_link(session.target.url, version, mode))
