"""Open a web session, the kept one or a new one, and leave `web.base.url` as it is.

The claim on the freeze is noted on disk before it is made, and removed through the new session; the
note stays until that is seen. What Odoo takes for the address used may differ from ours behind a
proxy, so the freeze is set even where the two look equal.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from filelock import Timeout

from remote_mailcfg.errors import ConfigurationError, LoginError, OdooError, RemoteMailcfgError
from remote_mailcfg.instance.base_url import (
    BASE_URL,
    BaseUrl,
    claim_freeze,
    fetch_base_url,
    new_claim,
    release_freeze,
)
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.parameters import Parameter, write_parameter
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.connection import locate, open_connection
from remote_mailcfg.rpc.http import CookieJar, HttpClient
from remote_mailcfg.rpc.web import WebSession
from remote_mailcfg.secret import Secret
from remote_mailcfg.store.freezes import forget_freeze, load_freeze, login_lock, note_freeze
from remote_mailcfg.store.sessions import forget_session, load_session, save_session


@contextmanager
def kept_session(target: Target) -> Iterator[WebSession]:
    """Open the kept session, or log in and keep that one; its cookies are saved afterwards."""
    with HttpClient(target) as http:
        target = locate(target, http)
        session = _resume(target, http)
        if session is None:
            session = log_in(target, http)
            try:
                save_session(target, session.jar.cookies)
            except RemoteMailcfgError:
                end_session(session)  # nobody could end it later
                raise
        with _saved_afterwards(session):
            yield session


@contextmanager
def resumed_session(target: Target) -> Iterator[WebSession | None]:
    """Open the kept session if there is one and the server still knows it."""
    with (
        session_to_end(target) as session,
        _saved_afterwards(session) if session else nullcontext(),
    ):
        yield session


@contextmanager
def session_to_end(target: Target) -> Iterator[WebSession | None]:
    """Open the kept session as `resumed_session` does; its cookies are not saved afterwards."""
    with HttpClient(target) as http:
        yield _resume(locate(target, http), http)


@contextmanager
def session_to_read(target: Target, progress: Progress) -> Iterator[WebSession | None]:
    """Open the kept session as `resumed_session` does, also where nothing can be saved."""
    with HttpClient(target) as http:
        target = locate(target, http)
        session = None
        with _refusal_noted(target, progress):
            session = _resume(target, http)
        yield session
        if session is not None:
            with _refusal_noted(target, progress):
                save_session(target, session.jar.cookies)


@contextmanager
def _refusal_noted(target: Target, progress: Progress) -> Iterator[None]:
    """Note that the kept session cannot be brought up to date, and go on."""
    try:
        yield
    except RemoteMailcfgError as error:
        if error.code != "not-saved":
            raise
        progress.note(f"{target.name}: {error.message}; the kept session stays as it was there")


@contextmanager
def borrowed_session(target: Target, instance: Instance | None = None) -> Iterator[WebSession]:
    """Open the kept session and leave it kept, or a new one that is ended afterwards.

    `instance` is the target when it is logged in to over RPC already.
    """
    with HttpClient(target) as http:
        target = locate(target, http)
        kept = _resume(target, http)
        session = kept or log_in(target, http, instance)
        try:
            yield session
        finally:
            if kept:
                save_session(target, kept.jar.cookies)
            else:
                end_session(session)


@contextmanager
def _saved_afterwards(session: WebSession) -> Iterator[None]:
    """Keep the cookies as they are at the end: 19 changes a session's id every three hours."""
    try:
        yield
    finally:
        save_session(session.target, session.jar.cookies)


def _resume(target: Target, http: HttpClient) -> WebSession | None:
    cookies = load_session(target)
    if cookies is None:
        return None
    session = WebSession(http, target, CookieJar(cookies))
    try:
        session.fetch_info()
    except LoginError as error:
        if error.code != "session-expired":
            raise
        forget_session(target)
        return None
    return session


def log_in(target: Target, http: HttpClient, instance: Instance | None = None) -> WebSession:
    """Log in to the web client. RPC goes first: a password it refuses is tried nowhere else.

    Raises `api-key-not-accepted` when there is only a key, `two-factor-required`,
    `authentication-failed`, or `access-denied` for a user without the role System Admin.
    """
    password = target.password
    if password is None:
        if target.api_key:
            raise LoginError(
                "api-key-not-accepted",
                "developer mode needs a web session, and Odoo opens none with an API key",
                "Set OPENSPP_PASSWORD, or `password` in the inventory, beside the key.",
            )
        raise ConfigurationError(
            "configuration",
            "a web session needs a password",
            "Set OPENSPP_PASSWORD, or `password` in the inventory.",
        )
    instance = instance or Instance(open_connection(target, http))
    session = WebSession(http, target, CookieJar())
    with login_lock(target):
        _log_in_frozen(instance, session, password)
    return session


def _log_in_frozen(instance: Instance, session: WebSession, password: Secret) -> None:
    """Log in while `web.base.url` is frozen, and remove the freeze unless it is not ours."""
    target = instance.target
    if (left := load_freeze(target)) is not None:  # we hold the lock: of a login that was cut off
        _clean_up(instance, left)
    before = fetch_base_url(instance)
    if before.is_frozen_by_others:
        session.log_in(password, target.totp_secret)
        return
    claim = new_claim()
    note_freeze(target, claim)
    try:
        own = claim_freeze(instance, claim)
        session.log_in(password, target.totp_secret)
    except BaseException:
        with suppress(RemoteMailcfgError):  # the note stays then, and the next command cleans up
            _clean_up(instance, claim)
        raise
    # Through the session: a parameter write clears the server's password cache, and a password
    # call after it costs the server 0.45 s of hashing.
    _restore_base_url(session, before.address, release_freeze(session, own))
    forget_freeze(target)


def remove_leftover_freeze(instance: Instance) -> bool:
    """Remove what a killed login left on this instance; tell whether there was anything.

    A login that holds the lock is under way, and its freeze is none of a leftover.
    """
    target = instance.target
    if load_freeze(target) is None:
        return False
    try:
        with login_lock(target).acquire(blocking=False):
            claim = load_freeze(target)
            return claim is not None and _clean_up(instance, claim)
    except Timeout:
        return False


def _clean_up(instance: Instance, claim: str) -> bool:
    """Remove what a login that did not end left, then the note; tell whether anything was there."""
    own = fetch_base_url(instance).find(claim)
    if own is not None:
        release_freeze(instance, own)
    forget_freeze(instance.target)
    return own is not None


def end_session(session: WebSession) -> None:
    """Switch developer mode off and end the session on the server; one already gone is fine."""
    try:
        session.end()
    except LoginError as error:
        if error.code != "session-expired":
            raise


def _restore_base_url(session: WebSession, before: Parameter | None, after: BaseUrl) -> None:
    """Write `web.base.url` back should it have changed all the same."""
    found = after.address
    if found is None or before is None or found.value == before.value:
        return
    write_parameter(session, found.id, before.value)
    raise OdooError(
        "not-verified",
        f"the web login changed {BASE_URL} to {found.value}; it was set back to {before.value}",
        "Set the parameter web.base.url.freeze on the instance, and report this.",
    )
