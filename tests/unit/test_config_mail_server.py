import base64
from pathlib import Path

import pytest

from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.mail_server import (
    load_key,
    load_pem,
    parse_variables,
    resolve_field,
)
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.secret import Secret

CANARY = "canary-9bd1"
PEM = b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"


def values_of(**variables: str) -> dict[str, object]:
    return dict(parse_variables(Environment(variables, {})))


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        pytest.param(*row, id=row[0])
        for row in (
            ("SMTP_NAME", "Main relay", "name", "Main relay"),
            ("SMTP_SEQUENCE", "5", "sequence", 5),
            ("SMTP_ENCRYPTION", "starttls", "smtp_encryption", "starttls"),
            ("SMTP_AUTHENTICATION", "login", "smtp_authentication", "login"),
            ("SMTP_USER", "ann", "smtp_user", "ann"),
            ("SMTP_PASS", f" {CANARY} ", "smtp_pass", Secret(f" {CANARY} ")),
            ("SMTP_HOST", " smtp.example.org ", "smtp_host", "smtp.example.org"),
            ("SMTP_PORT", "587", "smtp_port", 587),
            ("SMTP_FROM_FILTER", "example.org", "from_filter", "example.org"),
        )
    ],
)
def test_a_variable_sets_its_field(variable: str, text: str, field: str, value: object) -> None:
    assert values_of(**{variable: text}) == {field: value}


def test_what_is_not_given_sets_nothing() -> None:
    assert values_of(SMTP_NAME="", SMTP_PORT=" ") == {}


def test_a_password_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{CANARY}\n")

    assert values_of(SMTP_PASS_FILE=str(path)) == {"smtp_pass": Secret(CANARY)}


def test_all_problems_are_reported_at_once_and_none_shows_the_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        values_of(
            SMTP_SEQUENCE="first", SMTP_PORT="-25", SMTP_PASS=CANARY, SMTP_PASS_FILE="/no/file"
        )

    assert caught.value.message.splitlines() == [
        "SMTP_SEQUENCE is not a number",
        "SMTP_PORT is not a number",
        "SMTP_PASS and SMTP_PASS_FILE are both given",
    ]
    assert caught.value.is_usage


# PEM files


def test_a_pem_file_is_loaded_as_odoo_stores_it(tmp_path: Path) -> None:
    path = tmp_path / "cert.pem"
    path.write_bytes(PEM)

    assert base64.b64decode(load_pem(path, option="--smtp-ssl-certificate")) == PEM


def test_a_pem_file_may_stand_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "cert.pem").write_bytes(PEM)

    assert load_pem(Path("~/cert.pem"), option="--smtp-ssl-certificate")


def test_a_key_is_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(PEM)

    key = load_key(path, option="--smtp-ssl-private-key")

    assert base64.b64decode(key.reveal()) == PEM


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="missing"),
        pytest.param(b"MIIB", "is not a PEM file", id="der"),
        pytest.param(b"", "is not a PEM file", id="empty"),
        pytest.param(
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n", "has a passphrase", id="pkcs8"
        ),
        pytest.param(
            b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
            "has a passphrase",
            id="traditional",
        ),
    ],
)
def test_a_file_that_odoo_cannot_use_is_refused(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load_key(path, option="--smtp-ssl-private-key")

    assert caught.value.code == "invalid-value"
    assert caught.value.message.startswith(f"--smtp-ssl-private-key: {path} ")
    assert words in caught.value.message


# References


def resolve(field: str, reference: str, folder: Path) -> Secret | str:
    secrets = Secrets(Environment({"SMTP_PASS": "secret"}, {}), ask=None)
    return resolve_field(field, reference, folder=folder, secrets=secrets, what=f"main: {field}")


def test_a_password_is_what_its_reference_points_to(tmp_path: Path) -> None:
    found = resolve("smtp_pass", "env:SMTP_PASS", tmp_path)

    assert isinstance(found, Secret)
    assert found.reveal() == "secret"


def test_a_certificate_that_others_can_read_is_loaded_as_odoo_stores_it(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_bytes(PEM)
    (tmp_path / "cert.pem").chmod(0o644)

    found = resolve("smtp_ssl_certificate", "file:cert.pem", tmp_path)

    assert found == base64.b64encode(PEM).decode()


def test_a_private_key_is_a_secret_as_odoo_stores_it(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(PEM)
    (tmp_path / "key.pem").chmod(0o600)

    found = resolve("smtp_ssl_private_key", "file:key.pem", tmp_path)

    assert isinstance(found, Secret)
    assert base64.b64decode(found.reveal()) == PEM


@pytest.mark.parametrize(
    ("field", "content", "mode", "words"),
    [
        pytest.param("smtp_ssl_private_key", PEM, 0o644, "others than its owner", id="open-key"),
        pytest.param("smtp_ssl_private_key", b"MIIB", 0o600, "is not a PEM file", id="no-key"),
        pytest.param("smtp_ssl_certificate", b"MIIB", 0o644, "is not a PEM", id="no-certificate"),
    ],
)
def test_a_pem_file_that_cannot_be_used_is_refused_with_its_field(
    field: str, content: bytes, mode: int, words: str, tmp_path: Path
) -> None:
    (tmp_path / "a.pem").write_bytes(content)
    (tmp_path / "a.pem").chmod(mode)

    with pytest.raises(ConfigurationError, match=f"^main: {field}: .*{words}"):
        resolve(field, "file:a.pem", tmp_path)
