"""JSON-2 (`/json/2/MODEL/METHOD`), from Odoo 19 on: an API key, named arguments, HTTP statuses."""

import json
from collections.abc import Sequence
from typing import Any

from remote_mailcfg.rpc.answers import check_shape, fields, record_id
from remote_mailcfg.rpc.faults import (
    is_refusal,
    not_odoo,
    odoo_error,
    parse_json,
    parse_version,
    refused_login,
)
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.rpc.transport import Access, Wire, check_ids, is_read


class Json2:
    """Calls methods as the owner of an API key; there is no login to make."""

    def __init__(self, http: HttpClient, access: Access) -> None:
        self._http = http
        self._access = access
        self._uid = 0

    @property
    def wire(self) -> Wire:
        """Name this wire."""
        return "json2"

    def call(self, model: str, method: str, ids: Sequence[int] = (), /, **params: Any) -> Any:
        """Call a method of a model; see `Transport.call`."""
        check_ids(model, method, ids)
        path = f"/json/2/{model}/{method}"
        answer = self._http.request(
            "POST",
            path,
            what=f"{model}.{method}",
            body=json.dumps(params | ({"ids": list(ids)} if ids else {})).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"bearer {self._access.credential.reveal()}",
                "X-Odoo-Database": self._access.database,
            },
            repeatable=is_read(method),
        )
        url = self._access.url + path
        result = parse_json(answer, url, self._access)
        if answer.status != 200 and not is_refusal(result):
            raise not_odoo(answer, url)
        if answer.status == 401:
            raise refused_login(self._access.login)
        if answer.status != 200:
            raise odoo_error(result["name"], result["message"], self._access)
        if method == "create" and isinstance(params["vals_list"], dict):
            # JSON-2 answers a list whatever it was given
            return check_shape(result, record_id, self._access.url, f"{model}.{method}")
        return result

    def fetch_uid(self) -> int:
        """Return the id of the key's owner; the first call asks the server."""
        if not self._uid:
            answer = self.call("res.users", "context_get")
            expect = fields(uid=record_id)
            self._uid = check_shape(answer, expect, self._access.url, "context_get")["uid"]
        return self._uid

    def fetch_version(self) -> str:
        """Return the server's version, for instance `19.0`."""
        return fetch_json_version(self._http, self._access)


def fetch_json_version(http: HttpClient, access: Access) -> str:
    """Return the version of an Odoo that has JSON-2, else `""`; needs no login.

    `/json/version` comes from the same module as JSON-2 (19: addons/rpc) and is not masked by
    OpenSPP's branding kit.
    """
    headers = {"X-Odoo-Database": access.database}
    path = "/json/version"
    answer = http.request("GET", path, what="version", headers=headers, repeatable=is_read(path))
    if answer.status in {400, 403, 404, 405} and answer.content_type != "application/json":
        return ""
    url = access.url + path
    result = parse_json(answer, url, access)
    if not isinstance(result, dict) or "version" not in result:
        raise not_odoo(answer, url)
    return parse_version(result["version"], url)
