"""What stands between the program and Odoo: TLS, a path prefix, HTTP Basic, limits, proxies."""

import json
from collections.abc import Callable, Iterator

import pytest

from remote_mailcfg.sandbox.smtp_servers import SmtpPeers
from tests.forward_proxy import ForwardProxy, forward_proxy
from tests.live.command import Command
from tests.live.conftest import on_protocol, running_nginx
from tests.live.nginx import BASIC_PASSWORD, BASIC_USER, RETRY_AFTER_SECONDS, Nginx
from tests.live.odoo import Odoo

BASIC = f"{BASIC_USER}:{BASIC_PASSWORD}"
GATEWAY_SECONDS = 2

Settings = dict[str, object]

#: Each way in, as the settings of the program.
WORKING: dict[str, Callable[[Nginx, ForwardProxy], Settings]] = {
    "TLS of a private authority": lambda nginx, _: {
        "OPENSPP_URL": nginx.https_url,
        "OPENSPP_CA_FILE": nginx.ca_file,
    },
    "TLS that is not checked": lambda nginx, _: {
        "OPENSPP_URL": nginx.https_url,
        "OPENSPP_INSECURE_TLS": 1,
    },
    "a path prefix": lambda nginx, _: {"OPENSPP_URL": nginx.prefix_url},
    "a path prefix and TLS": lambda nginx, _: {
        "OPENSPP_URL": nginx.https_prefix_url,
        "OPENSPP_CA_FILE": nginx.ca_file,
    },
    "HTTP Basic": lambda nginx, _: {"OPENSPP_URL": nginx.basic_url, "OPENSPP_HTTP_BASIC": BASIC},
    "a proxy of the environment": lambda nginx, proxy: {
        "OPENSPP_URL": nginx.http_url,
        "HTTP_PROXY": proxy.url,
    },
    "a proxy of the environment and TLS": lambda nginx, proxy: {
        "OPENSPP_URL": nginx.https_url,
        "OPENSPP_CA_FILE": nginx.ca_file,
        "HTTPS_PROXY": proxy.url,
    },
}


@pytest.fixture(scope="module")
def proxy() -> Iterator[ForwardProxy]:
    with forward_proxy() as running:
        yield running


@pytest.fixture(params=WORKING)
def through(
    request: pytest.FixtureRequest, command: Command, odoo: Odoo, front: Nginx, proxy: ForwardProxy
) -> Command:
    """The program with key and password, behind each front through which everything works."""
    way_in = WORKING[request.param](front, proxy)
    return command.with_settings(OPENSPP_API_KEY=odoo.api_key, **way_in)


@pytest.fixture
def mail_server(odoo: Odoo, peers: SmtpPeers) -> Iterator[str]:
    """An active mail server of the instance that passes its test."""
    values = {"name": "live proxies", "smtp_host": peers.plain.host, "smtp_port": peers.plain.port}
    server_id = odoo.call("ir.mail_server", "create", values)
    yield "live proxies"
    odoo.call("ir.mail_server", "unlink", [server_id])


def test_the_mail_servers_are_listed(through: Command, mail_server: str) -> None:
    servers = through.run("server", "list").data["servers"]

    assert mail_server in [server["name"] for server in servers]


def test_developer_mode_is_switched_on(through: Command, odoo: Odoo) -> None:
    data = through.run("debug", "on").data
    cookie = through.cookie()
    info = odoo.post("/web/session/get_session_info", {}, session=cookie)
    odoo.post("/web/session/destroy", {}, session=cookie)

    assert data["link"].startswith(through.settings["OPENSPP_URL"] + "/")
    assert info["bundle_params"]["debug"] == "1"


@pytest.mark.usefixtures("mail_server")
@pytest.mark.parametrize("through", ["HTTP Basic", "a path prefix and TLS"], indirect=True)
def test_every_step_of_the_check_is_ok(through: Command) -> None:
    ran = through.run("check")

    assert {step["step"]: step["ok"] for step in ran.result["data"]["steps"]} == dict.fromkeys(
        (
            "reach",
            "version",
            "login",
            "role",
            "developer-mode",
            "menu",
            "servers",
            "test",
            "queue",
        ),
        True,
    )


def test_an_unknown_authority_is_refused(command: Command, front: Nginx) -> None:
    ran = command.with_settings(OPENSPP_URL=front.https_url).run("server", "list")

    assert ran.exit_code == 1
    assert ran.error["code"] == "tls-failed"
    assert "OPENSPP_CA_FILE" in ran.error["hint"]


def test_no_request_is_made_where_the_authority_is_unknown(command: Command, front: Nginx) -> None:
    seen = len(front.access_log())
    command.with_settings(OPENSPP_URL=front.https_url).run("server", "list")

    assert front.access_log()[seen:] == []


def test_tls_that_is_not_checked_is_told_in_every_run(command: Command, front: Nginx) -> None:
    insecure = command.with_settings(OPENSPP_URL=front.https_url, OPENSPP_INSECURE_TLS=1)

    assert "certificates are not checked" in insecure.run("server", "list").stderr


@pytest.mark.parametrize(
    "basic", [pytest.param("", id="missing"), pytest.param(f"{BASIC_USER}:wrong", id="wrong")]
)
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("server", "list"), id="server list"),
        pytest.param(("debug", "on"), id="debug on"),
    ],
)
def test_http_basic_that_is_not_right_is_asked_for(
    basic: str, words: tuple[str, ...], command: Command, front: Nginx
) -> None:
    seen = len(front.access_log())
    ran = command.with_settings(OPENSPP_URL=front.basic_url, OPENSPP_HTTP_BASIC=basic).run(*words)

    assert ran.exit_code == 1
    assert ran.error["code"] == "http-basic-required"
    assert "OPENSPP_HTTP_BASIC" in ran.error["hint"]
    assert len(front.access_log()[seen:]) == 1


