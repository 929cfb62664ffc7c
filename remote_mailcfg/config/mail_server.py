"""The values of a mail server in `SMTP_*` variables, in PEM files and behind references."""

import base64
from pathlib import Path
from typing import Final

from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.values import Value
from remote_mailcfg.secret import Secret

#: Variable and field; `SMTP_PASS` is a secret and read apart.
VARIABLES: Final = {
    "SMTP_NAME": "name",
    "SMTP_SEQUENCE": "sequence",
    "SMTP_ENCRYPTION": "smtp_encryption",
    "SMTP_AUTHENTICATION": "smtp_authentication",
    "SMTP_USER": "smtp_user",
    "SMTP_HOST": "smtp_host",
    "SMTP_PORT": "smtp_port",
    "SMTP_FROM_FILTER": "from_filter",
}
NUMBERS: Final = frozenset({"sequence", "smtp_port"})


def parse_variables(environment: Environment) -> dict[str, Value]:
    """Return what the `SMTP_*` variables give, the password as a `Secret`.

    Raises one `ConfigurationError` with every problem in it.
    """
    problems: list[str] = []
    values: dict[str, Value] = {}
    for variable, field in VARIABLES.items():
        text = environment.get(variable)
        if text and field in NUMBERS and not text.isdecimal():
            problems.append(f"{variable} is not a number")
        elif text:
            values[field] = int(text) if field in NUMBERS else text
    try:
        password = environment.secret("SMTP_PASS")
        values |= {"smtp_pass": password} if password else {}
    except ConfigurationError as error:
        problems.append(error.message)
    environment.warn_of_mixed("SMTP_HOST", ["SMTP_PASS"])
    if problems:
        raise ConfigurationError(
            "configuration",
            "\n".join(problems),
            "Correct these variables; .env.example explains them.",
        )
    return values


def load_pem(path: Path, *, option: str) -> str:
    """Return a PEM file as base64 text, the way Odoo stores certificates and keys.

    Raises `ConfigurationError` for a file that is not PEM, or a key with a passphrase, which Odoo
    cannot open (17 and 19: `ir_mail_server.py`, `load_pem_private_key(…, password=None)`).
    """
    try:
        content = path.expanduser().read_bytes()
    except OSError as error:
        raise ConfigurationError(
            "invalid-value", f"{option}: {path} cannot be read: {error.strerror}"
        ) from None
    if b"-----BEGIN " not in content:
        raise ConfigurationError("invalid-value", f"{option}: {path} is not a PEM file")
    if b"ENCRYPTED" in content:
        raise ConfigurationError(
            "invalid-value",
            f"{option}: {path} has a passphrase, and Odoo cannot open such a key",
            "Give a key without one: openssl pkey -in KEY -out NEW",
        )
    return base64.b64encode(content).decode()


def load_key(path: Path, *, option: str) -> Secret:
    """Return a private key as `load_pem` does, as a secret."""
    return Secret(load_pem(path, option=option))


def resolve_field(
    field: str, reference: str, *, folder: Path, secrets: Secrets, what: str
) -> Secret | str:
    """Return what a reference of a desired server points to, as Odoo stores it in `field`.

    `what` is its name in an error. A certificate is no secret: others may read its file. Raises
    `ConfigurationError`.
    """
    if field == "smtp_pass":
        return secrets.resolve(reference, folder=folder, what=what)
    path = folder / Path(reference.removeprefix("file:")).expanduser()
    if field == "smtp_ssl_certificate":
        return load_pem(path, option=what)
    secrets.resolve(reference, folder=folder, what=what)  # refuses a file that others can read
    return load_key(path, option=what)
