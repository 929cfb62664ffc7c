"""Log in to the web client and keep the session; log out of it."""

from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.debug import DeveloperMode, state_of
from remote_mailcfg.operations.web_login import end_session, kept_session, session_to_end
from remote_mailcfg.store.sessions import forget_session


def log_in(target: Target, progress: Progress) -> DeveloperMode:
    """Open a web session and keep it; one that is already kept and alive stays."""
    progress.working(f"{target.name}: logging in")
    with kept_session(target) as session:
        return state_of(session)


def log_out(target: Target, progress: Progress) -> DeveloperMode:
    """Switch developer mode off, end the kept session on the server and forget it."""
    progress.working(f"{target.name}: logging out")
    with session_to_end(target) as session:
        if session is not None:
            end_session(session)
    if session is None:
        progress.note(f"{target.name}: there was no web session to end")
    else:
        forget_session(session.target)
    return DeveloperMode("", None)
