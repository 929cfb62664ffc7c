"""A new instance at the end of an inventory; what people wrote above it stays as it is."""

import os
import stat
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remote_mailcfg.config.inventory import parse_inventory
from remote_mailcfg.config.user_file import load_text
from remote_mailcfg.errors import ConfigurationError

Value = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Present:
    """What an inventory has already: the names of its instances, and the keys with a default."""

    names: frozenset[str] = frozenset()
    defaults: frozenset[str] = frozenset()


def load_present(path: Path) -> Present:
    """Return what is in an inventory, also in one that has other problems or is not there."""
    try:
        content = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError:
        return Present()
    tables = (content.get("instances"), content.get("defaults"))
    return Present(*(frozenset(it) if isinstance(it, dict) else frozenset() for it in tables))


def check_value(key: str, value: Value, *, folder: Path) -> str | None:
    """Return what is wrong with one value of an instance, without the value; None: nothing."""
    from remote_mailcfg.config.inventory_file import check_key  # noqa: PLC0415 - slow to load

    return check_key(key, value, folder=folder)


def add_instance(path: Path, name: str, values: Mapping[str, Value]) -> None:
    """Write an instance behind all others; the file is made where there is none.

    The file is written whole or not at all. Raises one `ConfigurationError` with everything that
    would be wrong with the inventory, then nothing is written.
    """
    import tomlkit  # noqa: PLC0415 - only this needs it

    text = _read(path)
    if text and not text.endswith("\n"):
        text += "\n"
    added = tomlkit.dumps({"instances": {name: values}})
    text = f"{text}\n{added}" if text else added
    parse_inventory(text, path)
    try:
        _replace(path.resolve(), text)  # a link stays one
    except OSError as error:
        raise ConfigurationError(
            "configuration",
            f"{path} cannot be written: {error.strerror}",
            "Give another file with --inventory.",
        ) from error


def _read(path: Path) -> str:
    """Return the text of an inventory, `""` where there is none."""
    return load_text(path, where_missing="")


def _replace(path: Path, text: str) -> None:
    """Write a file whole; one that exists keeps its mode."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        if path.exists():
            Path(temporary).chmod(stat.S_IMODE(path.stat().st_mode))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
