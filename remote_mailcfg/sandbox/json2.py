"""JSON-2, the wire that came with 19: `POST /json/2/<model>/<method>` and a bearer key."""

import inspect
import json
from typing import Any

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    NotFound,
    Unauthorized,
    UnprocessableEntity,
    UnsupportedMediaType,
)
from werkzeug.wrappers import Request, Response

from remote_mailcfg.sandbox.answers import json_answer, refused, serialized
from remote_mailcfg.sandbox.database import Database
from remote_mailcfg.sandbox.fault import ATTRIBUTE, DENIED, FaultError
from remote_mailcfg.sandbox.model import Call
from remote_mailcfg.sandbox.sessions import Session


def answer_json2(database: Database, session: Session, request: Request) -> Response:
    """Answer a call; `session` is that of a cookie sent beside the key."""
    if request.method == "POST" and request.mimetype not in {"application/json", ""}:
        raise UnsupportedMediaType(
            "Request inferred type is compatible with ['http'] but"
            " '/json/2/<__model__>/<__method__>' is type='json2'.\n\n"
            "Please verify the Content-Type request header and try again."
        )
    try:
        return json_answer(_call(database, session, request))
    except FaultError as fault:
        return json_answer(serialized(fault), fault.kind.status)
    except HTTPException as error:
        answer = json_answer(refused(error), error.code or 500)
        if isinstance(error, Unauthorized):
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer


def _call(database: Database, session: Session, request: Request) -> Any:
    if request.method != "POST":
        raise NotFound("Did you mean POST /json/2/<model>/<method>?")
    uid = _authenticate(database, session, request)
    params = _parameters(request)
    context, ids = params.pop("context", {}), params.pop("ids", [])
    debug = request.args.get("debug", session.debug)
    call = Call(database, uid, context, in_request=True, debug=debug)
    _, _, _, model, method = request.path.split("/")
    try:
        function = database.method(model, method)
    except FaultError as fault:
        if fault.kind == ATTRIBUTE:
            raise NotFound(fault.message) from fault
        raise
    on_model = function.rpc == "model"  # type: ignore[attr-defined]
    if on_model and ids:
        raise UnprocessableEntity(f"cannot call {model}.{method} with ids")
    args = [] if on_model else [ids]
    _check_arguments(function, call, args, params)
    result = database.execute(call, model, method, args, params)
    return [result] if method == "create" and isinstance(result, int) else result


def _authenticate(database: Database, session: Session, request: Request) -> int:
    header = request.authorization
    if header is None:
        raise Unauthorized(
            'Missing "Authorization" or Sec-headers for interactive usage.'
            if session.uid
            else "User not authenticated, use an API Key with a Bearer Authorization header."
        )
    uid = database.api_keys.owner(header.token or "")
    if not uid:
        raise Unauthorized("Invalid apikey", www_authenticate=WWWAuthenticate("bearer"))
    if session.uid not in {0, uid}:
        raise FaultError(DENIED, "Session user does not match the used apikey.")
    return uid


def _parameters(request: Request) -> dict[str, Any]:
    try:
        params = json.loads(request.get_data() or b"{}")
    except ValueError as error:
        raise BadRequest(f"could not parse the body as json: {error}") from error
    return params if isinstance(params, dict) else {}


def _check_arguments(function: Any, call: Call, args: list[Any], params: dict[str, Any]) -> None:
    """Refuse a call that lacks an argument. One too many may be known to Odoo, and not here."""
    try:
        inspect.signature(function).bind(call, *args, **params)
    except TypeError as error:
        if str(error).startswith("missing a required argument"):
            raise UnprocessableEntity(str(error)) from error
