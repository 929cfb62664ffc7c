"""The variables of the environment and of a dotenv file."""

import io
import os
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream

from remote_mailcfg.config.trust import VARIABLE as TRUST_VARIABLE
from remote_mailcfg.config.trust import Distrust, UserFile, read_file
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.secret import Secret

DOTENV: Final = ".env"
#: What a secret's name ends with where its value is the path of a file.
FILE_SUFFIX: Final = "_FILE"
#: The secrets among our variables; each may be given as NAME_FILE.
OUR_SECRETS: Final = (
    "OPENSPP_API_KEY",
    "OPENSPP_PASSWORD",
    "OPENSPP_TOTP_SECRET",
    "OPENSPP_HTTP_BASIC",
    "SMTP_PASS",
)
#: Our other variables. A name in a dotenv file that is almost one of these is a mistake.
OUR_OTHERS: Final = (
    "OPENSPP_URL",
    "OPENSPP_DB",
    "OPENSPP_LOGIN",
    "OPENSPP_PROTOCOL",
    "OPENSPP_TIMEOUT",
    "OPENSPP_CA_FILE",
    "OPENSPP_INSECURE_TLS",
    "OPENSPP_ROLE",
    "REMOTE_MAILCFG_INVENTORY",
    TRUST_VARIABLE,
    "SMTP_NAME",
    "SMTP_SEQUENCE",
    "SMTP_ENCRYPTION",
    "SMTP_AUTHENTICATION",
    "SMTP_USER",
    "SMTP_HOST",
    "SMTP_PORT",
    "SMTP_FROM_FILTER",
)
OURS: Final = (*OUR_OTHERS, *OUR_SECRETS, *(f"{name}{FILE_SUFFIX}" for name in OUR_SECRETS))


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables by name; the dotenv file fills what the real environment leaves open.

    An empty variable counts as not given. `real` holds the real environment alone. `distrust` says
    why the dotenv file is not trusted, `found_here` that it is the one of the current folder, which
    nobody named. `warnings` are to be shown; more come as secrets are read.
    """

    values: Mapping[str, str]
    real: Mapping[str, str]
    distrust: Distrust | None = None
    found_here: bool = False
    warnings: list[str] = field(default_factory=list, compare=False)

    def get(self, name: str) -> str:
        """Return a variable's text, `""` where it is not given.

        Raises `ConfigurationError` where it comes from a dotenv file that others can change.
        """
        self._refuse_distrusted(name)
        return self.values.get(name, "").strip()

    def secret(self, name: str, *, real_only: bool = False) -> Secret | None:
        """Return a secret from `NAME` or from the file that `NAME_FILE` names.

        Raises `ConfigurationError` when both are given, or the file cannot be read or be trusted.
        """
        values = self.real if real_only else self.values
        literal, path = values.get(name, ""), values.get(name + FILE_SUFFIX, "")
        if literal and path:
            raise ConfigurationError(
                "configuration", f"{name} and {name}_FILE are both given", "Keep one of them."
            )
        for given in (name, name + FILE_SUFFIX):
            if given in values:
                self._refuse_distrusted(given)
        if not path:
            return Secret(literal) if literal else None
        return self._from_file(f"{name}{FILE_SUFFIX}", Path(path).expanduser())

    def warn_of_mixed(self, address: str, credentials: Iterable[str]) -> None:
        """Warn where this folder's .env gives an address and the real environment a credential.

        Or the other way round: in a folder of somebody else's, the credential would be sent to
        their address. A file that --env-file names is meant.
        """
        if not self.found_here or address not in self.values:
            return
        address_is_real = address in self.real
        given = (it for name in credentials for it in (name, f"{name}{FILE_SUFFIX}"))
        mixed = [it for it in given if it in self.values and (it in self.real) != address_is_real]
        if mixed:
            places = (f"{DOTENV} in this folder", "the environment")
            self.warnings.append(
                f"{address} comes from {places[address_is_real]}, but {' and '.join(mixed)} from"
                f" {places[not address_is_real]}; pass --env-file {DOTENV} if that is intended"
            )

    def _from_file(self, name: str, path: Path) -> Secret:
        try:
            file = read_file(path)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                "configuration", f"{name}: {path} cannot be read: {_why_unreadable(error)}"
            ) from None
        if file.distrust:
            raise ConfigurationError("configuration", f"{name}: {file.distrust.whole}")
        if file.exposed:
            self.warnings.append(f"{name}: {_describe_exposed(path)}")
        text = file.text.rstrip("\r\n")
        if not text.strip():
            raise ConfigurationError("configuration", f"{name}: {path} is empty")
        return Secret(text)

    def _refuse_distrusted(self, name: str) -> None:
        if self.distrust and name in self.values and name not in self.real:
            raise ConfigurationError("configuration", f"{name}: {self.distrust.whole}")


def load_environment(env_file: Path | None) -> Environment:
    """Read the variables: the real environment first, then `env_file` or `.env` in this folder.

    The file's values are taken as they stand: `${…}` in a password is not expanded.
    """
    if env_file and not env_file.exists():
        raise ConfigurationError(
            "configuration", f"--env-file: there is no file {env_file}", "Check the path."
        )
    real = {name: value for name, value in os.environ.items() if value}
    path = env_file or Path(DOTENV)
    if not env_file and not path.is_file():
        return Environment(real, real)
    file = _read(path)
    written = _parse(file.text, path, given=real.keys())
    # NAME of the real environment also stands above NAME_FILE of the file, and the reverse
    filled = {
        name: value
        for name, value in written.items()
        if value and not real.keys() & {name, f"{name}_FILE", name.removesuffix(FILE_SUFFIX)}
    }
    return Environment(
        filled | real,
        real,
        distrust=file.distrust,
        found_here=env_file is None,
        warnings=[_describe_exposed(path)] if file.exposed and filled else [],
    )


def _read(path: Path) -> UserFile:
    try:
        return read_file(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = _why_unreadable(error)
    # not where it is caught: a decoder's exception carries all of the text along
    raise ConfigurationError("configuration", f"{path} cannot be read: {reason}")


def _parse(text: str, path: Path, *, given: Collection[str]) -> dict[str, str]:
    """Return the variables of a dotenv file.

    Raises one error with every line that does not parse, or whose name is almost one of ours. No
    line is shown: it may hold a secret. `given` are the variables of the real environment.
    """
    bindings = list(parse_stream(io.StringIO(text, newline=None)))
    values = {it.key: it.value for it in bindings if it.key and it.value}
    problems = [*_unparsed(bindings), *_misspelt(bindings, {*given, *values})]
    if problems:
        raise ConfigurationError(
            "configuration",
            "\n".join(f"{path}: line {line}: {problem}" for line, problem in sorted(problems)),
            "Each line is NAME=VALUE; a value with quotes, # or a backslash stands in single"
            " quotes, with \\' for a single quote in it.",
        )
    return values


def _unparsed(bindings: Iterable[Binding]) -> Iterator[tuple[int, str]]:
    for binding in bindings:
        is_name = binding.key and binding.key.isidentifier() and binding.key.isupper()
        if binding.error:
            yield _line_of(binding), "is not NAME=VALUE, or its quotes are not closed"
        elif binding.key and binding.value is None and not is_name:
            yield _line_of(binding), "is not NAME=VALUE"


def _misspelt(bindings: Iterable[Binding], given: AbstractSet[str]) -> Iterator[tuple[int, str]]:
    """Yield the variables that are one letter from one of ours which is not given."""
    for binding in bindings:
        name = binding.key
        if not name or not binding.value or name in OURS:
            continue
        for ours in OURS:
            plain = ours.removesuffix(FILE_SUFFIX)
            if given.isdisjoint({ours, plain, plain + FILE_SUFFIX}) and _is_almost(name, ours):
                yield _line_of(binding), f"unknown variable {name}; did you mean {ours}?"
                break


def _is_almost(name: str, ours: str) -> bool:
    """Tell whether one letter is missing, too many, another one, or changed places.

    A digit at the end is no slip: it counts.
    """
    if name[:-1] == ours and name[-1].isdigit():
        return False
    first = next((at for at, it in enumerate(zip(name, ours, strict=False)) if it[0] != it[1]), -1)
    at = first if first >= 0 else min(len(name), len(ours))
    rest, our_rest = name[at:], ours[at:]
    is_swapped = rest[:2] == our_rest[:2][::-1] and rest[2:] == our_rest[2:]
    return rest[1:] == our_rest or rest == our_rest[1:] or rest[1:] == our_rest[1:] or is_swapped


def _line_of(binding: Binding) -> int:
    """Return the line of a binding; blank lines before it are part of it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _describe_exposed(path: Path) -> str:
    return f"others can read {path}: chmod 600 {shlex.quote(str(path))}"


def _why_unreadable(error: OSError | UnicodeDecodeError) -> str:
    return "not a text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
