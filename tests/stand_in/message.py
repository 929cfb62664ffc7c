"""Requests and answers of the stand-in, and JSON-RPC, which several routes speak."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.stand_in.fault import EXPIRED, FaultError
from tests.stand_in.odoo import Odoo

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
TRACEBACK = "Traceback (most recent call last):\n  <frames>\n"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; `target` is path and query, header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        pairs = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[-1] for name, values in pairs.items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def json_rpc(odoo: Odoo, request: Request, function: Callable[[dict[str, Any]], Any]) -> Reply:
    """Every outcome is a 200; a null result has no key."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": request.json.get("id")}
    try:
        result = function(request.json["params"])
        message |= {} if result is None else {"result": result}
    except FaultError as fault:
        expired = fault.kind == EXPIRED
        code = 100 if expired else 200 if odoo.version == 17 else 0
        text = "Odoo Session Expired" if expired else "Odoo Server Error"
        message["error"] = {"code": code, "message": text, "data": serialized(fault)}
    return Reply(200, JSON, json.dumps(message).encode())


def serialized(fault: FaultError) -> dict[str, Any]:
    name, message = fault.kind.name, fault.message
    told = {"name": name, "message": message, "arguments": [message], "context": {}}
    return told | {"debug": f"{TRACEBACK}{name}: {message}\n"}
