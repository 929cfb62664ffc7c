"""The services of the two older wires, which JSON-RPC and XML-RPC call alike."""

import xmlrpc.client
from typing import Any

from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Request, Response

from remote_mailcfg.sandbox.answers import TRACEBACK, json_rpc
from remote_mailcfg.sandbox.fault import DENIED, EXCEPTION, FaultError, UnknownError
from remote_mailcfg.sandbox.model import Call
from remote_mailcfg.sandbox.odoo import Odoo

#: What Odoo has and the stand-in does not.
UNKNOWN_SERVICES = {"db.create_database", "db.drop", "db.dump", "db.restore", "common.about"}


def answer_json_rpc(odoo: Odoo, request: Request) -> Response:
    return json_rpc(odoo.version, request, lambda params: call_service(odoo, **params))


def answer_xml_rpc(odoo: Odoo, request: Request) -> Response:
    if request.method != "POST":
        raise MethodNotAllowed
    args, method = xmlrpc.client.loads(request.get_data(), use_builtin_types=True)
    service = request.path.rpartition("/")[2]
    try:
        value = call_service(odoo, service, str(method), args)
        body = xmlrpc.client.dumps((value,), methodresponse=True)
    except TypeError as error:  # there is no null: the call is done, and the answer is a fault
        body = _fault(1, f"{TRACEBACK}TypeError: {error}\n")
    except FaultError as fault:
        name = fault.kind.name.removeprefix("builtins.")
        traceback = f"{TRACEBACK}{name}: {fault.message}\n"
        body = _fault(fault.kind.code, traceback if fault.kind.code == 1 else fault.message)
    return Response(body, content_type="text/xml; charset=utf-8")


def call_service(odoo: Odoo, service: str, method: str, args: Any) -> Any:
    """Call `service.method`; raises Odoo's errors as `FaultError`."""
    name = f"{service}.{method}"
    if name == "common.version":
        return odoo.info
    if name in {"common.authenticate", "common.login"}:
        return _authenticate(odoo, *args)
    if name == "db.list":
        return list_databases(odoo, all_of_them=True)
    if name == "db.server_version":
        return f"{odoo.version}.0"
    if name == "object.execute_kw":
        return _execute_kw(odoo, *args)
    if service == "common" and name not in UNKNOWN_SERVICES:
        raise FaultError(EXCEPTION, f"Method not found: {method}")
    raise UnknownError(name)


def list_databases(odoo: Odoo, *, all_of_them: bool = False) -> list[str]:
    """Return the databases; RPC does not obey the filter."""
    if not odoo.lists_databases:
        raise FaultError(DENIED, "Access Denied")
    return sorted(odoo.databases) if all_of_them else list(odoo.shown)


def _authenticate(
    odoo: Odoo, database: str, login: str, credential: str, environment: Any = None
) -> int | bool:
    there = odoo.database(database)
    uid = there.authenticate(login, credential)
    base = (environment or {}).get("base_location")
    if uid and base:
        there.note_base_url(uid, base)
    return uid or False


def _execute_kw(  # noqa: PLR0917 - as Odoo has it
    odoo: Odoo,
    database: str,
    uid: int,
    credential: str,
    model: str,
    method: str,
    args: Any,
    params: Any = None,
) -> Any:
    there = odoo.database(database)
    there.check_user(uid, credential)
    named = dict(params or {})
    call = Call(there, uid, named.pop("context", None) or {})
    return there.execute(call, model, method, args, named)


def _fault(code: int, text: str) -> str:
    return xmlrpc.client.dumps(xmlrpc.client.Fault(code, text), methodresponse=True)
