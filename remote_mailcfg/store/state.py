"""The state folder and its small private files."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from platformdirs import user_state_path

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.files import PRIVATE, replace_file

#: What a disk says that is full.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def state_folder() -> Path:
    """Return the folder for all that is kept between commands."""
    return user_state_path("remote-mailcfg")


def private_file(kind: str, *identity: str) -> Path:
    """Return where the file of this kind is kept for what `identity` names together."""
    return state_folder() / kind / f"{digest(*identity)}.json"


def digest(*identity: str) -> str:
    """Return a name for a file that is of what `identity` names together."""
    return hashlib.sha256("\n".join(identity).encode()).hexdigest()[:32]


def make_private_folder(folder: Path) -> None:
    """Make a folder that only the user can enter, and the state folder around it likewise."""
    with refusals_told(folder):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Make an empty file that only the user can read, where there is none; its folder likewise."""
    make_private_folder(path.parent)
    with refusals_told(path.parent):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def save_private(path: Path, content: dict[str, Any]) -> None:
    """Write a file that only the user can read, whole or not at all, and on the disk for sure.

    Raises `not-saved` where the folder does not let the user write.
    """
    make_private_folder(path.parent)
    replace_private(path, json.dumps(content))


def replace_private(path: Path, text: str) -> None:
    """Write a file in a folder that is there, as `save_private` does."""
    with refusals_told(path.parent):
        replace_file(path, text, mode=PRIVATE)


def load_private(path: Path) -> dict[str, Any] | None:
    """Return what was saved, None where nothing was; raises `state-damaged`, with the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise state_damaged(path, f"cannot be read: {error.strerror}") from error
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise state_damaged(path, "is damaged")
    return content


def state_damaged(path: Path, why: str) -> RemoteMailcfgError:
    """Return the error for a file of the state folder that does not tell what it was kept for."""
    return RemoteMailcfgError(
        "state-damaged",
        f"the file {path} {why}",
        "Make it readable, or move it away: it is made again when it is needed.",
    )


@contextmanager
def refusals_told(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into an error that names the folder, or the file."""
    try:
        yield
    except OSError as error:
        kind = "file" if os.path.isfile(folder) else "folder"  # noqa: PTH113 - it raises nothing
        raise RemoteMailcfgError(
            "not-saved",
            f"the {kind} {folder} cannot be written: {error.strerror}",
            f"Make {'room there' if error.errno in FULL else 'it writable'}; for the state folder,"
            " set XDG_STATE_HOME to one of yours.",
        ) from error
