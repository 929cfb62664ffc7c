"""The files that users write, `instances.toml` for one: their text, and the word on a wrong one."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from remote_mailcfg.config.trust import UserFile, read_file
from remote_mailcfg.errors import ConfigurationError


class MissingFileError(ConfigurationError):
    """A file that a command names is not there: without it nothing else is known for sure."""


def load_user_file(path: Path) -> UserFile:
    """Return the text of a file, and whether it is trusted with references to secrets.

    Raises `ConfigurationError` for one that cannot be read, or is not a text.
    """
    try:
        return read_file(path)
    except FileNotFoundError:
        raise MissingFileError(
            "configuration",
            f"{path} cannot be read: {os.strerror(errno.ENOENT)}",
            "Check the path.",
        ) from None
    except OSError as error:
        reason = str(error.strerror)
    except UnicodeDecodeError:
        reason = "not a text in UTF-8"
    # not where it is caught: a decoder's exception carries all of the text along
    raise ConfigurationError("configuration", f"{path} cannot be read: {reason}")


def load_text(path: Path, *, where_missing: str | None = None) -> str:
    """Return the text of a file as `load_user_file` does, of one that holds no references.

    `where_missing` is returned if it is given and there is no file.
    """
    if where_missing is not None and not path.exists():
        return where_missing
    return load_user_file(path).text


def wrong_form(path: Path, problems: Iterable[str], *, schema: str) -> ConfigurationError:
    """Return the error with every problem of a file; `schema` is the word for its form."""
    return ConfigurationError(
        "configuration",
        "\n".join(f"{path}: {problem}" for problem in problems),
        f"`remote-mailcfg schema {schema}` prints the form of the file, for editors.",
    )
