"""The settings of an audit: `audit.toml`, and the profiles that are built in."""

from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from remote_mailcfg.config.user_file import load_text, wrong_form
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.audit_settings import AuditSettings
from remote_mailcfg.model.profile import Profile
from remote_mailcfg.model.waiver import Waiver

if TYPE_CHECKING:
    from remote_mailcfg.config.audit_file import AuditFile

FILE_NAME: Final = "audit.toml"
#: The profiles that are there without a file, in the form of one.
BUILT_IN: Final = "openspp.toml"


def find_audit_file(given: Path | None, *, named_by: str) -> Path | None:
    """Return the file that was given, else the one in this folder; None where there is none.

    `named_by` is the option that gives one. Raises `ConfigurationError` when that file is missing.
    """
    if given and not given.is_file():
        raise ConfigurationError(
            "configuration", f"{named_by}: there is no file {given}", "Check the path."
        )
    here = Path(FILE_NAME)
    return given or (here if here.is_file() else None)


def load_audit_settings(path: Path | None, *, rules: Collection[str]) -> AuditSettings:
    """Read an audit file, or without one what is built in; `rules` are the ids of all rules.

    Raises one `ConfigurationError` with every problem in it, each with its place.
    """
    return parse_audit_settings(load_text(path) if path else "", path, rules=rules)


def parse_audit_settings(text: str, path: Path | None, *, rules: Collection[str]) -> AuditSettings:
    """Return the settings in a text as `load_audit_settings` does; `path` is where it belongs."""
    from remote_mailcfg.config.audit_file import find_tags  # noqa: PLC0415 - slow to load

    own = resources.files("remote_mailcfg.config") / BUILT_IN
    built_in = _validate(own.read_text(), Path(BUILT_IN), rules)
    file = _validate(text, path or Path(FILE_NAME), rules)
    return AuditSettings(
        waivers=tuple(Waiver(**dict(table)) for table in file.waiver),
        profiles={
            name: _profile(name, built_in, file) for name in {**built_in.profile, **file.profile}
        },
        selectors={
            domain.lower().rstrip("."): tuple(them) for domain, them in file.dns.selectors.items()
        },
        nameservers=tuple(file.dns.nameservers),
        tag_uses=find_tags(file, text, path or Path(FILE_NAME)),
    )


def _validate(text: str, path: Path, rules: Collection[str]) -> "AuditFile":
    from remote_mailcfg.config.audit_file import validate  # noqa: PLC0415 - slow to load

    found = validate(text, rules=rules)
    if isinstance(found, list):
        raise wrong_form(path, found, schema="audit")
    return found


def _profile(name: str, *files: "AuditFile") -> Profile:
    """Return a profile: the keys of the last file that gives them; severities rule by rule."""
    tables = [
        file.profile[name].model_dump(exclude_unset=True) for file in files if name in file.profile
    ]
    keys = {key: value for table in tables for key, value in table.items()}
    return Profile(
        name=name,
        rules=tuple(keys.get("rules", ())),
        skip=tuple(keys.get("skip", ())),
        severity={rule: it for table in tables for rule, it in table.get("severity", {}).items()},
        fail_on=keys.get("fail_on"),
    )
