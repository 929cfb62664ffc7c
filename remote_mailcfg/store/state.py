"""The state folder and its small private files."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from remote_mailcfg.errors import RemoteMailcfgError


def private_file(kind: str, *identity: str) -> Path:
    """Return where the file of this kind is kept for what `identity` names together."""
    name = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:32]
    return user_state_path("remote-mailcfg") / kind / f"{name}.json"


def make_private_folder(folder: Path) -> None:
    """Make a folder that only the user can enter, and the state folder around it likewise."""
    with _refusals_told(folder):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)


def save_private(path: Path, content: dict[str, Any]) -> None:
    """Write a file that only the user can read, whole or not at all, and on the disk for sure.

    Raises `not-saved` where the folder does not let the user write.
    """
    make_private_folder(path.parent)
    with _refusals_told(path.parent):
        handle, temporary = tempfile.mkstemp(dir=path.parent)  # made with mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink()
            raise


def load_private(path: Path) -> dict[str, Any] | None:
    """Return what was saved; None where there is nothing, or nothing that can be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


@contextmanager
def _refusals_told(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into an error that names the folder."""
    try:
        yield
    except OSError as error:
        raise RemoteMailcfgError(
            "not-saved",
            f"the state folder {folder} cannot be written: {error.strerror}",
            "Make it writable, or set XDG_STATE_HOME to a folder of yours.",
        ) from error
