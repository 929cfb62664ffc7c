"""The state folder and its small private files."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from platformdirs import user_state_path


def private_file(kind: str, *identity: str) -> Path:
    """Return where the file of this kind is kept for what `identity` names together."""
    name = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:32]
    return user_state_path("remote-mailcfg") / kind / f"{name}.json"


def make_private_folder(folder: Path) -> None:
    """Make a folder that only the user can enter, and the state folder around it likewise."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def save_private(path: Path, content: dict[str, Any]) -> None:
    """Write a file that only the user can read, whole or not at all, and on the disk for sure."""
    make_private_folder(path.parent)
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
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None
