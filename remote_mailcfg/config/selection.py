"""Which instances a command talks to."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from remote_mailcfg.config.entry import Entry
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.inventory import (
    FILE_NAME,
    VARIABLE,
    Inventory,
    find_inventory,
    load_inventory,
    user_inventory,
)
from remote_mailcfg.config.single_instance import parse_entry
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.target import TagUse, Target

#: What describes the single instance. A key or a password alone may be one that an inventory's
#: reference names.
SINGLE: Final = ("OPENSPP_URL", "OPENSPP_DB", "OPENSPP_LOGIN")
MOST_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen instances, at least one, and the inventory that they are of.

    It is None for the single instance of the environment.
    """

    entries: tuple[Entry, ...]
    inventory: Inventory | None = None

    @property
    def everybody(self) -> tuple[Target, ...]:
        """All targets of the inventory, chosen or not."""
        return tuple(it.target for it in (self.inventory or self).entries)


def choose_entries(
    environment: Environment,
    *,
    env_file_given: bool,
    names: Sequence[str],
    tags: Sequence[str],
    everything: bool,
    inventory: Path | None,
    usual: Callable[[Sequence[Target]], Sequence[str]] | None = None,
) -> Choice:
    """Return the instances: those of `names` in that order, then of `tags`, or of `everything`.

    Where nothing is chosen it is the single one of the environment, else those of the inventory
    that are `usual` for the command, else its only one. A file that was given with --env-file or
    --inventory decides between the two. Raises `ConfigurationError`.
    """
    if everything and (names or tags):
        raise ConfigurationError(
            "configuration",
            "--all is given together with --instance or --tag",
            "Give --all alone, or the instances.",
        )
    if everything or names or tags:
        loaded = _load(inventory, environment)
        return Choice(loaded.entries if everything else _choose(loaded, names, tags), loaded)
    is_single = env_file_given or any(map(environment.get, SINGLE))
    path = None if is_single and not inventory else find_inventory(inventory, environment)
    if path is None:
        return Choice((parse_entry(environment),))
    loaded = load_inventory(path)
    names = usual([entry.target for entry in loaded.entries]) if usual else ()
    return Choice(_choose(loaded, names, ()) if names else (_only(loaded),), loaded)


def _load(inventory: Path | None, environment: Environment) -> Inventory:
    path = find_inventory(inventory, environment)
    if path is None:
        raise ConfigurationError(
            "configuration",
            f"there is no inventory: no {FILE_NAME} in this folder, {VARIABLE} is not set, and no"
            f" {user_inventory()}",
            "Give one with --inventory FILE, or begin one: remote-mailcfg instance add NAME",
        )
    return load_inventory(path)


def _only(inventory: Inventory) -> Entry:
    if len(inventory.entries) > 1:
        raise ConfigurationError(
            "configuration",
            f"which instance? {inventory.path} has {_list(_names(inventory))}",
            "Choose with --instance NAME, --tag TAG or --all, or set OPENSPP_URL.",
        )
    return inventory.entries[0]


def _choose(inventory: Inventory, names: Sequence[str], tags: Sequence[str]) -> tuple[Entry, ...]:
    by_name = {entry.target.name: entry for entry in inventory.entries}
    known_tags = {tag for entry in inventory.entries for tag in entry.target.tags}
    problems = [
        f"{inventory.path} has no instance {name}{_nearest(name, by_name)}"
        for name in names
        if name not in by_name
    ] + [
        f"{inventory.path} has no instance with the tag {tag}; its tags:"
        f" {_list(sorted(known_tags)) or 'none'}"
        for tag in tags
        if tag not in known_tags
    ]
    if problems:
        raise ConfigurationError(
            "configuration", "\n".join(problems), "`remote-mailcfg instance list` lists them all."
        )
    tagged = [it.target.name for it in inventory.entries if not {*tags}.isdisjoint(it.target.tags)]
    return tuple(by_name[name] for name in dict.fromkeys([*names, *tagged]))


def check_tags(uses: Iterable[TagUse], inventory: Inventory) -> None:
    """Refuse tags of another file that no instance has; the name of an instance is one of its tags.

    Raises one `ConfigurationError` with all of them.
    """
    targets = [entry.target for entry in inventory.entries]
    known = {word for target in targets for word in (target.name, *target.tags)}
    problems = [
        f"{use.place}: {inventory.path} has no instance with the name or tag"
        f" {use.tag!r}{_nearest(use.tag, sorted(known))}"
        for use in uses
        if use.tag not in known
    ]
    if problems:
        raise ConfigurationError(
            "configuration",
            "\n".join(problems),
            "`remote-mailcfg instance list` lists all instances with their tags.",
        )


def _names(inventory: Inventory) -> list[str]:
    return [entry.target.name for entry in inventory.entries]


def _nearest(name: str, names: Iterable[str]) -> str:
    known = list(names)
    nearest = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {nearest[0]}?" if nearest else f": it has {_list(known)}"


def _list(words: Sequence[str]) -> str:
    more = len(words) - MOST_SHOWN
    return ", ".join(words[:MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
