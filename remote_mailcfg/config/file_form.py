"""What the forms of all files share: reading TOML, and telling what is wrong.

It takes time to import, as pydantic does.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import ErrorDetails

#: What a value of another type is not.
EXPECTED: Final = {
    "string_type": "a text in quotes",
    "bool_type": "true or false",
    "list_type": 'a list of texts: ["…", "…"]',
}

#: A name in braces, in place of which a text gets a value.
PLACEHOLDER: Final = re.compile(r"\{\s*[A-Za-z_][A-Za-z0-9_-]*\s*\}")
#: All that there are, in one file or the other.
PLACEHOLDERS: Final = ("{name}", "{instance}")
#: So much like one of these a word in braces is meant for it.
NEAR: Final = 0.75
#: The way to a value: names of tables and keys, and numbers in lists of tables.
Place = tuple[str | int, ...]

#: Each character is in exactly one of these, so that the work grows with the text alone.
TOKEN: Final = re.compile(
    r"""
    (?P<newline>\n)
  | (?P<comment>\#[^\n]*)
  | (?P<string>\"{3}(?:[^\\"]|\\.|\"{1,2}(?!\"))*\"{3,5} | '{3}(?:[^']|'{1,2}(?!'))*'{3,5}
      | \"(?:[^\\"\n]|\\.)*\" | '[^'\n]*')
  | (?P<bracket>[\[\]{}])
  | (?P<equals>=)
  | (?P<other>[^\n\#"'\[\]{}=]+|["'])
    """,
    re.VERBOSE | re.DOTALL,
)

#: For every table: nothing unknown in it, nothing converted, and its docstrings in the schema.
STRICT: Final = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


def right(text: str, problem: str | None) -> str:
    """Return a text that is right; raise `ValueError` with what is wrong with it."""
    if problem:
        raise ValueError(problem)
    return text


def _check_text(text: str) -> str:
    return right(text, None if text.strip() else "is empty")


Text = Annotated[str, AfterValidator(_check_text)]


def parse_toml(text: str) -> dict[str, Any] | str:
    """Return the tables of a text, or what is wrong with it.

    Problems are values: an exception of a parser would carry the text along.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
    is_twice = problem.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate"))
    for place, line in find_lines(text).twice if is_twice else ():
        first = find_lines(text).of(place)
        return f"line {line}: {describe_place(place)} is given twice; it is in line {first} already"
    return f"not TOML: {problem}"


def describe_place(place: Place) -> str:
    """Return the name of a key, or the header of a table, without the tables around a key."""
    return str(place[-1]) if len(place) > 1 else f"[{place[0]}]"


def find_placeholders(value: object, known: str) -> Iterator[str]:
    """Yield what is wrong with the placeholders in a text, or in a list of texts.

    `known` is the only one that is replaced there, `""` where none is. The arguments of a command
    may hold braces of their own.
    """
    texts = [it for it in (value if isinstance(value, list) else [value]) if isinstance(it, str)]
    for text, found in ((it, found) for it in texts for found in PLACEHOLDER.findall(it)):
        if found == known:
            continue
        is_near = difflib.get_close_matches(found, PLACEHOLDERS, 1, NEAR)
        if is_near or not text.startswith("command:"):
            yield (
                f"unknown placeholder {found}; did you mean {known}?"
                if known
                else f"{found} is not replaced here"
            )


def make_schema(form: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a file."""
    return {"$schema": GenerateJsonSchema.schema_dialect} | form.model_json_schema()


def describe_value(
    key: str, inside: Sequence[int | str], error: ErrorDetails, expected: Mapping[str, str]
) -> str:
    """Return what is wrong with a value, or with the text at a position `inside` its list.

    `expected` says of a key the words it may be, or its number. The value is not shown: a secret
    may have been pasted into the wrong line.
    """
    named = f"{key}[{inside[0]}]" if inside else key
    match error["type"]:
        case "missing":
            return f"{named} is not given"
        case "value_error":
            return f"{named} {error['ctx']['error']}"
        case "literal_error":
            return f"{named} is not one of {expected[key]}"
        case kind:
            return f"{named} is not {EXPECTED.get(kind) or expected[key]}"


def describe_outside(name: str, error: ErrorDetails, form: type[BaseModel]) -> str:
    """Return what is wrong with a name that the file does not know outside of every table."""
    match error["input"]:
        case dict():
            return f"[{name}]: unknown table{nearest(name, form)}"
        case [dict(), *_]:
            return f"[[{name}]]: unknown table{nearest(name, form)}"
    return f"{name}: unknown key outside of every table"


def nearest(word: str, form: type[BaseModel]) -> str:
    """Return the question whether the nearest key of a table was meant; `""` if none is near."""
    found = difflib.get_close_matches(word, form.model_fields, 1)
    return f"; did you mean {found[0]}?" if found else ""


@dataclass(frozen=True, slots=True)
class Lines:
    """The line of each table and key, the first one counts; `twice` are those given again."""

    first: dict[Place, int] = field(default_factory=dict)
    twice: list[tuple[Place, int]] = field(default_factory=list)

    def of(self, place: Sequence[str | int]) -> int:
        """Return the line of a place, or of the nearest table around it; 0 where none is known."""
        wanted = tuple(place)
        while wanted and wanted not in self.first:
            wanted = wanted[:-1]
        return self.first.get(wanted, 0)

    def at(self, place: Sequence[str | int], problem: str) -> str:
        """Return a problem with its line in front."""
        line = self.of(place)
        return f"line {line}: {problem}" if line else problem


def find_lines(text: str) -> Lines:
    """Return the lines of a text that is TOML but for what is given twice."""
    lines, table = Lines(), Place()
    lengths: dict[Place, int] = {}  # of lists of tables
    for line, head in _statements(text):
        names = _names(head.strip("[]") if head.startswith("[") else head)
        if not names:
            continue
        if head.startswith("[["):
            listed = (*_inside(names[:-1], lengths), names[-1])
            number = lengths.get(listed, 0)
            table = (*listed, number)
            lengths[listed] = number + 1
            place = table
        elif head.startswith("["):
            place = table = _inside(names, lengths)
        else:
            place = (*table, *names)
        if lines.first.setdefault(place, line) != line:
            lines.twice.append((place, line))
    return lines


def _inside(names: Sequence[str], lengths: dict[Place, int]) -> Place:
    """Return the place of a table; of a list of tables the last one is meant."""
    place = Place()
    for name in names:
        place = (*place, name)
        if place in lengths:
            place = (*place, lengths[place] - 1)
    return place


def _names(head: str) -> list[str]:
    """Return the parts of a key, which may be dotted and quoted."""
    try:
        value = tomllib.loads(f"{head} = 0")
    except tomllib.TOMLDecodeError:
        return []
    names = []
    while isinstance(value, dict):
        ((name, value),) = value.items()
        names.append(name)
    return names


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each header, and of each key in front of its value."""
    line, depth, head, is_value = 1, 0, "", False
    for token in TOKEN.finditer(text):
        kind, found = token.lastgroup, token[0]
        if kind == "newline" and not depth:
            if head.strip() and not is_value:
                yield line, head.strip()
            head, is_value = "", False
        elif kind == "equals" and not is_value:
            yield line, head.strip()
            is_value = True
        elif kind == "bracket" and is_value:
            depth += 1 if found in "[{" else -1
        elif kind != "comment" and not is_value:
            head += found
        line += found.count("\n")
    if head.strip() and not is_value:
        yield line, head.strip()
