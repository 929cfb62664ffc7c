"""Search domains: Odoo's prefix notation over the operators that mail administration needs."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from remote_mailcfg.sandbox.fault import TYPE, VALUE, FaultError, UnknownError

KNOWN = {"=", "!=", "in", "not in", "like", "ilike", "<="}
#: What Odoo knows and the stand-in does not.
UNKNOWN = {
    *("<", ">", ">=", "=?", "=like", "=ilike", "not like", "not ilike", "child_of"),
    *("parent_of", "any", "not any"),
}

#: Tells whether a record fulfils a term: field, operator and value.
Holds = Callable[[str, str, Any], bool]
Test = Callable[[Holds], bool]


def parse_domain(domain: Any, version: int) -> Test:
    """Return what tells whether a record is in the domain; raises Odoo's errors for a wrong one."""
    if not isinstance(domain, list | tuple):
        raise FaultError(TYPE, f"Domain() invalid argument type for domain: {domain!r}")
    terms = iter(domain)
    tests = [_parse(term, terms, version) for term in terms]
    return lambda holds: all(test(holds) for test in tests)


def _parse(term: Any, rest: Iterator[Any], version: int) -> Test:
    if term in ("&", "|"):
        left, right = (_parse(next(rest), rest, version) for _ in range(2))
        if term == "&":
            return lambda holds: left(holds) and right(holds)
        return lambda holds: left(holds) or right(holds)
    if term == "!":
        negated = _parse(next(rest), rest, version)
        return lambda holds: not negated(holds)
    if isinstance(term, str):
        raise UnknownError(f"domain operator {term!r}")
    name, operator, value = term
    if operator in UNKNOWN:
        raise UnknownError(f"domain operator {operator!r}")
    if operator not in KNOWN:
        where = "leaf" if version == 17 else "condition"
        raise FaultError(VALUE, f"Invalid operator in {where} {(name, operator, value)!r}")
    return lambda holds: holds(name, operator, value)


def matches(value: Any, operator: str, wanted: Any, *, empty_is_unset: bool) -> bool:
    """Compare a stored value; `empty_is_unset`: an empty text equals False (19, not 17)."""
    if operator in {"=", "!="}:
        return _equals(value, wanted, empty_is_unset=empty_is_unset) == (operator == "=")
    if operator in {"in", "not in"}:
        found = any(_equals(value, it, empty_is_unset=empty_is_unset) for it in wanted)
        return found == (operator == "in")
    if operator == "<=":
        return value is not False and value is not None and bool(value <= wanted)
    parts = (re.escape(part).replace("_", ".") for part in str(wanted).split("%"))
    flags = re.IGNORECASE if operator == "ilike" else re.NOFLAG
    return bool(value) and bool(re.search(".*".join(parts), str(value), flags))


def _equals(value: Any, wanted: Any, *, empty_is_unset: bool) -> bool:
    unset = value is False or value is None or (empty_is_unset and value == "")
    if wanted is False or wanted is None:
        return unset
    return not unset and bool(value == wanted)
