"""The wires of the stand-in: JSON-RPC, XML-RPC and JSON-2; each request finds its own here."""

import json
import xmlrpc.client
from typing import Any

from tests.stand_in.fault import (
    DENIED,
    UNAUTHORIZED,
    BrokenOffError,
    FaultError,
    NoDatabaseError,
    UnknownError,
)
from tests.stand_in.message import HTML, JSON, TRACEBACK, Reply, Request, json_rpc, serialized
from tests.stand_in.model import Call
from tests.stand_in.odoo import Odoo
from tests.stand_in.web import Web


def answer(odoo: Odoo, request: Request) -> Reply:
    """Return the answer to one request; raises `BrokenOff` where a test wants none."""
    if request.path in odoo.break_before:
        raise BrokenOffError(hang=odoo.break_before.pop(request.path))
    try:
        reply = _route(odoo, request)
    except UnknownError as unknown:
        return Reply(501, "text/plain", f"the stand-in does not know {unknown}".encode())
    except NoDatabaseError:
        return Reply(404, HTML, b"<title>404 Not Found</title><p>No database is selected")
    if request.path in odoo.break_after:
        raise BrokenOffError(hang=odoo.break_after.pop(request.path))
    return reply


def _route(odoo: Odoo, request: Request) -> Reply:
    path = request.path
    if path == "/jsonrpc":
        return json_rpc(odoo, request, lambda params: _service(odoo, **params))
    if path.startswith("/xmlrpc/2/"):
        return _xml_rpc(odoo, request)
    if path == "/web/database/list":
        return json_rpc(odoo, request, lambda _params: _databases(odoo))
    if path.startswith("/web/"):
        return Web(odoo, request).answer()
    if odoo.version == 19 and path.startswith("/json/"):
        return _json2(odoo, request)
    if path.startswith("/json/"):
        return Reply(404, HTML, b"<title>404 Not Found</title>")
    raise UnknownError(f"path {path}")


def _xml_rpc(odoo: Odoo, request: Request) -> Reply:
    params, method = xmlrpc.client.loads(request.body, use_builtin_types=True)
    service = request.path.rpartition("/")[2]
    try:
        value = _service(odoo, service, str(method), params)
        body = xmlrpc.client.dumps((value,), methodresponse=True)
    except TypeError as error:  # there is no null: the call is done, and the answer is a fault
        body = _xml_fault(1, f"{TRACEBACK}TypeError: {error}\n")
    except FaultError as fault:
        kind = fault.kind
        traceback = f"{TRACEBACK}{kind.name.removeprefix('builtins.')}: {fault.message}\n"
        body = _xml_fault(kind.code, traceback if kind.code == 1 else fault.message)
    return Reply(200, "text/xml; charset=utf-8", body.encode())


def _xml_fault(code: int, text: str) -> str:
    return xmlrpc.client.dumps(xmlrpc.client.Fault(code, text), methodresponse=True)


def _service(odoo: Odoo, service: str, method: str, args: Any) -> Any:
    if (service, method) == ("common", "version"):
        serie = f"{odoo.version}.0"
        info = [odoo.version, 0, 0, "final", 0, ""]
        told = {"server_version": serie, "server_version_info": info, "server_serie": serie}
        return told | {"protocol_version": 1}
    if (service, method) == ("common", "authenticate"):
        database, login, credential, _environment = args
        odoo.check_database(database)
        return odoo.authenticate(login, credential) or False
    if (service, method) != ("object", "execute_kw"):
        raise UnknownError(f"{service}.{method}")
    database, uid, credential, model, method, by_position = args[:6]
    params = dict(args[6]) if len(args) > 6 else {}
    odoo.check_database(database)
    odoo.check_user(uid, credential)
    call = Call(odoo, uid, params.pop("context", {}))
    return odoo.execute(call, model, method, by_position, params)


def _json2(odoo: Odoo, request: Request) -> Reply:
    if request.path == "/json/version":
        info = [odoo.version, 0, 0, "final", 0, ""]
        body = {"version_info": info, "version": f"{odoo.version}.0"}
        return Reply(200, JSON, json.dumps(body).encode())
    named = request.headers.get("x-odoo-database", "")
    if (named or odoo.databases) not in {odoo.database, (odoo.database,)}:
        raise NoDatabaseError
    _, _, _, model, method = request.path.split("/")
    try:
        params = request.json
        call = Call(odoo, _key_owner(odoo, request), params.pop("context", {}))
        ids = params.pop("ids", [])
        result = odoo.execute_named(call, model, method, ids, params)
    except FaultError as fault:
        return Reply(fault.kind.status, JSON, json.dumps(serialized(fault)).encode())
    return Reply(200, JSON, json.dumps(result).encode())


def _key_owner(odoo: Odoo, request: Request) -> int:
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or key not in odoo.api_keys:
        raise FaultError(UNAUTHORIZED, "Invalid apikey")
    return int(odoo.api_keys[key]["uid"])


def _databases(odoo: Odoo) -> list[str]:
    if not odoo.lists_databases:
        raise FaultError(DENIED, "Access Denied")
    return list(odoo.databases)
