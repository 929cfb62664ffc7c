"""The fields of a mail server as options, and what is asked for where one is missing."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from remote_mailcfg.cli.terminal import answering, can_ask
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.mail_server import load_key, load_pem, parse_variables
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.values import Value, Values, default_port, missing_values
from remote_mailcfg.secret import Secret

PROMPTS: Final = {
    "name": "Name",
    "smtp_host": "SMTP Server",
    "smtp_pass": "Password (not shown)",
}


def _fields(
    name: Annotated[str | None, typer.Option(help="Name.")] = None,
    sequence: Annotated[
        int | None, typer.Option(help="Priority: smaller is used first.", show_default=False)
    ] = None,
    smtp_encryption: Annotated[
        str | None,
        typer.Option(help="none, starttls, ssl; 19 also starttls_strict, ssl_strict."),
    ] = None,
    smtp_authentication: Annotated[
        str | None, typer.Option(help="login, certificate, cli; gmail, outlook where installed.")
    ] = None,
    smtp_user: Annotated[str | None, typer.Option(help="Username, often a full address.")] = None,
    smtp_pass: Annotated[
        bool | None,
        typer.Option(
            "--smtp-pass/--no-smtp-pass",
            help="Ask for a password, or clear it. It is never an option's value.",
        ),
    ] = None,
    smtp_host: Annotated[str | None, typer.Option(help="SMTP Server.")] = None,
    smtp_port: Annotated[
        int | None, typer.Option(help="SMTP Port; 465 for ssl, 587 for starttls, 25 for none.")
    ] = None,
    from_filter: Annotated[
        str | None, typer.Option(help="FROM Filtering: addresses and domains, with commas.")
    ] = None,
    smtp_ssl_certificate: Annotated[
        Path | None, typer.Option(help="SSL Certificate: a PEM file.")
    ] = None,
    smtp_ssl_private_key: Annotated[
        Path | None, typer.Option(help="Private Key: a PEM file without passphrase.")
    ] = None,
    smtp_debug: Annotated[
        bool | None, typer.Option("--smtp-debug/--no-smtp-debug", help="Debugging.")
    ] = None,
    max_email_size: Annotated[float | None, typer.Option(help="Max Email Size in MB (19).")] = None,
) -> None:
    """Declare one option a field, in the order of the guide's form."""


FIELD_OPTIONS: Final = tuple(inspect.signature(_fields).parameters.values())


def values_to_create(given: Mapping[str, Any], environment: Environment) -> Values:
    """Return the values of a new server: options, then `SMTP_*`, then what a person answers.

    Raises one `missing-value` for all that is missing where nobody can be asked.
    """
    values: dict[str, Value] = parse_variables(environment) | _from_options(given)
    missing = missing_values(values)
    if missing and not can_ask():
        raise ConfigurationError(
            "missing-value",
            "missing: " + ", ".join(_source(field) for field in missing),
            "Give these options or variables; on a terminal you are asked for them.",
        )
    for field in missing:
        values[field] = _ask(field)
    values.setdefault("smtp_encryption", "none")
    if values.get("smtp_authentication") != "cli":
        values.setdefault("smtp_port", default_port(str(values["smtp_encryption"])))
    return values


def values_to_update(given: Mapping[str, Any], environment: Environment) -> Values:
    """Return the values that options name; of the variables `SMTP_PASS` alone, if it is real.

    A `.env` file describes the server to create; its password must not slip into an update.
    """
    values = _from_options(given)
    password = environment.secret("SMTP_PASS", real_only=True)
    if password and "smtp_pass" not in values:
        values["smtp_pass"] = password
    if not values:
        raise ConfigurationError(
            "missing-value", "no option names a value to change", "See `server update --help`."
        )
    return values


def _from_options(given: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values of the options that were given; a `--smtp-pass` asks."""
    values: dict[str, Value] = {f: v for f, v in given.items() if v is not None}
    if values.pop("smtp_pass", None) is True:
        if not can_ask():
            raise ConfigurationError(
                "missing-value",
                "--smtp-pass asks for the password, and nobody can be asked here",
                "Set SMTP_PASS or SMTP_PASS_FILE.",
            )
        values["smtp_pass"] = _ask("smtp_pass")
    elif given["smtp_pass"] is False:
        values["smtp_pass"] = ""
    if given["smtp_ssl_certificate"]:
        values["smtp_ssl_certificate"] = load_pem(
            given["smtp_ssl_certificate"], option="--smtp-ssl-certificate"
        )
    if given["smtp_ssl_private_key"]:
        values["smtp_ssl_private_key"] = load_key(
            given["smtp_ssl_private_key"], option="--smtp-ssl-private-key"
        )
    return values


def _ask(field: str) -> Value:
    with answering():
        text: str = typer.prompt(PROMPTS[field], hide_input=field == "smtp_pass", err=True)
    return Secret(text) if field == "smtp_pass" else text


def _source(field: str) -> str:
    """Return where a value can come from, as the user writes it."""
    if field == "smtp_pass":
        return "smtp_pass (SMTP_PASS or SMTP_PASS_FILE)"
    variable = "SMTP_NAME" if field == "name" else field.upper()
    return f"{field} (--{field.replace('_', '-')} or {variable})"
