"""Ids of rules for tests of what takes any: those that the built-in profiles name, and a few."""

import tomllib
from importlib import resources

_BUILT_IN = tomllib.loads((resources.files("remote_mailcfg.config") / "openspp.toml").read_text())
_NAMED = {
    rule
    for profile in _BUILT_IN["profile"].values()
    for key in ("rules", "skip", "severity")
    for rule in profile.get(key, ())
}

RULES = frozenset({"smtp-debug", "no-server", "spf-missing", "test-failed", *_NAMED})
