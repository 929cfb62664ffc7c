"""Answers of the stand-in, and JSON-RPC, which several routes speak."""

import json
from collections.abc import Callable
from typing import Any

from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.wrappers import Request, Response

from remote_mailcfg.sandbox.fault import EXPIRED, FaultError

JSON = "application/json; charset=utf-8"
TRACEBACK = "Traceback (most recent call last):\n  <frames>\n"

Route = Callable[[dict[str, Any]], Any]


def json_answer(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type=JSON)


def page(status: int, body: str) -> Response:
    return Response(body, status, content_type="text/html; charset=utf-8")


def json_rpc(version: int, request: Request, route: Route) -> Response:
    """Call a route with its `params`. Every outcome is a 200; a null result has no key."""
    envelope = _envelope(request)
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": envelope.get("id")}
    try:
        result = route(envelope.get("params", {}))
        message |= {} if result is None else {"result": result}
    except FaultError as fault:
        expired = fault.kind == EXPIRED
        code = 100 if expired else 200 if version == 17 else 0
        text = "Odoo Session Expired" if expired else "Odoo Server Error"
        message["error"] = {"code": code, "message": text, "data": serialized(fault)}
        message["id"] = None if expired else message["id"]
    return json_answer(message)


def serialized(fault: FaultError) -> dict[str, Any]:
    """Return an exception as JSON-RPC and JSON-2 show it."""
    name = fault.kind.name
    told = {"name": name, "message": fault.message, "arguments": list(fault.arguments)}
    return told | {"context": {}, "debug": f"{TRACEBACK}{name}: {fault.message}\n"}


def refused(error: HTTPException) -> dict[str, Any]:
    """Return a refusal of the web server's own as JSON-2 shows it."""
    name = f"werkzeug.exceptions.{type(error).__name__}"
    told = {"name": name, "message": error.description, "debug": f"{TRACEBACK}{name}\n"}
    return told | {"arguments": [error.description, error.code], "context": {}}


def _envelope(request: Request) -> dict[str, Any]:
    if request.mimetype != "application/json":
        kinds = f"compatible with ['http'] but {request.path!r} is type='json'"
        raise BadRequest(f"Request inferred type is {kinds}.")
    try:
        envelope: dict[str, Any] = json.loads(request.get_data())
    except ValueError as error:
        raise BadRequest(response=page(400, "Invalid JSON data")) from error
    return envelope
