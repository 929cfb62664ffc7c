"""Where a secret is put: a reference such as `file:PATH` or `keyring:SERVICE/USER`."""

import errno
from pathlib import Path
from types import ModuleType

from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.files import NewFile
from remote_mailcfg.secret import Secret


def check_savable(reference: str, *, force: bool = False) -> None:
    """Look that a secret could be saved there, before there is one to lose.

    Raises `ConfigurationError` for another kind of reference, a file or entry that exists unless
    it may be replaced with `force`, a folder that does not, or a keyring that is not installed or
    keeps nothing.
    """
    kind, _, place = reference.partition(":")
    if kind == "file" and place:
        _new_file(place, force=force).check()
        return
    if kind == "keyring" and place.count("/") == 1:
        _check_keyring(*place.split("/"), force=force)
        return
    raise ConfigurationError(
        "configuration",
        "--save is not file:PATH or keyring:SERVICE/USER; it is not shown: it may be a key",
        "For instance --save file:openspp.key",
    )


def save_secret(reference: str, secret: Secret, *, force: bool = False) -> None:
    """Put a secret where the reference points; a new file is readable by its owner alone.

    Raises `OSError`, also for what a keyring refuses.
    """
    kind, _, place = reference.partition(":")
    if kind == "keyring":
        keyring = load_keyring(what="--save")
        service, _, user = place.partition("/")
        try:
            keyring.set_password(service, user, secret.reveal())
        except keyring.errors.KeyringError as error:
            raise OSError(errno.EACCES, f"the keyring refuses it: {error}") from error
        return
    _new_file(place, force=force).put(secret.reveal() + "\n")


def _new_file(place: str, *, force: bool) -> NewFile:
    return NewFile(path=Path(place).expanduser(), option="--save", force=force, private=True)


def _check_keyring(service: str, user: str, *, force: bool) -> None:
    """Refuse a keyring that keeps nothing, or has the entry already."""
    keyring = load_keyring(what="--save")
    try:
        is_there = keyring.get_password(service, user) is not None
    except keyring.errors.KeyringError:
        return  # it says so when the secret is saved
    if is_there and not force:
        raise ConfigurationError(
            "configuration",
            f"--save: the keyring has an entry {service}/{user}, which is not overwritten",
            "Give another name, or --force.",
        )


def load_keyring(*, what: str) -> ModuleType:
    """Return the package keyring.

    Raises `ConfigurationError`, which names `what` wants it, where it is not installed or there is
    no service behind it.
    """
    try:
        import keyring  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise ConfigurationError(
            "configuration",
            f"{what}: the Python package keyring is not installed",
            "pip install 'remote-mailcfg[keyring]'",
        ) from None
    if keyring.get_keyring().priority <= 0:  # what it falls back on where there is no service
        raise ConfigurationError(
            "configuration",
            f"{what}: this machine has no keyring service that could keep the secret",
            "Use file:PATH, or start the desktop's keyring.",
        )
    return keyring
