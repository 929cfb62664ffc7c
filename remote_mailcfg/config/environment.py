"""The variables of the environment and of a dotenv file, and the one target they describe."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dotenv import dotenv_values

from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.target import PROTOCOLS, Protocol, Target
from remote_mailcfg.secret import Secret

TRUE: Final = frozenset({"1", "true", "yes", "on"})
FALSE: Final = frozenset({"0", "false", "no", "off"})


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


def parse_target(environment: Environment) -> Target:
    """Return the single target of the `OPENSPP_*` variables.

    Raises one `ConfigurationError` with every problem in it.
    """
    problems: list[str] = []
    url = _parse_url(environment.get("OPENSPP_URL"), problems)
    secrets: dict[str, Secret | None] = {}
    for name in (
        "OPENSPP_API_KEY",
        "OPENSPP_PASSWORD",
        "OPENSPP_TOTP_SECRET",
        "OPENSPP_HTTP_BASIC",
    ):
        try:
            secrets[name] = environment.secret(name)
        except ConfigurationError as error:
            problems.append(error.message)
    login = environment.get("OPENSPP_LOGIN")
    if not login:
        problems.append("OPENSPP_LOGIN is not set: the login of a user with the role System Admin")
    basic = secrets.get("OPENSPP_HTTP_BASIC")
    if basic and ":" not in basic.reveal():
        problems.append("OPENSPP_HTTP_BASIC is not of the form user:password")
    protocol = _parse_protocol(environment.get("OPENSPP_PROTOCOL"), problems)
    timeout_seconds = _parse_timeout(environment.get("OPENSPP_TIMEOUT"), problems)
    ca_file = _parse_ca_file(environment.get("OPENSPP_CA_FILE"), problems)
    insecure_tls = _parse_flag(
        "OPENSPP_INSECURE_TLS", environment.get("OPENSPP_INSECURE_TLS"), problems
    )
    if problems:
        raise ConfigurationError(
            "configuration",
            "\n".join(problems),
            "Set these in the environment, in .env or in the file of --env-file;"
            " .env.example lists all of them.",
        )
    return Target(
        name=urlsplit(url).netloc,
        url=url,
        database=environment.get("OPENSPP_DB"),
        login=login,
        api_key=secrets["OPENSPP_API_KEY"],
        password=secrets["OPENSPP_PASSWORD"],
        totp_secret=secrets["OPENSPP_TOTP_SECRET"],
        protocol=protocol,
        timeout_seconds=timeout_seconds,
        ca_file=ca_file,
        insecure_tls=insecure_tls,
        http_basic=basic,
    )


def _parse_url(text: str, problems: list[str]) -> str:
    """Return the address without a trailing slash; it never carries a password."""
    if not text:
        problems.append("OPENSPP_URL is not set: the address of the instance")
        return ""
    try:
        parts = urlsplit(text)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid = False
    if not port_is_valid or parts.scheme not in {"http", "https"} or not parts.hostname:
        problems.append("OPENSPP_URL is not an address of the form https://host[:port][/prefix]")
    elif parts.username is not None:
        problems.append(
            "OPENSPP_URL holds a user or password; HTTP Basic goes into OPENSPP_HTTP_BASIC"
        )
    elif parts.query or parts.fragment:
        problems.append("OPENSPP_URL has a query or a fragment; give the base address alone")
    return text.rstrip("/")


def _parse_protocol(text: str, problems: list[str]) -> Protocol:
    for protocol in PROTOCOLS:
        if (text or "auto") == protocol:
            return protocol
    problems.append(f"OPENSPP_PROTOCOL is {text!r}, not one of {', '.join(PROTOCOLS)}")
    return "auto"


def _parse_timeout(text: str, problems: list[str]) -> float:
    try:
        seconds = float(text or 90)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 3600:
        problems.append(f"OPENSPP_TIMEOUT is {text!r}, not a number of seconds up to 3600")
    return seconds


def _parse_ca_file(text: str, problems: list[str]) -> Path | None:
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.is_file():
        problems.append(f"OPENSPP_CA_FILE: there is no file {text}")
    return path


def _parse_flag(name: str, text: str, problems: list[str]) -> bool:
    if text.lower() not in TRUE | FALSE | {""}:
        problems.append(f"{name} is {text!r}, not 1 or 0")
    return text.lower() in TRUE
