from collections.abc import Callable
from pathlib import Path

import pytest

from remote_mailcfg.config.environment import Environment, load_environment
from remote_mailcfg.config.secrets import Secrets
from remote_mailcfg.config.single_instance import parse_entry
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.target import Target
from remote_mailcfg.secret import Secret

MINIMUM = {"OPENSPP_URL": "https://spp.example", "OPENSPP_LOGIN": "ann"}
SECRETS = ["OPENSPP_API_KEY", "OPENSPP_PASSWORD", "OPENSPP_TOTP_SECRET", "OPENSPP_HTTP_BASIC"]
CANARY = "ca:nary-9bd1"

SetVariables = Callable[..., None]


@pytest.fixture
def set_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SetVariables:
    """Return a function that sets variables of the real environment, in a folder without .env."""
    monkeypatch.chdir(tmp_path)

    def set_them(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_them


def target_of(**values: str) -> Target:
    environment = Environment(MINIMUM | values, {})
    return parse_entry(environment).resolve(Secrets(environment, ask=None))


def problems_of(**values: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        target_of(**values)
    return caught.value.message.splitlines()


# Every variable


def test_two_variables_are_enough() -> None:
    assert target_of() == Target(name="spp.example", url="https://spp.example", login="ann")


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        pytest.param(*row, id=f"{row[0]}={row[1]}")
        for row in (
            ("OPENSPP_URL", "http://spp.example:8069", "url", "http://spp.example:8069"),
            ("OPENSPP_URL", "https://spp.example/x/", "url", "https://spp.example/x"),
            ("OPENSPP_URL", "https://spp.example///", "url", "https://spp.example"),
            ("OPENSPP_URL", " https://spp.example ", "url", "https://spp.example"),
            ("OPENSPP_URL", "https://[::1]:8069", "url", "https://[::1]:8069"),
            ("OPENSPP_URL", "https://spp.example:8443/x", "name", "spp.example:8443"),
            ("OPENSPP_DB", "openspp_prod", "database", "openspp_prod"),
            ("OPENSPP_LOGIN", "mail.admin@example.org", "login", "mail.admin@example.org"),
            ("OPENSPP_API_KEY", "0123abcd", "api_key", Secret("0123abcd")),
            ("OPENSPP_PASSWORD", " with spaces ", "password", Secret(" with spaces ")),
            ("OPENSPP_TOTP_SECRET", "JBSWY3DP", "totp_secret", Secret("JBSWY3DP")),
            ("OPENSPP_HTTP_BASIC", "gate:a:b", "http_basic", Secret("gate:a:b")),
            ("OPENSPP_PROTOCOL", "auto", "protocol", "auto"),
            ("OPENSPP_PROTOCOL", "jsonrpc", "protocol", "jsonrpc"),
            ("OPENSPP_PROTOCOL", "xmlrpc", "protocol", "xmlrpc"),
            ("OPENSPP_PROTOCOL", "json2", "protocol", "json2"),
            ("OPENSPP_ROLE", "production", "role", "production"),
            ("OPENSPP_ROLE", "staging", "role", "staging"),
            ("OPENSPP_ROLE", "training", "role", "training"),
            ("OPENSPP_ROLE", "test", "role", "test"),
            ("OPENSPP_ROLE", "", "role", None),
            ("OPENSPP_TIMEOUT", "12.5", "timeout_seconds", 12.5),
            ("OPENSPP_TIMEOUT", "3600", "timeout_seconds", 3600),
            ("OPENSPP_INSECURE_TLS", "1", "insecure_tls", True),
            ("OPENSPP_INSECURE_TLS", "True", "insecure_tls", True),
            ("OPENSPP_INSECURE_TLS", "YES", "insecure_tls", True),
            ("OPENSPP_INSECURE_TLS", "on", "insecure_tls", True),
            ("OPENSPP_INSECURE_TLS", "0", "insecure_tls", False),
            ("OPENSPP_INSECURE_TLS", "no", "insecure_tls", False),
        )
    ],
)
def test_a_variable_sets_its_field(name: str, text: str, field: str, value: object) -> None:
    assert getattr(target_of(**{name: text}), field) == value


def test_a_ca_file_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.touch()

    assert target_of(OPENSPP_CA_FILE=str(path)).ca_file == path


def test_a_ca_file_may_stand_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ca.pem").touch()

    assert target_of(OPENSPP_CA_FILE="~/ca.pem").ca_file == tmp_path / "ca.pem"


