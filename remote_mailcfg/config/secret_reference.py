"""Where a secret is put: a reference such as `file:PATH` or `keyring:SERVICE/USER`."""

import errno
import os
from pathlib import Path
from types import ModuleType

from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.secret import Secret


def check_savable(reference: str) -> None:
    """Look that a secret could be saved there, before there is one to lose.

    Raises `ConfigurationError` for another kind of reference, a file that exists, a folder that
    does not, or a keyring that is not installed or keeps nothing.
    """
    kind, _, place = reference.partition(":")
    if kind == "file" and place:
        path = Path(place).expanduser()
        if path.exists():
            raise ConfigurationError(
                "configuration",
                f"--save: {path} exists and is not overwritten",
                "Give another file, or move this one away.",
            )
        if not os.access(path.parent, os.W_OK):
            raise ConfigurationError(
                "configuration", f"--save: {path.parent} is not a folder that you may write to"
            )
        return
    if kind == "keyring" and place.count("/") == 1:
        load_keyring(what="--save")
        return
    raise ConfigurationError(
        "configuration",
        "--save is not file:PATH or keyring:SERVICE/USER; it is not shown: it may be a key",
        "For instance --save file:openspp.key",
    )


def save_secret(reference: str, secret: Secret) -> None:
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
    path = Path(place).expanduser()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secret.reveal() + "\n")


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
