"""Make an API key for cron jobs, and put it where a reference points."""

from dataclasses import dataclass
from datetime import datetime

from remote_mailcfg.config.secret_reference import check_savable, save_secret
from remote_mailcfg.config.secrets import NAME_PLACE
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.instance.api_keys import make_key
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target, name_in_references
from remote_mailcfg.operations.web_login import borrowed_session
from remote_mailcfg.secret import Secret


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
    with borrowed_session(target) as session:
        new = make_key(session, name, days, target.password)
    if save is None:
        return ApiKey(name, new.expires, None, new.key)
    try:
        save_secret(save, new.key, force=force)
    except OSError as error:
        raise RemoteMailcfgError(
            "not-saved",
            f"the key {name!r} was made and could not be saved to {save}: {error.strerror}",
            "Remove it in the user's preferences (Account Security), and make another.",
        ) from error
    return ApiKey(name, new.expires, save, None)