# Every invalid value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param(*row, id=f"{row[0]}={row[1][:24]}")
        for row in (
            ("OPENSPP_URL", "", "OPENSPP_URL is not set"),
            ("OPENSPP_URL", "spp.example", "is not an address of the form"),
            ("OPENSPP_URL", "ftp://spp.example", "is not an address of the form"),
            ("OPENSPP_URL", "https://", "is not an address of the form"),
            ("OPENSPP_URL", "https://spp.example:port", "is not an address of the form"),
            ("OPENSPP_URL", "https://spp.example:0", "is not an address of the form"),
            ("OPENSPP_URL", "https://spp.example:65536", "is not an address of the form"),
            ("OPENSPP_URL", "https://[::1", "is not an address of the form"),
            ("OPENSPP_URL", "https://ann@spp.example", "holds a user or password"),
            ("OPENSPP_URL", "https://spp.example/?debug=1", "has a query or a fragment"),
            ("OPENSPP_URL", "https://spp.example/web#menu", "has a query or a fragment"),
            ("OPENSPP_LOGIN", " ", "OPENSPP_LOGIN is not set"),
            ("OPENSPP_HTTP_BASIC", "gate", "OPENSPP_HTTP_BASIC is not of the form user:password"),
            ("OPENSPP_PROTOCOL", "soap", "OPENSPP_PROTOCOL is not one of auto, jsonrpc,"),
            ("OPENSPP_ROLE", "Live", "OPENSPP_ROLE is not one of production, staging, training,"),
            ("OPENSPP_TIMEOUT", "soon", "OPENSPP_TIMEOUT is not a number of seconds"),
            ("OPENSPP_TIMEOUT", "0", "OPENSPP_TIMEOUT is not a number of seconds"),
            ("OPENSPP_TIMEOUT", "-1", "OPENSPP_TIMEOUT is not a number of seconds"),
            ("OPENSPP_TIMEOUT", "3601", "OPENSPP_TIMEOUT is not a number of seconds"),
            ("OPENSPP_TIMEOUT", "nan", "OPENSPP_TIMEOUT is not a number of seconds"),
            ("OPENSPP_TIMEOUT", "inf", "OPENSPP_TIMEOUT is not a number of seconds"),
            ("OPENSPP_CA_FILE", "/no/ca.pem", "OPENSPP_CA_FILE does not name a file"),
            ("OPENSPP_INSECURE_TLS", "maybe", "OPENSPP_INSECURE_TLS is not 1 or 0"),
        )
    ],
)
def test_an_invalid_value_is_named(name: str, text: str, words: str) -> None:
    (problem,) = problems_of(**{name: text})

    assert words in problem
    assert text not in problem.split()  # it may be a key in the wrong place


def test_a_configuration_error_is_wrong_usage_and_names_where_to_set_things() -> None:
    with pytest.raises(ConfigurationError) as caught:
        target_of(OPENSPP_TIMEOUT="soon")

    assert caught.value.code == "configuration"
    assert caught.value.is_usage
    assert ".env.example" in caught.value.hint


def test_all_problems_are_reported_at_once() -> None:
    problems = problems_of(
        OPENSPP_URL="spp",
        OPENSPP_LOGIN="",
        OPENSPP_API_KEY_FILE="/no/key",
        OPENSPP_PASSWORD="a",
        OPENSPP_PASSWORD_FILE="b",
        OPENSPP_HTTP_BASIC="gate",
        OPENSPP_PROTOCOL="soap",
        OPENSPP_TIMEOUT="soon",
        OPENSPP_CA_FILE="/no/ca.pem",
        OPENSPP_INSECURE_TLS="maybe",
    )

    assert [problem.split(" ")[0].rstrip(":") for problem in problems] == [
        "OPENSPP_URL",
        "OPENSPP_API_KEY_FILE",
        "OPENSPP_PASSWORD",
        "OPENSPP_HTTP_BASIC",
        "OPENSPP_LOGIN",
        "OPENSPP_PROTOCOL",
        "OPENSPP_TIMEOUT",
        "OPENSPP_CA_FILE",
        "OPENSPP_INSECURE_TLS",
    ]


