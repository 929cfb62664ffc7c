"""An instance before its secrets are looked up."""

import pickle
from pathlib import Path

import pytest

from remote_mailcfg.config.entry import Entry
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.config.single_instance import parse_entry
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.target import Target
from remote_mailcfg.secret import Secret
from tests.canaries import API_KEY, HTTP_BASIC, PASSWORD, TOTP_SECRET, leaks, texts_of

VARIABLES = {
    "OPENSPP_URL": "https://spp.example",
    "OPENSPP_LOGIN": "ann",
    "OPENSPP_API_KEY": API_KEY,
    "OPENSPP_PASSWORD": PASSWORD,
    "OPENSPP_TOTP_SECRET": TOTP_SECRET,
    "OPENSPP_HTTP_BASIC": HTTP_BASIC,
}
ENVIRONMENT = Environment(VARIABLES, VARIABLES)


def entry_with(url: str = "https://spp.example", **references: str) -> Entry:
    target = Target(name="spp", url=url, login="ann")
    return Entry(target=target, references=tuple(references.items()), folder=Path())


def test_an_entry_of_the_environment_refers_to_its_secrets_and_holds_none() -> None:
    entry = parse_entry(ENVIRONMENT)

    assert dict(entry.references) == {
        "api_key": "env:OPENSPP_API_KEY",
        "password": "env:OPENSPP_PASSWORD",
        "totp_secret": "env:OPENSPP_TOTP_SECRET",
        "http_basic": "env:OPENSPP_HTTP_BASIC",
    }
    assert leaks([repr(entry), repr(pickle.dumps(entry))]) == []


def test_an_entry_travels_and_is_the_same() -> None:
    entry = parse_entry(ENVIRONMENT)

    assert pickle.loads(pickle.dumps(entry)) == entry


def test_an_entry_becomes_a_target_with_its_secrets() -> None:
    target = parse_entry(ENVIRONMENT).resolve(Secrets(ENVIRONMENT, ask=None))

    assert target == Target(
        name="spp.example",
        url="https://spp.example",
        login="ann",
        api_key=Secret(API_KEY),
        password=Secret(PASSWORD),
        totp_secret=Secret(TOTP_SECRET),
        http_basic=Secret(HTTP_BASIC),
    )


def test_a_secret_that_cannot_be_had_is_named_by_its_field() -> None:
    with pytest.raises(ConfigurationError, match=r"^api_key: env:NO_SUCH: NO_SUCH is not set"):
        entry_with(api_key="env:NO_SUCH").resolve(Secrets(ENVIRONMENT, ask=None))


def test_http_basic_without_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="not of the form user:password") as caught:
        entry_with(http_basic="env:OPENSPP_PASSWORD").resolve(Secrets(ENVIRONMENT, ask=None))

    assert leaks(texts_of(caught.value)) == []


def test_a_person_is_asked_beforehand_and_not_again() -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return PASSWORD

    secrets = Secrets(ENVIRONMENT, ask=ask)
    entry = entry_with(password="prompt:", api_key="env:NO_SUCH")

    entry.ask(secrets)

    assert asked == ["password"]
    assert entry_with(password="prompt:").resolve(secrets).password == Secret(PASSWORD)
    assert asked == ["password"]


def test_what_nobody_answers_is_told_where_it_is_needed() -> None:
    secrets = Secrets(ENVIRONMENT, ask=None)
    entry = entry_with(password="prompt:")

    entry.ask(secrets)

    with pytest.raises(ConfigurationError, match="asked for on a terminal"):
        entry.resolve(secrets)


@pytest.mark.parametrize(
    ("references", "secret"),
    [
        pytest.param({"api_key": "env:A", "password": "env:B"}, "env:A", id="key-first"),
        pytest.param({"password": "env:B"}, "env:B", id="password"),
        pytest.param({"totp_secret": "env:C"}, "", id="neither"),
    ],
)
def test_a_credential_is_the_login_with_its_key_else_its_password(
    references: dict[str, str], secret: str
) -> None:
    assert entry_with(**references).credential == ("ann", secret, "https://spp.example:443")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://spp.example/country", "https://spp.example:443"),
        ("http://SPP.example", "http://spp.example:80"),
        ("http://spp.example:8069/x", "http://spp.example:8069"),
        ("http://[::1]:8069", "http://[::1]:8069"),
    ],
)
def test_instances_of_one_server_share_a_credential(url: str, origin: str) -> None:
    assert entry_with(url).credential == ("ann", "", origin)
