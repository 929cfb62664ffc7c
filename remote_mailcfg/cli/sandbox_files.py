"""The files of a running sandbox: what the other commands need to talk to it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from remote_mailcfg.files import PRIVATE, NewFile, create_file

if TYPE_CHECKING:
    from remote_mailcfg.cli.running_sandbox import Sandbox

ENV_FILE = "sandbox.env"
INVENTORY = "instances.toml"
PASSWORD = "password"  # noqa: S105 - the name of the file that holds it


def write_files(sandbox: "Sandbox", folder: Path, inventory: Path) -> None:
    """Write the env file of the first instance, the inventory, and the secrets it refers to.

    All are new and readable by their owner alone. Raises `RemoteMailcfgError` for an inventory that
    exists or cannot be written.
    """
    create_file(folder / PASSWORD, sandbox.admin[1] + "\n", mode=PRIVATE)
    for it in sandbox.instances:
        create_file(_key_file(folder, it.name), it.api_key + "\n", mode=PRIVATE)
    create_file(folder / ENV_FILE, _render_env(sandbox), mode=PRIVATE)
    file = NewFile(path=inventory, option="--inventory", private=True)
    file.check()
    file.write(_render_inventory(sandbox, folder))


def _key_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.key"


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
