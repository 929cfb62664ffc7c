"""What the forms of all files share: reading TOML, and telling what is wrong.

It takes time to import, as pydantic does.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
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
        return f"not TOML: {error}"


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