def test_no_message_shows_a_secret(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(CANARY)
    problems = problems_of(
        OPENSPP_URL=f"https://ann:{CANARY}@spp.example",
        OPENSPP_API_KEY=CANARY,
        OPENSPP_API_KEY_FILE=str(key),
        OPENSPP_PASSWORD=CANARY,
        OPENSPP_PASSWORD_FILE="/no/password",
        OPENSPP_TOTP_SECRET=CANARY,
        OPENSPP_HTTP_BASIC=CANARY.replace(":", ""),
    )

    assert len(problems) == 4
    assert not [it for it in problems if CANARY in it or CANARY.replace(":", "") in it]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"https://ann:{CANARY}@spp.example:port", id="invalid-port"),
        pytest.param(f"ftp://ann:{CANARY}@spp.example", id="other-scheme"),
        pytest.param(f"https://spp.example/?password={CANARY}", id="query"),
    ],
)
def test_no_message_shows_what_an_address_hides(url: str) -> None:
    assert CANARY not in "".join(problems_of(OPENSPP_URL=url))


# Secrets in files


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{CANARY}\n")

    assert Environment({f"{name}_FILE": str(path)}, {}).secret(name) == Secret(CANARY)


def test_a_secret_file_may_stand_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret").write_text(CANARY)

    environment = Environment({"SMTP_PASS_FILE": "~/secret"}, {})

    assert environment.secret("SMTP_PASS") == Secret(CANARY)


def test_a_secret_that_is_not_given_is_none() -> None:
    assert Environment({}, {}).secret("SMTP_PASS") is None


def test_a_secret_may_be_wanted_of_the_real_environment_alone() -> None:
    environment = Environment({"SMTP_PASS": "of the file"}, {"OTHER": "x"})

    assert environment.secret("SMTP_PASS", real_only=True) is None


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_given_twice_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(CANARY)

    (problem,) = problems_of(**{name: "gate:keeper", f"{name}_FILE": str(path)})

    assert problem == f"{name} and {name}_FILE are both given"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="missing"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b" \n", "is empty", id="blank"),
        pytest.param(b"\xff\xfe\x00", "cannot be read: not a text in UTF-8", id="binary"),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_named(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)

    (problem,) = problems_of(OPENSPP_PASSWORD_FILE=str(path))

    assert problem == f"OPENSPP_PASSWORD_FILE: {path} {words}"


def test_a_folder_in_place_of_a_secret_file_is_named(tmp_path: Path) -> None:
    (problem,) = problems_of(OPENSPP_PASSWORD_FILE=str(tmp_path))

    assert problem.endswith("cannot be read: Is a directory")


# The real environment and dotenv files


def test_a_dotenv_file_of_this_folder_is_read(set_variables: SetVariables, tmp_path: Path) -> None:
    set_variables()
    (tmp_path / ".env").write_text("OPENSPP_DB=from-the-file\n")

    assert load_environment(None).get("OPENSPP_DB") == "from-the-file"


def test_another_dotenv_file_is_read_in_its_place(
    set_variables: SetVariables, tmp_path: Path
) -> None:
    set_variables()
    (tmp_path / ".env").write_text("OPENSPP_DB=here\nOPENSPP_LOGIN=ann\n")
    (tmp_path / "other.env").write_text("OPENSPP_DB=there\n")

    environment = load_environment(Path("other.env"))

    assert environment.get("OPENSPP_DB") == "there"
    assert environment.get("OPENSPP_LOGIN") == ""


def test_without_a_dotenv_file_the_real_environment_is_all(set_variables: SetVariables) -> None:
    set_variables(OPENSPP_DB="real")

    assert load_environment(None).get("OPENSPP_DB") == "real"


def test_the_real_environment_stands_above_a_dotenv_file(
    set_variables: SetVariables, tmp_path: Path
) -> None:
    set_variables(OPENSPP_DB="real")
    (tmp_path / ".env").write_text("OPENSPP_DB=from-the-file\nOPENSPP_LOGIN=ann\n")

    environment = load_environment(None)

    assert environment.get("OPENSPP_DB") == "real"
    assert environment.get("OPENSPP_LOGIN") == "ann"
    assert "OPENSPP_LOGIN" not in environment.real