def test_json2_is_refused_with_http_basic_before_anything_is_sent(
    command: Command, odoo: Odoo, front: Nginx
) -> None:
    seen = len(front.access_log())
    ran = (
        on_protocol("json2", command, odoo)
        .with_settings(OPENSPP_URL=front.basic_url, OPENSPP_HTTP_BASIC=BASIC)
        .run("server", "list")
    )

    assert ran.exit_code == 2
    assert ran.error["code"] == "configuration"
    assert "OPENSPP_PROTOCOL=jsonrpc" in ran.error["hint"]
    assert front.access_log()[seen:] == []


def test_auto_takes_jsonrpc_behind_http_basic_even_with_a_key(
    command: Command, odoo: Odoo, front: Nginx
) -> None:
    basic = command.with_settings(
        OPENSPP_URL=front.basic_url, OPENSPP_HTTP_BASIC=BASIC, OPENSPP_API_KEY=odoo.api_key
    )

    assert basic.run("check").result["data"]["protocol"] == "jsonrpc"


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("server", "list"), id="server list"),
        pytest.param(("debug", "on"), id="debug on"),
        pytest.param(("check",), id="check"),
    ],
)
def test_a_redirect_is_an_error_and_the_new_address_gets_nothing(
    words: tuple[str, ...], command: Command, front: Nginx
) -> None:
    seen = len(front.access_log())
    ran = command.with_settings(
        OPENSPP_URL=front.redirect_url, OPENSPP_CA_FILE=str(front.ca_file)
    ).run(*words)

    assert ran.exit_code == 1
    assert front.https_url in json.dumps(ran.result)
    assert {entry.server for entry in front.access_log()[seen:]} == {"redirect"}


def test_a_redirect_names_the_address_to_set(command: Command, front: Nginx) -> None:
    ran = command.with_settings(OPENSPP_URL=front.redirect_url).run("server", "list")

    assert ran.error["code"] == "redirected"
    assert f"OPENSPP_URL={front.https_url}" in ran.error["hint"]


def test_reads_wait_for_a_host_that_limits_the_rate(
    command: Command, odoo: Odoo, front: Nginx
) -> None:
    seen = len(front.access_log())
    limited = on_protocol("json2", command, odoo).with_settings(OPENSPP_URL=front.limited_url)
    exit_codes = [limited.run("server", "list").exit_code for _ in range(4)]

    assert exit_codes == [0, 0, 0, 0]
    assert 429 in [entry.status for entry in front.access_log()[seen:]]


def test_a_limited_rate_is_told_with_the_time_to_wait(
    command: Command, odoo: Odoo, front: Nginx
) -> None:
    limited = command.with_settings(
        OPENSPP_URL=front.limited_url,
        OPENSPP_API_KEY=odoo.api_key,
        OPENSPP_TIMEOUT=0.9 * RETRY_AFTER_SECONDS,  # or reads would wait
    )
    ran = limited.run("check")  # more requests than the limit lets through at once
    failed = [step for step in ran.result["data"]["steps"] if step["ok"] is False]

    assert any("429" in step["detail"] for step in failed)
    assert any(f"again in {RETRY_AFTER_SECONDS} s" in step["hint"] for step in failed)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_proxy_of_the_environment_is_used(
    scheme: str, command: Command, front: Nginx, proxy: ForwardProxy
) -> None:
    proxy.requests.clear()
    url = front.http_url if scheme == "http" else front.https_url
    ran = command.with_settings(
        OPENSPP_URL=url,
        OPENSPP_CA_FILE=str(front.ca_file),
        **{f"{scheme.upper()}_PROXY": proxy.url},
    ).run("server", "list")

    assert ran.exit_code == 0
    methods = {method for method, _target in proxy.requests}
    assert methods == ({"POST"} if scheme == "http" else {"CONNECT"})


def test_no_proxy_is_honoured(command: Command, front: Nginx, proxy: ForwardProxy) -> None:
    proxy.requests.clear()
    ran = command.with_settings(
        OPENSPP_URL=front.http_url, HTTP_PROXY=proxy.url, NO_PROXY="localhost"
    ).run("server", "list")

    assert ran.exit_code == 0
    assert proxy.requests == []


@pytest.fixture
def impatient(local_odoo: Odoo) -> Iterator[Nginx]:
    """nginx that gives up waiting for Odoo long before Odoo gives up waiting for a mail server."""
    yield from running_nginx(local_odoo, read_timeout_seconds=GATEWAY_SECONDS)


@pytest.mark.parametrize("protocol", ["jsonrpc", "xmlrpc", "json2"])
def test_a_gateway_that_gives_up_during_a_test_is_a_mail_server_without_an_answer(
    protocol: str, command: Command, odoo: Odoo, impatient: Nginx, peers: SmtpPeers
) -> None:
    before = odoo.server_names()
    ran = (
        on_protocol(protocol, command, odoo)
        .with_settings(OPENSPP_URL=impatient.http_url)
        .run(
            *("server", "create", "--name", "live silent"),
            *("--smtp-host", peers.silent.host, "--smtp-port", str(peers.silent.port)),
        )
    )

    assert ran.exit_code == 1
    assert ran.error["code"] == "test-failed"
    assert ran.error["test"]["cause"] == "no-answer"
    assert "504" in ran.error["message"]
    assert odoo.server_names() == before
    assert [e.status for e in impatient.access_log()].count(504) == 1
