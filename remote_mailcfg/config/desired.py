"""The desired state: the mail servers of `mail-servers.toml`."""

from pathlib import Path

from remote_mailcfg.config.user_file import load_user_file, wrong_form
from remote_mailcfg.model.desired import DesiredState


def load_desired(path: Path) -> DesiredState:
    """Read a desired-state file; secrets stay references.

    Raises one `ConfigurationError` with every problem in it, each with its place, and one for a
    file with references that others can change.
    """
    file = load_user_file(path)
    state = parse_desired(file.text, path)
    if file.distrust and state.has_references:
        raise file.distrust.error()
    return state


def parse_desired(text: str, path: Path) -> DesiredState:
    """Return the desired state in a text as `load_desired` does; `path` is where it belongs."""
    from remote_mailcfg.config.desired_file import validate  # noqa: PLC0415 - slow to load

    found = validate(text, path)
    if isinstance(found, list):
        raise wrong_form(path, found, schema="mail-servers")
    return found
