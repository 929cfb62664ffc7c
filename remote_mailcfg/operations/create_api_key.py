"""Make an API key for cron jobs, and put it where a reference points."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from remote_mailcfg.apply.run import new_run_name
from remote_mailcfg.config.secret_reference import check_savable, save_secret
from remote_mailcfg.config.secrets import NAME_PLACE
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.instance.api_keys import make_key, revoke_newest_key
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target, name_in_references
from remote_mailcfg.operations.web_login import borrowed_session
from remote_mailcfg.rpc.web import WebSession
from remote_mailcfg.secret import Secret
from remote_mailcfg.store.journal import Journal
from remote_mailcfg.store.locks import changing_instance


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The new key's name and end; `key` only where it was not saved."""

    name: str
    expires: datetime | None
    saved: str | None
    key: Secret | None


def create_api_key(
    target: Target,
    progress: Progress,
    *,
    name: str,
    days: int | None,
    save: str | None,
    force: bool = False,
) -> ApiKey:
    """Make a key for the user of the web session.

    `save` is a reference, `file:PATH` or `keyring:SERVICE/USER`, looked at before the key is made;
    `{name}` in it is the instance's name, as in the references of an inventory. With `force` a file
    or entry that is there is replaced.
    Raises `configuration` without a password: Odoo asks for it before it makes a key.
    """
    if target.password is None:
        raise ConfigurationError(
            "configuration",
            "Odoo makes an API key only in a web session and asks for the password",
            "Set OPENSPP_PASSWORD, or `password` in the inventory.",
        )
    if save is not None:
        save = save.replace(NAME_PLACE, name_in_references(target.name))
        check_savable(save, force=force)
    progress.working(f"{target.name}: making the key")
    with borrowed_session(target) as session, _journalled(session, name):
        new = make_key(session, name, days, target.password)
        if save is None:
            return ApiKey(name, new.expires, None, new.key)
        try:
            save_secret(save, new.key, force=force)
        except BaseException as error:
            revoked = _revoke(session, name)
            if not isinstance(error, OSError):
                raise
            raise RemoteMailcfgError(
                "not-saved",
                f"the key {name!r} could not be saved to {save} ({error.strerror}), and"
                f" {'was revoked' if revoked else 'could not be revoked'}",
                "Save to another place."
                if revoked
                else "Remove it in the user's preferences (Account Security), and make another.",
            ) from error
        return ApiKey(name, new.expires, save, None)


@contextmanager
def _journalled(session: WebSession, name: str) -> Iterator[None]:
    """Note in the journal that a key of this name is made, and how that ended."""
    target = session.target
    with changing_instance(target):
        journal = Journal(target, new_run_name())
        at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        journal.begin(target, (), command=f"apikey create {name}", at=at, undoes="", test=False)
        try:
            yield
        except BaseException as error:
            with suppress(RemoteMailcfgError):  # what went wrong before counts
                journal.end("failed" if isinstance(error, Exception) else "interrupted", ())
            raise
        with suppress(RemoteMailcfgError):  # the key is there, and must not be lost for it
            journal.end("done", ())


def _revoke(session: WebSession, name: str) -> bool:
    """Remove the key that was just made; tell whether it is removed."""
    try:
        return revoke_newest_key(session, name)
    except RemoteMailcfgError:
        return False
