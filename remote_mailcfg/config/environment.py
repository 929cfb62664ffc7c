"""The variables of the environment and of a dotenv file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.secret import Secret


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables by name; the dotenv file fills what the real environment leaves open.

    An empty variable counts as not given. `real` holds the real environment alone.
    """

    values: Mapping[str, str]
    real: Mapping[str, str]

    def get(self, name: str) -> str:
        """Return a variable's text, `""` where it is not given."""
        return self.values.get(name, "").strip()

    def secret(self, name: str, *, real_only: bool = False) -> Secret | None:
        """Return a secret from `NAME` or from the file that `NAME_FILE` names.

        Raises `ConfigurationError` when both are given or the file cannot be read.
        """
        values = self.real if real_only else self.values
        literal, path = values.get(name, ""), values.get(f"{name}_FILE", "")
        if literal and path:
            raise ConfigurationError(
                "configuration", f"{name} and {name}_FILE are both given", "Keep one of them."
            )
        if not path:
            return Secret(literal) if literal else None
        try:
            text = Path(path).expanduser().read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                "configuration",
                f"{name}_FILE: {path} cannot be read: {_why_unreadable(error)}",
            ) from None
        if not text.strip():
            raise ConfigurationError("configuration", f"{name}_FILE: {path} is empty")
        return Secret(text)


def load_environment(env_file: Path | None) -> Environment:
    """Read the variables: the real environment first, then `env_file` or `.env` in this folder.

    The file's values are taken as they stand: `${…}` in a password is not expanded.
    """
    if env_file and not env_file.is_file():
        raise ConfigurationError(
            "configuration", f"--env-file: there is no file {env_file}", "Check the path."
        )
    path = env_file or Path(".env")
    try:
        written = dotenv_values(path, interpolate=False) if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "configuration", f"{path} cannot be read: {_why_unreadable(error)}"
        ) from None
    real = {name: value for name, value in os.environ.items() if value}
    # NAME of the real environment also stands above NAME_FILE of the file, and the reverse
    filled = {
        name: value
        for name, value in written.items()
        if value and not real.keys() & {name, f"{name}_FILE", name.removesuffix("_FILE")}
    }
    return Environment(filled | real, real)


def _why_unreadable(error: OSError | UnicodeDecodeError) -> str:
    return "not a text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
