"""The single instance that the `OPENSPP_*` variables describe."""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from remote_mailcfg.config.address import check_address
from remote_mailcfg.config.entry import Entry
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.target import PROTOCOLS, ROLES, Protocol, Role, Target

TRUE: Final = frozenset({"1", "true", "yes", "on"})
FALSE: Final = frozenset({"0", "false", "no", "off"})

#: Variable of each secret, and its field of `Target`.
SECRETS: Final = {
    "OPENSPP_API_KEY": "api_key",
    "OPENSPP_PASSWORD": "password",
    "OPENSPP_TOTP_SECRET": "totp_secret",
    "OPENSPP_HTTP_BASIC": "http_basic",
}


def parse_entry(environment: Environment) -> Entry:
    """Return the instance of the variables; its secrets are references to them.

    Raises one `ConfigurationError` with every problem in it, also for a secret that cannot be read.
    """
    problems: list[str] = []
    url = _parse_url(environment.get("OPENSPP_URL"), problems)
    references = _parse_secrets(environment, problems)
    environment.warn_of_mixed("OPENSPP_URL", SECRETS)
    login = environment.get("OPENSPP_LOGIN")
    if not login:
        problems.append("OPENSPP_LOGIN is not set: the login of a user with the role System Admin")
    protocol = _parse_protocol(environment.get("OPENSPP_PROTOCOL"), problems)
    timeout_seconds = _parse_timeout(environment.get("OPENSPP_TIMEOUT"), problems)
    ca_file = _parse_ca_file(environment.get("OPENSPP_CA_FILE"), problems)
    insecure_tls = _parse_flag(
        "OPENSPP_INSECURE_TLS", environment.get("OPENSPP_INSECURE_TLS"), problems
    )
    role = _parse_role(environment.get("OPENSPP_ROLE"), problems)
    if problems:
        raise ConfigurationError(
            "configuration",
            "\n".join(problems),
            "Set these in the environment, in .env or in the file of --env-file;"
            " .env.example lists all of them.",
        )
    target = Target(
        name=urlsplit(url).netloc,
        url=url,
        database=environment.get("OPENSPP_DB"),
        login=login,
        protocol=protocol,
        timeout_seconds=timeout_seconds,
        ca_file=ca_file,
        insecure_tls=insecure_tls,
        role=role,
    )
    return Entry(target=target, references=references, folder=Path.cwd())


def _parse_url(text: str, problems: list[str]) -> str:
    """Return the address without a trailing slash; it never carries a password."""
    if not text:
        problems.append("OPENSPP_URL is not set: the address of the instance")
    elif problem := check_address(text, credentials="HTTP Basic goes into OPENSPP_HTTP_BASIC"):
        problems.append(f"OPENSPP_URL {problem}")
    return text.rstrip("/")


def _parse_secrets(environment: Environment, problems: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the references to the secrets that are given, once each was read."""
    references = []
    for variable, field in SECRETS.items():
        try:
            secret = environment.secret(variable)
        except ConfigurationError as error:
            problems.append(error.message)
            continue
        if secret:
            references.append((field, f"env:{variable}"))
        if secret and field == "http_basic" and ":" not in secret.reveal():
            problems.append(f"{variable} is not of the form user:password")
    return tuple(references)


def _parse_protocol(text: str, problems: list[str]) -> Protocol:
    for protocol in PROTOCOLS:
        if (text or "auto") == protocol:
            return protocol
    problems.append(f"OPENSPP_PROTOCOL is not one of {', '.join(PROTOCOLS)}")
    return "auto"


def _parse_role(text: str, problems: list[str]) -> Role | None:
    for role in ROLES:
        if text == role:
            return role
    if text:
        problems.append(f"OPENSPP_ROLE is not one of {', '.join(ROLES)}")
    return None


def _parse_timeout(text: str, problems: list[str]) -> float:
    try:
        seconds = float(text or 90)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 3600:
        problems.append("OPENSPP_TIMEOUT is not a number of seconds up to 3600")
    return seconds


def _parse_ca_file(text: str, problems: list[str]) -> Path | None:
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.is_file():
        problems.append("OPENSPP_CA_FILE does not name a file")
    return path


def _parse_flag(name: str, text: str, problems: list[str]) -> bool:
    if text.lower() not in TRUE | FALSE | {""}:
        problems.append(f"{name} is not 1 or 0")
    return text.lower() in TRUE
