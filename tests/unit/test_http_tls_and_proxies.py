import base64
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme
from pytest_mock import MockerFixture

from remote_mailcfg.errors import ConfigurationError, TransportError
from remote_mailcfg.model.target import Target
from remote_mailcfg.rpc.http import Answer, HttpClient
from tests.forward_proxy import forward_proxy
from tests.replay_server import HOST, ReplayServer, json_reply, replay

OK = json_reply("done")


def ask(server: ReplayServer, **values: object) -> Answer:
    with HttpClient(server.target(**values)) as http:
        return http.request("GET", "/x")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    return serving(authority, HOST)


def serving(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def test_a_certificate_of_an_unknown_authority_is_refused(tls: ssl.SSLContext) -> None:
    with replay(tls=tls) as server, pytest.raises(TransportError) as caught:
        ask(server)

    assert caught.value.code == "tls-failed"
    assert "CERTIFICATE_VERIFY_FAILED" in caught.value.message
    assert "OPENSPP_CA_FILE" in caught.value.hint


def test_a_private_authority_is_trusted_when_it_is_named(
    tls: ssl.SSLContext, ca_file: Path
) -> None:
    with replay(OK, tls=tls) as server:
        assert ask(server, ca_file=ca_file).body == b'"done"'


def test_a_certificate_for_another_host_is_refused(authority: trustme.CA, ca_file: Path) -> None:
    other = serving(authority, "other.example")

    with replay(tls=other) as server, pytest.raises(TransportError) as caught:
        ask(server, ca_file=ca_file)

    assert caught.value.code == "tls-failed"
    assert "certificate is not valid for" in caught.value.message


def test_any_certificate_is_trusted_when_that_is_asked_for(tls: ssl.SSLContext) -> None:
    with replay(OK, tls=tls) as server:
        assert ask(server, insecure_tls=True).body == b'"done"'


def test_a_port_without_tls_is_told_from_a_bad_certificate() -> None:
    with replay() as server, pytest.raises(TransportError) as caught:
        ask(server, url=server.url.replace("http:", "https:"))

    assert caught.value.code == "tls-failed"
    assert caught.value.hint.startswith("The port may not speak TLS")


def test_requests_over_tls_share_one_connection(tls: ssl.SSLContext, ca_file: Path) -> None:
    with (
        replay(OK, OK, tls=tls) as server,
        HttpClient(server.target(ca_file=ca_file)) as http,
    ):
        http.request("GET", "/x")
        http.request("GET", "/x")

    assert len(server.connections) == 1


@pytest.mark.parametrize(
    "content", [pytest.param("not PEM", id="no-certificate"), pytest.param(None, id="missing")]
)
def test_a_ca_file_that_cannot_be_used_is_a_configuration_error(
    content: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    with replay() as server, pytest.raises(ConfigurationError, match=r"ca\.pem is no readable PEM"):
        ask(server, url="https://127.0.0.1", ca_file=path)


def test_instances_share_what_was_loaded_for_tls(ca_file: Path, mocker: MockerFixture) -> None:
    loading = mocker.spy(ssl, "create_default_context")

    def open_and_close(name: str) -> None:
        url = f"https://{name}.example"
        with HttpClient(Target(name=name, url=url, ca_file=ca_file)):
            pass

    with ThreadPoolExecutor(16) as executor:
        list(executor.map(open_and_close, (f"erp{number}" for number in range(16))))

    assert loading.call_count == 1


def test_an_instance_that_trusts_any_certificate_leaves_the_others_alone(
    tls: ssl.SSLContext,
) -> None:
    with replay(OK, tls=tls) as server:
        ask(server, insecure_tls=True)
        with pytest.raises(TransportError) as caught:
            ask(server)

    assert caught.value.code == "tls-failed"


# Proxies


def test_the_proxy_of_a_target_goes_before_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with replay(OK) as server, forward_proxy() as proxy, replay() as other:
        monkeypatch.setenv("HTTP_PROXY", other.url)
        monkeypatch.setenv("NO_PROXY", HOST)
        ask(server, proxy=proxy.url)

    assert proxy.requests == [("GET", f"{server.url}/x")]


def test_tls_goes_through_a_tunnel_of_the_targets_proxy(tls: ssl.SSLContext, ca_file: Path) -> None:
    with replay(OK, tls=tls) as server, forward_proxy() as proxy:
        ask(server, ca_file=ca_file, proxy=proxy.url)

    assert proxy.requests == [("CONNECT", server.url.removeprefix("https://"))]


def test_the_proxy_of_a_target_that_does_not_answer_is_named() -> None:
    with replay() as gone:
        pass

    with replay() as server, pytest.raises(TransportError) as caught:
        ask(server, proxy=gone.url)

    assert caught.value.code == "unreachable"
    assert caught.value.message == (
        f"the HTTP proxy {gone.url} does not reach {server.url}: Connection refused"
    )
    assert caught.value.hint == "Check `proxy` in the inventory."


def test_the_proxy_of_a_target_that_cannot_be_used_is_a_configuration_error() -> None:
    with replay() as server, pytest.raises(ConfigurationError) as caught:
        ask(server, proxy="socks5://proxy.example:1080")

    assert caught.value.message.startswith("the HTTP proxy socks5://proxy.example:1080 is not")
    assert caught.value.hint == "Check `proxy` in the inventory."


def test_plain_http_goes_through_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with replay(OK) as server, forward_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        answer = ask(server)

    assert answer.body == b'"done"'
    assert proxy.requests == [("GET", f"{server.url}/x")]


def test_tls_goes_through_a_tunnel_of_the_proxy(
    tls: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replay(OK, OK, tls=tls) as server, forward_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with HttpClient(server.target(ca_file=ca_file)) as http:
            http.request("GET", "/x")
            http.request("GET", "/x")

    assert proxy.requests == [("CONNECT", server.url.removeprefix("https://"))]


@pytest.mark.parametrize("excluded", [HOST, "*", f"other.example,{HOST}"])
def test_no_proxy_is_heeded(excluded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with replay(OK) as server, forward_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", excluded)
        ask(server)

    assert proxy.requests == []


@pytest.mark.parametrize(
    ("written", "pair"),
    [
        pytest.param("ann:s3cret", "ann:s3cret", id="plain"),
        pytest.param("ann:p%40ss%3Aword", "ann:p@ss:word", id="percent-encoded"),
        pytest.param("ann:p%C3%A4%D0%B0", "ann:p\u00e4\u0430", id="unicode"),
        pytest.param("ann", "ann:", id="without-password"),
    ],
)
def test_a_proxy_gets_its_credentials_and_the_instance_does_not(
    written: str, pair: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replay(OK) as proxy, replay() as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", f"//{written}@"))
        ask(server)

    (request,) = proxy.requests
    assert request.path == f"{server.url}/x"
    sent = request.headers["Proxy-Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == pair
    assert request.headers["Authorization"] is None


def test_a_proxy_that_does_not_answer_is_told_from_the_instance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with replay() as gone:
        pass
    monkeypatch.setenv("HTTP_PROXY", gone.url)

    with replay() as server, pytest.raises(TransportError) as caught:
        ask(server)

    assert caught.value.code == "unreachable"
    assert caught.value.message.startswith("the HTTP proxy of the environment does not reach")
    assert "Connection refused" in caught.value.message
    assert "HTTP_PROXY" in caught.value.hint


def test_a_tunnel_that_the_proxy_refuses_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = json_reply("no", status=407)

    with replay(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(TransportError) as caught:
            ask(proxy, url="https://instance.example")

    assert caught.value.code == "unreachable"
    assert "407" in caught.value.message


@pytest.mark.parametrize(
    "proxy",
    [
        pytest.param("socks5://ann:s3cret@proxy.example:1080", id="socks"),
        pytest.param("ann:s3cret@proxy.example:3128", id="no-scheme"),
        pytest.param("http://ann:s3cret@[proxy.example:3128", id="not-an-address"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_a_configuration_error_that_does_not_show_it(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)

    with replay() as server, pytest.raises(ConfigurationError, match="proxy of the env") as caught:
        ask(server)

    assert "s3cret" not in caught.value.message
