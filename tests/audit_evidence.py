"""Evidence for tests of rules: a clean instance, and what a case has in other parts of it."""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from remote_mailcfg.model.capabilities import parse_capabilities
from remote_mailcfg.model.evidence import Evidence, ServerEvidence
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.smtp_test import SmtpTest
from tests.recorded import Version, load_fields_get

CASES: Final = Path(__file__).parent / "audit_cases"
NOW: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RECORD_FIELDS: Final = {it.name for it in dataclasses.fields(MailServerRecord)}


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a rule; `finds` has a part of each message, in order, and is empty for clean."""

    rule: str
    name: str
    finds: tuple[str, ...]
    severities: tuple[str, ...]
    evidence: Mapping[str, Any]


def load_cases() -> Iterator[Case]:
    """Yield the cases of every file, named after its rule."""
    for path in sorted(CASES.glob("*.toml")):
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
            unknown = case.keys() - {"name", "finds", "severities", "evidence"}
            assert not unknown, f"{path.name}: {unknown}"
            severities = tuple(case.get("severities", ()))
            found = tuple(case["finds"])
            yield Case(path.stem, case["name"], found, severities, case.get("evidence", {}))


def make_evidence(told: Mapping[str, Any] | None = None) -> Evidence:
    """Return the clean instance with the parts that are told in place of its own.

    A part is told by its field's name, as TOML has it: records as tables. The fields of a mail
    server's record stand beside those of its evidence. `missing` empties the parts it names.
    """
    told = dict(told or {})
    version = told.get("version", "19.0")
    clean = tomllib.loads((CASES.parent / "audit_clean.toml").read_text(encoding="utf-8"))
    values = {"now": NOW, "version": version, **clean, **told}
    for part in values.get("missing", {}):
        values.pop(part, None)
    hints = typing.get_type_hints(Evidence)
    unknown = values.keys() - hints.keys()
    assert not unknown, f"no parts of the evidence: {unknown}"
    made = {name: _made(hints[name], value) for name, value in values.items()}
    recorded: Version = "17.0" if version.startswith("17") else "19.0"
    made.setdefault("capabilities", parse_capabilities(load_fields_get(recorded)))
    return Evidence(**made)


def _made(hint: Any, value: Any) -> Any:
    """Return a value of TOML as the type that the hint names."""
    origin = typing.get_origin(hint)
    if origin in {types.UnionType, typing.Union}:
        hint = next(it for it in typing.get_args(hint) if it is not types.NoneType)
        return _made(hint, value)
    if origin is tuple:
        return tuple(_made(typing.get_args(hint)[0], it) for it in value)
    if origin is Mapping:
        return {key: _made(typing.get_args(hint)[1], it) for key, it in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return _record(hint, value)
    return value


def _record(kind: Any, table: Mapping[str, Any]) -> Any:
    if kind is ServerEvidence:
        record = {name: it for name, it in table.items() if name in RECORD_FIELDS}
        table = {name: it for name, it in table.items() if name not in RECORD_FIELDS}
        table = {"record": {"name": f"S{record['id']}", **record}, **table}
    hints = typing.get_type_hints(kind)
    values = {name: _made(hints[name], value) for name, value in table.items()}
    if kind is SmtpTest:
        values.setdefault("cause", None)  # which TOML cannot tell
    return kind(**values)
