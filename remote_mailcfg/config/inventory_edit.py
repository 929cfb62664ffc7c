"""A new instance at the end of an inventory; what people wrote above it stays as it is."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remote_mailcfg.config.inventory import parse_inventory
from remote_mailcfg.config.user_file import load_text
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.files import replace_file

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
        replace_file(path.resolve(), text, mode=None)  # a link stays one
    except OSError as error:
        raise ConfigurationError(
            "configuration",
            f"{path} cannot be written: {error.strerror}",
            "Give another file with --inventory.",
        ) from error


def _read(path: Path) -> str:
    """Return the text of an inventory, `""` where there is none.

    Raises `ConfigurationError` for what is not a file, such as a device: it would be replaced.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ConfigurationError(
            "configuration",
            f"{path} is a device or a pipe, not a file",
            "Give another file with --inventory.",
        )
    return load_text(path, where_missing="")
