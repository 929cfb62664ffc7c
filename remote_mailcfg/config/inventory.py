"""The inventory: the instances of `instances.toml`, and where that file is."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platformdirs import user_config_path

from remote_mailcfg.config.entry import Entry
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.secrets import NAME_PLACE
from remote_mailcfg.config.user_file import load_user_file, wrong_form
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.target import Target, name_in_references

if TYPE_CHECKING:
    from remote_mailcfg.config.inventory_file import InstanceTable

FILE_NAME: Final = "instances.toml"
VARIABLE: Final = "REMOTE_MAILCFG_INVENTORY"
SECRETS: Final = ("api_key", "password", "totp_secret", "http_basic")


@dataclass(frozen=True, slots=True)
class Inventory:
    """The instances of one file, at least one, in its order."""

    path: Path
    entries: tuple[Entry, ...]


def find_inventory(given: Path | None, environment: Environment) -> Path | None:
    """Return the file of --inventory, of this folder, of the variable, or of the user's folder.

    None where there is none. Raises `ConfigurationError` when a file that was named is missing.
    """
    if given:
        return _existing(given, named_by="--inventory")
    if Path(FILE_NAME).is_file():
        return Path(FILE_NAME)
    if named := environment.get(VARIABLE):
        return _existing(Path(named).expanduser(), named_by=VARIABLE)
    path = user_inventory()
    return path if path.is_file() else None


def user_inventory() -> Path:
    """Return where the inventory of this user is, when none is nearer."""
    return user_config_path("remote-mailcfg") / FILE_NAME


def _existing(path: Path, *, named_by: str) -> Path:
    if not path.is_file():
        raise ConfigurationError(
            "configuration", f"{named_by}: there is no file {path}", "Check the path."
        )
    return path


def load_inventory(path: Path) -> Inventory:
    """Read an inventory; secrets stay references.

    Raises one `ConfigurationError` with every problem in it, each with its place, and one for a
    file with references that others can change.
    """
    file = load_user_file(path)
    inventory = parse_inventory(file.text, path)
    if file.distrust and any(entry.references for entry in inventory.entries):
        raise file.distrust.error()
    return inventory


def parse_inventory(text: str, path: Path) -> Inventory:
    """Return the inventory in a text as `load_inventory` does; `path` is where it belongs."""
    from remote_mailcfg.config.inventory_file import validate  # noqa: PLC0415 - slow to load

    folder = path.absolute().parent
    found = validate(text, folder=folder)
    if isinstance(found, list):
        raise wrong_form(path, found, schema="instances")
    return Inventory(path, tuple(_entry(name, table, folder) for name, table in found.items()))


def _entry(name: str, table: "InstanceTable", folder: Path) -> Entry:
    target = Target(
        name=name,
        url=table.url.rstrip("/"),
        database=table.database,
        login=table.login,
        protocol=table.protocol,
        timeout_seconds=table.timeout,
        ca_file=folder / Path(table.ca_file).expanduser() if table.ca_file else None,
        insecure_tls=table.insecure_tls,
        proxy=table.proxy,
        role=table.role or None,
        tags=tuple(table.tags),
        min_interval_seconds=table.min_interval,
    )
    references = ((field, getattr(table, field)) for field in SECRETS)
    return Entry(
        target=target,
        references=tuple(
            (field, reference.replace(NAME_PLACE, name_in_references(name)))
            for field, reference in references
            if reference
        ),
        folder=folder,
    )
