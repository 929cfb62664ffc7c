"""The files that users write, `instances.toml` for one: their text, and the word on a wrong one."""

from collections.abc import Iterable
from pathlib import Path

from remote_mailcfg.errors import ConfigurationError


def load_text(path: Path, *, where_missing: str | None = None) -> str:
    """Return the text of a file, or `where_missing` if that is given and there is no file.

    Raises `ConfigurationError` for one that cannot be read, or is not a text.
    """
    try:
        return path.read_bytes().decode()
    except OSError as error:
        if isinstance(error, FileNotFoundError) and where_missing is not None:
            return where_missing
        reason = str(error.strerror)
    except UnicodeDecodeError:
        reason = "not a text in UTF-8"
    # not where it is caught: a decoder's exception carries all of the text along
    raise ConfigurationError("configuration", f"{path} cannot be read: {reason}")


def wrong_form(path: Path, problems: Iterable[str], *, schema: str) -> ConfigurationError:
    """Return the error with every problem of a file; `schema` is the word for its form."""
    return ConfigurationError(
        "configuration",
        "\n".join(f"{path}: {problem}" for problem in problems),
        f"`remote-mailcfg schema {schema}` prints the form of the file, for editors.",
    )
