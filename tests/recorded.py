"""Real answers of Odoo 17.0 and 19.0, from `tests/recordings/`."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Version = Literal["17.0", "19.0"]
VERSIONS: tuple[Version, ...] = ("17.0", "19.0")

_FOLDER = Path(__file__).with_name("recordings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was sent: `line` is the request line, `body` parsed JSON, text or None."""

    line: str
    headers: Mapping[str, str]
    body: Any

    @property
    def method(self) -> str:
        return self.line.split()[0]

    @property
    def path(self) -> str:
        return self.line.split()[1]

    @property
    def content(self) -> bytes:
        return _encode(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back: `body` is parsed JSON, text or None, `content` the same as bytes."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def content(self) -> bytes:
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        return b"null" if is_json and self.body is None else _encode(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    name: str
    request: Request
    response: Response


@functools.cache
def load(version: Version) -> tuple[Exchange, ...]:
    """Return every exchange with this version, in the order they were made."""
    lines = (_FOLDER / f"odoo-{version}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(_parse(json.loads(line)) for line in lines)


def exchange(version: Version, name: str, index: int = 0) -> Exchange:
    """Return the exchange of this name; `index` counts those that share it."""
    return [it for it in load(version) if it.name == name][index]


def load_fields_get(version: Version) -> dict[str, Any]:
    """Return the answer to `fields_get` of `ir.mail_server`."""
    text = (_FOLDER / f"fields_get-{version}.json").read_text(encoding="utf-8")
    fields: dict[str, Any] = json.loads(text)
    return fields


def _parse(line: dict[str, Any]) -> Exchange:
    request, response = line["request"], line["response"]
    status = int(response["status"].split()[1])
    return Exchange(
        name=line["name"],
        request=Request(**request),
        response=Response(status=status, headers=response["headers"], body=response["body"]),
    )


def _encode(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return json.dumps(body, ensure_ascii=False).encode()