@pytest.mark.parametrize(
    ("real", "written"),
    [
        pytest.param("OPENSPP_PASSWORD", "OPENSPP_PASSWORD_FILE", id="literal-above-file"),
        pytest.param("OPENSPP_PASSWORD_FILE", "OPENSPP_PASSWORD", id="file-above-literal"),
    ],
)
def test_the_real_environment_stands_above_a_dotenv_file_in_either_form_of_a_secret(
    real: str, written: str, set_variables: SetVariables, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("in-a-file")
    value_of = {"OPENSPP_PASSWORD": "literal", "OPENSPP_PASSWORD_FILE": str(secret)}
    set_variables(**{real: value_of[real]})
    (tmp_path / ".env").write_text(f"{written}={value_of[written]}\n")

    expected = "literal" if real == "OPENSPP_PASSWORD" else "in-a-file"
    assert load_environment(None).secret("OPENSPP_PASSWORD") == Secret(expected)


def test_an_empty_variable_counts_as_not_given(set_variables: SetVariables, tmp_path: Path) -> None:
    set_variables(OPENSPP_DB="", OPENSPP_PASSWORD="")
    (tmp_path / ".env").write_text("OPENSPP_DB=filled\nOPENSPP_PASSWORD=filled\nOPENSPP_LOGIN=\n")

    environment = load_environment(None)

    assert environment.get("OPENSPP_DB") == "filled"
    assert environment.secret("OPENSPP_PASSWORD") == Secret("filled")
    assert "OPENSPP_LOGIN" not in environment.values


def test_a_name_without_a_value_counts_as_not_given(
    set_variables: SetVariables, tmp_path: Path
) -> None:
    set_variables()
    (tmp_path / ".env").write_text("OPENSPP_PASSWORD\n")

    assert load_environment(None).secret("OPENSPP_PASSWORD") is None


@pytest.mark.parametrize("password", ["a${HOME}b", "$HOME", "${UNDEFINED:-x}"])
def test_a_dotenv_file_is_not_expanded(
    password: str, set_variables: SetVariables, tmp_path: Path
) -> None:
    set_variables(HOME="/somewhere")
    (tmp_path / ".env").write_text(f"OPENSPP_PASSWORD={password}\n")

    assert load_environment(None).secret("OPENSPP_PASSWORD") == Secret(password)


def test_a_dotenv_file_that_is_named_and_missing_is_an_error(set_variables: SetVariables) -> None:
    set_variables()

    with pytest.raises(ConfigurationError, match=r"--env-file: there is no file no\.env"):
        load_environment(Path("no.env"))


def test_a_dotenv_file_that_is_no_text_is_an_error_that_does_not_show_it(
    set_variables: SetVariables, tmp_path: Path
) -> None:
    set_variables()
    (tmp_path / ".env").write_bytes(f"OPENSPP_PASSWORD={CANARY}".encode() + b"\xff\n")

    with pytest.raises(ConfigurationError, match=r"^\.env cannot be read: not a text") as caught:
        load_environment(None)

    assert CANARY not in caught.value.message


def test_a_secret_from_a_file_loses_its_last_line_break_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "pass").write_text(" pass word \r\n")
    values = {"OPENSPP_PASSWORD_FILE": str(tmp_path / "pass")}

    secret = Environment(values, values).secret("OPENSPP_PASSWORD")

    assert secret == Secret(" pass word ")


# Lines that are not what they should be


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["unix", "windows"])
def test_a_byte_order_mark_of_an_editor_is_no_part_of_the_first_name(
    end: bytes, set_variables: SetVariables, tmp_path: Path
) -> None:
    set_variables()
    (tmp_path / ".env").write_bytes(BOM + b"OPENSPP_DB=one" + end + b"OPENSPP_LOGIN=ann" + end)

    environment = load_environment(None)

    assert (environment.get("OPENSPP_DB"), environment.get("OPENSPP_LOGIN")) == ("one", "ann")


def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path: Path) -> None:
    (tmp_path / "pass").write_bytes(BOM + b"password\r\n")
    values = {"OPENSPP_PASSWORD_FILE": str(tmp_path / "pass")}

    assert Environment(values, values).secret("OPENSPP_PASSWORD") == Secret("password")


def refusal_of(text: str, tmp_path: Path) -> str:
    """Return the message about a .env, which shows no secret."""
    (tmp_path / ".env").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_environment(None)
    assert CANARY not in f"{caught.value.message} {caught.value.hint}"
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(f"A=1\nOPENSPP_PASSWORD='{CANARY}\nB=2\n", [2], id="open-quote"),
        pytest.param(f'OPENSPP_PASSWORD="{CANARY}"x\n', [1], id="after-the-quote"),
        pytest.param(f"OPENSPP_PASSWORD='it's {CANARY}'\n", [1], id="quote-in-quotes"),
        pytest.param(f"A=1\n\n  \n{CANARY} and more\n", [4], id="words-after-blank-lines"),
        pytest.param(f"A=1\n{CANARY}\n", [2], id="a-broken-line"),
        pytest.param(f"OPENSPP_PASSWORD: {CANARY}\n", [1], id="yaml"),
        pytest.param(f"set OPENSPP_PASSWORD={CANARY}\n", [1], id="a-command-of-windows"),
        pytest.param("'\nA=1\n=2\n", [1, 3], id="several"),
    ],
)
def test_a_line_that_does_not_parse_is_an_error_with_its_number_and_not_shown(
    text: str, lines: list[int], set_variables: SetVariables, tmp_path: Path
) -> None:
    set_variables()

    problems = refusal_of(text, tmp_path).splitlines()

    assert [it.partition(" is not")[0] for it in problems] == [f".env: line {it}:" for it in lines]


