"""Open the right wire to a target: which protocol, which database, and the login."""

import logging
from dataclasses import dataclass, replace

from remote_mailcfg.errors import (
    ConfigurationError,
    LoginError,
    RemoteMailcfgError,
    TransportError,
)
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.answers import check_shape, list_of, text
from remote_mailcfg.rpc.execute_kw import ExecuteKw
from remote_mailcfg.rpc.faults import parse_rpc
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.json2 import Json2, fetch_json_version
from remote_mailcfg.rpc.transport import Access, Transport, Wire, is_read
from remote_mailcfg.rpc.xmlrpc import XmlRpc
from remote_mailcfg.secret import Secret

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """A logged-in wire and the reason it was taken; `target` names the database that was found."""

    target: Target
    http: HttpClient
    transport: Transport
    why: str


def open_connection(target: Target, http: HttpClient) -> Connection:
    """Find the database where none is given, choose the protocol, and log in.

    Costs no request for the choice unless the protocol is `auto` and there is an API key, and one
    for an empty database name. Raises `ConfigurationError`, `LoginError` or `TransportError`.
    """
    credential = target.api_key or target.password
    if credential is None:
        raise ConfigurationError(
            "configuration",
            "neither an API key nor a password is given",
            "Set OPENSPP_API_KEY or OPENSPP_PASSWORD (or the same with _FILE), or `api_key` or"
            " `password` in the inventory.",
        )
    target = locate(target, http)
    access = Access(target.url, target.database, target.login, credential, http.secrets)
    wire, why = choose_wire(target, http, access)
    logger.info("%s: %s, because %s", target.url, wire, why)
    return Connection(target, http, _log_in(wire, http, access), why)


def locate(target: Target, http: HttpClient) -> Target:
    """Return the target with its database: the given one, else the server's only one."""
    return target if target.database else replace(target, database=find_database(target, http))


def choose_wire(target: Target, http: HttpClient, access: Access) -> tuple[Wire, str]:
    """Return the wire to use and why; `auto` takes JSON-2 where there is one and a key is given."""
    if target.protocol == "json2" and target.api_key is None:
        raise ConfigurationError(
            "configuration",
            "the protocol json2 takes an API key, and none is given",
            "Set OPENSPP_API_KEY, or OPENSPP_PROTOCOL=auto (in the inventory: `api_key`,"
            " `protocol`).",
        )
    if target.protocol == "json2" and target.http_basic:
        raise ConfigurationError(
            "configuration",
            "json2 cannot pass HTTP Basic: both need the Authorization header",
            "Set OPENSPP_PROTOCOL=jsonrpc (in the inventory: `protocol`), or use an address without"
            " HTTP Basic.",
        )
    if target.protocol != "auto":
        return target.protocol, "it is set"
    if target.api_key is None:
        return "jsonrpc", "there is no API key, and JSON-2 takes nothing else"
    if target.http_basic:
        return "jsonrpc", "HTTP Basic in front needs the header that JSON-2 needs"
    version = fetch_json_version(http, access)
    if version:
        return "json2", f"the server is Odoo {version} and an API key is given"
    return "jsonrpc", "the server does not offer JSON-2 (Odoo before 19)"


def fetch_version(target: Target, http: HttpClient) -> str:
    """Return Odoo's version without a login.

    `common.version()` is left alone by OpenSPP's branding kit; a server without the older wires
    tells it beside JSON-2. Raises `TransportError` for what is not an Odoo.
    """
    from remote_mailcfg.rpc.jsonrpc import JsonRpc  # noqa: PLC0415 - odoorpc loads slowly

    nobody = Access(target.url, target.database, "", Secret(""), http.secrets)
    try:
        return ExecuteKw(JsonRpc(http, nobody), nobody).fetch_version()
    except TransportError as error:
        if error.code != "not-odoo":
            raise
        version = fetch_json_version(http, nobody)
        if not version:
            raise
        return version


def find_database(target: Target, http: HttpClient) -> str:
    """Return the server's only database.

    Raises `database-not-given`, with the names if there are several and the server lists them.
    """
    names = _fetch_databases(target, http)
    if names is not None and len(names) == 1:
        return names[0]
    raise LoginError(
        "database-not-given",
        f"{target.url} has several databases: {', '.join(names)}"
        if names
        else f"no database is given, and {target.url} does not list its databases",
        "Set OPENSPP_DB, or `database` in the inventory"
        + (", to one of them." if names else "; the instance's administrator knows its name."),
    )


def _fetch_databases(target: Target, http: HttpClient) -> list[str] | None:
    """Return the databases that the server shows, or None where it keeps them to itself."""
    route = "/web/database/list"
    try:
        answer = http.request(
            "POST",
            route,
            what="databases",
            body=b'{"jsonrpc": "2.0", "method": "call", "params": {}}',
            headers={"Content-Type": "application/json"},
            repeatable=is_read(route),
        )
        nobody = Access(target.url, "", "", Secret(""), http.secrets)
        message = parse_rpc(answer, target.url + route, nobody)
    except RemoteMailcfgError as error:
        if error.code not in {"not-odoo", "redirected"}:
            raise
        return None  # OpenSPP's proxies redirect /web/database to the login page
    found = message.get("result")  # an error when `list_db` is off
    if found is None:
        return None
    names: list[str] = check_shape(found, list_of(text), target.url, route)
    return names


def _log_in(wire: Wire, http: HttpClient, access: Access) -> Transport:
    if wire == "json2":
        return Json2(http, access)
    if wire == "xmlrpc":
        transport = ExecuteKw(XmlRpc(http, access), access)
    else:
        from remote_mailcfg.rpc.jsonrpc import JsonRpc  # noqa: PLC0415 - odoorpc loads slowly

        transport = ExecuteKw(JsonRpc(http, access), access)
    transport.log_in()
    return transport
