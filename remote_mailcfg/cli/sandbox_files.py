"""The files of a running sandbox: what the other commands need to talk to it."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from remote_mailcfg.errors import ConfigurationError

if TYPE_CHECKING:
    from remote_mailcfg.cli.running_sandbox import Sandbox

ENV_FILE = "sandbox.env"
INVENTORY = "instances.toml"
PASSWORD = "password"  # noqa: S105 - the name of the file that holds it


def write_files(sandbox: "Sandbox", folder: Path, inventory: Path) -> None:
    """Write the env file of the first instance, the inventory, and the secrets it refers to.

    All are new and readable by their owner alone. Raises `ConfigurationError` for an inventory
    that exists or cannot be written.
    """
    _write(folder / PASSWORD, sandbox.admin[1] + "\n")
    for it in sandbox.instances:
        _write(_key_file(folder, it.name), it.api_key + "\n")
    _write(folder / ENV_FILE, _render_env(sandbox))
    try:
        _write(inventory, _render_inventory(sandbox, folder))
    except FileExistsError:
        raise ConfigurationError(
            "configuration",
            f"--inventory: {inventory} exists and is not overwritten",
            "Give another file, or move this one away.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            "configuration", f"--inventory: {inventory} cannot be written: {error.strerror}"
        ) from error


def _key_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.key"


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def _render_env(sandbox: "Sandbox") -> str:
    """Return the first instance, and the mail server that `server create` makes on it."""
    login, password = sandbox.admin
    instance, server = sandbox.instances[0], sandbox.usual
    variables = {
        "OPENSPP_URL": instance.url,
        "OPENSPP_DB": sandbox.database,
        "OPENSPP_LOGIN": login,
        "OPENSPP_PASSWORD": password,
        "OPENSPP_API_KEY": instance.api_key,
        "SMTP_NAME": "Main",
        "SMTP_HOST": server.host,
        "SMTP_PORT": server.port,
        "SMTP_ENCRYPTION": server.encryption,
        "SMTP_USER": server.user,
        "SMTP_PASS": server.password,
    }
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def _render_inventory(sandbox: "Sandbox", folder: Path) -> str:
    defaults = {
        "database": sandbox.database,
        "login": sandbox.admin[0],
        "password": f"file:{folder / PASSWORD}",
        "role": "test",
    }
    tables = {"defaults": defaults}
    for it in sandbox.instances:
        key = f"file:{_key_file(folder, it.name)}"
        tables[f"instances.{it.name}"] = {"url": it.url, "api_key": key}
    return "\n".join(_render_table(name, values) for name, values in tables.items())


def _render_table(name: str, values: dict[str, str]) -> str:
    lines = [f"{key} = {json.dumps(it, ensure_ascii=False)}\n" for key, it in values.items()]
    return f"[{name}]\n" + "".join(lines)