def test_comments_blank_lines_and_exports_are_lines(
    set_variables: SetVariables, tmp_path: Path
) -> None:
    set_variables()
    (tmp_path / ".env").write_text(
        "# note: a comment\n\n  # another\nexport OPENSPP_DB=one # two\nOPENSPP_LOGIN='a # b'\n"
    )

    environment = load_environment(None)

    assert (environment.get("OPENSPP_DB"), environment.get("OPENSPP_LOGIN")) == ("one", "a # b")


# Names that are almost right


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("OPENSPP_PASWORD", "OPENSPP_PASSWORD"),
        ("OPENSPP_PASSWWORD", "OPENSPP_PASSWORD"),
        ("OPENSPP_PASSWORT", "OPENSPP_PASSWORD"),
        ("OPENSPP_PASSWROD", "OPENSPP_PASSWORD"),
        ("OPENSP_URL", "OPENSPP_URL"),
        ("OPENSPP_URI", "OPENSPP_URL"),
        ("OPENSPP_ULR", "OPENSPP_URL"),
        ("OPENSPP-URL", "OPENSPP_URL"),
        ("OPENSPP_URLS", "OPENSPP_URL"),
        ("XOPENSPP_URL", "OPENSPP_URL"),
        ("SMTP_PAS", "SMTP_PASS"),
        ("SMTP_PASS_FIL", "SMTP_PASS_FILE"),
        ("OPENSPP_CA_FILES", "OPENSPP_CA_FILE"),
        ("REMOTE_MAILCFG_INVENTRY", "REMOTE_MAILCFG_INVENTORY"),
    ],
)
def test_a_name_one_letter_from_one_of_ours_is_an_error(
    written: str, meant: str, set_variables: SetVariables, tmp_path: Path
) -> None:
    set_variables()

    message = refusal_of(f"# a comment\n{written}={CANARY}\n", tmp_path)

    assert message == f".env: line 2: unknown variable {written}; did you mean {meant}?"


@pytest.mark.parametrize(
    "name",
    [
        "OPENSPP_IMAGE",
        "OPENSPP_JWT_SECRET",
        "SMTP_SERVER",
        "SMTP_PASSWORD",
        "SMTP_SSL",
        "SMTP_PASS_MAIN",
        "SMTP_PASS2",
        "OPENSPP_API_KEY_NATIONAL",
        "ODOO_URL",
        "EMAIL_FROM",
    ],
)
def test_other_names_are_those_of_others(
    name: str, set_variables: SetVariables, tmp_path: Path
) -> None:
    set_variables()
    (tmp_path / ".env").write_text(f"{name}=x\n")

    assert load_environment(None).get(name) == "x"


@pytest.mark.parametrize(
    ("given", "value"),
    [("OPENSPP_URL", "https://a.example"), ("OPENSPP_PASSWORD_FILE", "/run/secrets/password")],
)
@pytest.mark.parametrize("is_real", [True, False], ids=["real", "file"])
def test_a_name_close_to_one_that_is_given_is_left_alone(
    given: str, value: str, *, is_real: bool, set_variables: SetVariables, tmp_path: Path
) -> None:
    close = given.removesuffix("_FILE") + "S"
    set_variables(**({given: value} if is_real else {}))
    line = "" if is_real else f"{given}={value}\n"
    (tmp_path / ".env").write_text(f"{close}=x\n{line}")

    assert load_environment(None).get(close) == "x"


def test_a_name_that_is_close_and_empty_is_left_alone(
    set_variables: SetVariables, tmp_path: Path
) -> None:
    set_variables()
    (tmp_path / ".env").write_text("OPENSPP_UR=\n")

    assert load_environment(None).values.keys().isdisjoint({"OPENSPP_UR", "OPENSPP_URL"})
