import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from urllib3 import HTTPHeaderDict

from remote_mailcfg.errors import ConfigurationError, OdooError, RemoteMailcfgError
from remote_mailcfg.instance.api_keys import WIZARD, make_key
from remote_mailcfg.rpc.http import Answer, CookieJar, HttpClient
from remote_mailcfg.rpc.web import WebSession
from remote_mailcfg.secret import Secret, SentSecrets
from tests.fake_transport import TARGET
from tests.recorded import Exchange, Response, exchange

CHECK = "res.users.identitycheck"
RECORDED_KEY = "<40-hex>"

HEADERS = {"Content-Type": "application/json"}
#: `fields_get` of 17's wizard was not recorded: it has a name and no expiry.
FIELDS_17 = Response(
    status=200, headers=HEADERS, body={"jsonrpc": "2.0", "id": 1, "result": {"name": {}}}
)

FLOW_17 = {
    f"{WIZARD}/fields_get": FIELDS_17,
    f"{WIZARD}/create": exchange("17.0", "apikey-wizard-create").response,
    f"{WIZARD}/make_key": exchange("17.0", "apikey-make_key-noidentity").response,
    f"{CHECK}/write": exchange("17.0", "idcheck-write").response,
    # the check answers what it stood in front of (17: res_users.py, `run_check`)
    f"{CHECK}/run_check": exchange("17.0", "apikey-make_key").response,
}
FLOW_19 = {
    f"{WIZARD}/fields_get": exchange("19.0", "f-desc-fields_get").response,
    f"{WIZARD}/create": exchange("19.0", "f-admin-create").response,
    f"{WIZARD}/make_key": exchange("19.0", "f-admin-make_key").response,
    f"{CHECK}/run_check": exchange("19.0", "f-admin-run_check").response,
}


class ReplayedHttp:
    """Answers the web client's calls from recordings and keeps what was sent."""

    def __init__(self, flow: Mapping[str, Response]) -> None:
        self._flow = flow
        self.secrets = SentSecrets()
        self.sent: list[tuple[str, list[Any], dict[str, Any]]] = []

    def request(self, _method: str, path: str, *, body: bytes, **_: object) -> Answer:
        called = path.removeprefix("/web/dataset/call_kw/")
        params = json.loads(body)["params"]
        self.sent.append((called, params["args"], params["kwargs"]))
        response = self._flow[called]
        return Answer(response.status, HTTPHeaderDict(response.headers), response.content)


def open_session(flow: Mapping[str, Response]) -> tuple[ReplayedHttp, WebSession]:
    http = ReplayedHttp(flow)
    return http, WebSession(cast(HttpClient, http), TARGET, CookieJar())


def body_of(it: Exchange) -> tuple[list[Any], dict[str, Any]]:
    params = it.request.body["params"]
    return params["args"], params["kwargs"]


def test_17_takes_the_password_as_a_field_of_the_identity_check() -> None:
    http, session = open_session(FLOW_17)

    made = make_key(session, "probe", None, Secret("admin"))

    assert made.key == Secret(RECORDED_KEY)
    assert made.expires is None
    assert http.sent[1:] == [
        (f"{WIZARD}/create", *body_of(exchange("17.0", "apikey-wizard-create"))),
        (f"{WIZARD}/make_key", *body_of(exchange("17.0", "apikey-make_key-noidentity"))),
        (f"{CHECK}/write", [[1]], {"vals": {"password": "admin"}}),
        (f"{CHECK}/run_check", [[1]], {}),
    ]


def test_19_takes_the_password_from_the_context() -> None:
    http, session = open_session(FLOW_19)

    made = make_key(session, "test key", None, Secret("admin"))

    assert made.key == Secret(RECORDED_KEY)
    assert made.expires is None
    assert http.sent[1:] == [
        (f"{WIZARD}/create", *body_of(exchange("19.0", "f-admin-create"))),
        (f"{WIZARD}/make_key", *body_of(exchange("19.0", "f-admin-make_key"))),
        (f"{CHECK}/run_check", *body_of(exchange("19.0", "f-admin-run_check"))),
    ]


def test_a_key_is_made_at_once_where_the_identity_was_checked_before() -> None:
    answer = exchange("19.0", "f-admin-1day-make_key").response
    http, session = open_session(FLOW_19 | {f"{WIZARD}/make_key": answer})

    assert make_key(session, "N", None, Secret("admin")).key == Secret(RECORDED_KEY)
    assert len(http.sent) == 3


def test_days_become_a_date_of_their_own() -> None:
    http, session = open_session(FLOW_19)
    now = datetime.now(UTC)

    made = make_key(session, "N", 30, Secret("admin"))

    assert made.expires is not None
    assert abs(made.expires - now - timedelta(days=30)) < timedelta(minutes=1)
    assert http.sent[1][1] == [
        {
            "name": "N",
            "duration": "-1",
            "expiration_date": made.expires.strftime("%Y-%m-%d %H:%M:%S"),
        }
    ]


def test_days_are_refused_where_keys_do_not_expire() -> None:
    http, session = open_session(FLOW_17)

    with pytest.raises(ConfigurationError) as caught:
        make_key(session, "N", 30, Secret("admin"))

    assert caught.value.code == "invalid-value"
    assert [called for called, _, _ in http.sent] == [f"{WIZARD}/fields_get"]


def test_a_wrong_password_is_refused_in_odoos_words() -> None:
    answer = exchange("19.0", "f-admin-run_check-badpw").response
    _, session = open_session(FLOW_19 | {f"{CHECK}/run_check": answer})

    with pytest.raises(RemoteMailcfgError, match="Incorrect Password") as caught:
        make_key(session, "N", None, Secret("bad"))

    assert caught.value.code == "refused-by-odoo"


def test_an_answer_without_a_key_is_an_error() -> None:
    answer = exchange("17.0", "idcheck-run").response
    _, session = open_session(FLOW_17 | {f"{CHECK}/run_check": answer})

    with pytest.raises(OdooError) as caught:
        make_key(session, "N", None, Secret("admin"))

    assert caught.value.message == "Odoo answered without a key"
