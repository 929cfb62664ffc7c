"""Compares an answer of the sandbox with a recorded one.

Left aside are ids that PostgreSQL counts for every model, times, hashes, ports and tracebacks.
"""

import json
import re
import xmlrpc.client
from collections.abc import Iterator, Mapping
from typing import Any

from tests.recorded import Response

#: Headers that a client looks at.
HEADERS = ("Content-Type", "Location", "WWW-Authenticate", "Connection")
#: What the session's info holds of the session; of the rest only the names are compared.
INFO = ("bundle_params", "db", "is_admin", "is_system", "server_version", "server_version_info")
INFO_MARK = "websocket_worker_version"
IDS = {"id", "res_id", "partner_id", "author_id", "view_id", "create_uid", "write_uid"}
ASIDE = {"debug", "webIconData", "nextcall", "lastcall", "message_id", "default_key"}
PLACEHOLDERS = re.compile(r"<(frames|odoo|path|traceback)>")
#: How pages of the web client begin, in lower case, and those that stand for them in the sandbox.
CLIENT_PAGES = ("<!doctype html>\n<html style", "<!doctype html>\n<html>", "<title>odoo")
TEXTS = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"<\d+-hex>|\b[0-9a-f]{40}\b|\b[0-9a-f]{64}\b"), "HEX"),
    (re.compile(r"127\.0\.0\.1(\", port |:)\d+"), "HERE"),
    (re.compile(r"_ssl\.c:\d+"), "_ssl.c"),
)


def differences(
    recorded: Response, status: int, headers: Mapping[str, str], body: str
) -> list[str]:
    """Return in words what differs; nothing where the answers agree."""
    found = [] if status == recorded.status else [f"status {status}, not {recorded.status}"]
    for name in HEADERS:
        there, wanted = headers.get(name), recorded.headers.get(name)
        if there != wanted:
            found.append(f"{name} {there!r}, not {wanted!r}")
    if _cookie(headers) != _cookie(recorded.headers):
        found.append(f"Set-Cookie {_cookie(headers)}, not {_cookie(recorded.headers)}")
    kind = recorded.headers["Content-Type"].partition(";")[0]
    read = {"application/json": _json, "text/xml": _xml}.get(kind, _page)
    if found and status != recorded.status:
        return [*found, body[:300]]
    return [*found, *_differ(read(recorded.body), read(body), "")]


def _cookie(headers: Mapping[str, str]) -> list[str]:
    """Return the names of what a cookie is set with."""
    parts = headers.get("Set-Cookie", "").split(";")
    return sorted(part.partition("=")[0].strip() for part in parts)


def _json(body: Any) -> Any:
    return json.loads(body) if isinstance(body, str) else body


def _xml(body: str) -> Any:
    """Return the value or the fault; of a traceback only its last line."""
    try:
        (value,), _method = xmlrpc.client.loads(PLACEHOLDERS.sub(r"[\1]", body))
    except xmlrpc.client.Fault as fault:
        text = fault.faultString
        is_traceback = text.startswith("Traceback")
        return fault.faultCode, text.strip().rpartition("\n")[2] if is_traceback else text
    return value


def _page(body: str) -> str:
    """Return a page; of one of the web client only the developer mode that it tells."""
    if not body.lower().startswith(CLIENT_PAGES):
        return body.strip()
    mode = re.search(r'debug: "(.*?)"', body)
    return f"developer mode {mode[1]!r}" if mode else "a form"


def _differ(wanted: Any, there: Any, place: str) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(there, dict):
        yield from _differ_objects(wanted, there, place)
    elif isinstance(wanted, list | tuple) and isinstance(there, list | tuple):
        if len(wanted) != len(there):
            yield f"{place}: {len(there)} elements, not {len(wanted)}: {there!r}"
        for number, (one, other) in enumerate(zip(wanted, there, strict=False)):
            yield from _differ(one, other, f"{place}[{number}]")
    elif type(wanted) is not type(there) or _plain(wanted) != _plain(there):
        yield f"{place}: {there!r}, not {wanted!r}"


def _differ_objects(wanted: dict[str, Any], there: dict[str, Any], place: str) -> Iterator[str]:
    if wanted.keys() != there.keys():
        yield f"{place}: keys {sorted(wanted.keys() ^ there.keys())} differ"
    names = INFO if INFO_MARK in wanted else tuple(wanted)
    for name in names:
        if name in ASIDE or name not in there:
            continue
        one, other = wanted[name], there[name]
        if name in IDS and _is_reference(one) and _is_reference(other):
            continue
        yield from _differ(one, other, f"{place}.{name}")


def _is_reference(value: Any) -> bool:
    """Tell whether a value is an id, with or without a name."""
    return type(value) is int or (isinstance(value, list) and len(value) == 2)


def _plain(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    for pattern, instead in TEXTS:
        value = pattern.sub(instead, value)
    return value
