"""`mail-servers.toml`: every key, and everything that is wrong with one."""

from pathlib import Path

import pytest

from remote_mailcfg.config.desired import load_desired, parse_desired
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.model.desired import DesiredServer, DesiredState, Policy, Relay
from tests.canaries import PASSWORD, leaks, texts_of

OF_THE_DESCRIPTION = """
[policy]
unmanaged = "report"                      # report | archive: live servers without an entry
max_changed_share = 0.5                   # of the instances of one run
production_hosts = ["smtp.youremailserver.com"]

[[mail_server]]
key = "main"                              # becomes Odoo's external id remote_mailcfg.main
name = "My Organization's Email Server"
sequence = 1
smtp_encryption = "starttls"
smtp_host = "smtp.youremailserver.com"
smtp_port = 587
smtp_user = "notifications@example.org"
smtp_pass = "env:SMTP_PASS"
from_filter = ["example.org"]
tags = ["country"]                        # only instances with one of these tags; left out: all
"""
PATH = Path("mail-servers.toml")


def state_of(text: str) -> DesiredState:
    return parse_desired(text, PATH)


def server(*lines: str) -> str:
    """Return a file of one server with lines of its own; an empty one takes a key away."""
    keys = {"key": 'key = "main"', "name": 'name = "Main"', "smtp_host": 'smtp_host = "s.example"'}
    for line in lines:
        keys[line.partition(" ")[0]] = "" if line.endswith("= ") else line
    return "\n".join(("[[mail_server]]", *keys.values()))


def server_of(*lines: str) -> DesiredServer:
    (found,) = state_of(server(*lines)).servers
    return found


def refusal(text: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        parse_desired(text, PATH)
    assert caught.value.code == "configuration"
    assert leaks([*texts_of(caught.value), caught.value.hint]) == []
    return caught.value


def problems_of(text: str) -> list[str]:
    return refusal(text).message.splitlines()


# What is right


def test_the_file_of_the_description_is_read() -> None:
    assert state_of(OF_THE_DESCRIPTION) == DesiredState(
        path=PATH,
        policy=Policy(
            unmanaged="report",
            max_changed_share=0.5,
            production_hosts=(Relay("smtp.youremailserver.com"),),
        ),
        servers=(
            DesiredServer(
                key="main",
                values={
                    "name": "My Organization's Email Server",
                    "sequence": 1,
                    "smtp_encryption": "starttls",
                    "smtp_host": "smtp.youremailserver.com",
                    "smtp_port": 587,
                    "smtp_user": "notifications@example.org",
                    "from_filter": "example.org",
                },
                references=(("smtp_pass", "env:SMTP_PASS"),),
                tags=("country",),
                folder=Path.cwd(),
            ),
        ),
    )


def test_a_field_that_is_not_given_is_not_among_the_values() -> None:
    assert server_of() == DesiredServer(
        key="main", values={"name": "Main", "smtp_host": "s.example"}, folder=Path.cwd()
    )


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        pytest.param(*row, id=row[0])
        for row in (
            ('name = "Ä {instance}"', "name", "Ä {instance}"),
            ("sequence = 0", "sequence", 0),
            ('smtp_encryption = "ssl_strict"', "smtp_encryption", "ssl_strict"),
            ('smtp_authentication = "gmail"', "smtp_authentication", "gmail"),
            ('smtp_user = ""', "smtp_user", ""),
            ('smtp_host = "{instance}.example.org"', "smtp_host", "{instance}.example.org"),
            ("smtp_port = 65535", "smtp_port", 65535),
            ("from_filter = []", "from_filter", ""),
            ('from_filter = ["a.example", " b@b.example"]', "from_filter", "a.example,b@b.example"),
            ("smtp_debug = false", "smtp_debug", False),
            ("max_email_size = 7", "max_email_size", 7),
            ("max_email_size = 7.5", "max_email_size", 7.5),
            ("active = true", "active", True),
            ("active = false", "active", False),
        )
    ],
)
def test_a_field_of_the_file_is_a_value(line: str, field: str, value: object) -> None:
    assert server_of(line).values[field] == value


@pytest.mark.parametrize(
    ("lines", "port"),
    [
        pytest.param(['smtp_encryption = "none"'], 25, id="none"),
        pytest.param(['smtp_encryption = "starttls_strict"'], 587, id="starttls"),
        pytest.param(['smtp_encryption = "ssl"'], 465, id="ssl"),
        pytest.param(['smtp_encryption = "ssl"', "smtp_port = 25"], 25, id="given"),
        pytest.param([], None, id="no-encryption"),
        pytest.param(
            ['smtp_authentication = "cli"', 'smtp_encryption = "ssl"'], None, id="of-odoo-conf"
        ),
    ],
)
def test_a_port_that_is_not_given_follows_from_the_encryption(
    lines: list[str], port: int | None
) -> None:
    assert server_of(*lines).values.get("smtp_port") == port


@pytest.mark.parametrize(
    ("field", "reference"),
    [
        ("smtp_pass", "env:SMTP_PASS"),
        ("smtp_pass", "env:SMTP_PASS_{instance}"),
        ("smtp_pass", "keyring:smtp/{instance}"),
        ("smtp_pass", "prompt:"),
        ("smtp_ssl_certificate", "file:client.pem"),
        ("smtp_ssl_private_key", "file:~/keys/{instance}.pem"),
    ],
)
def test_a_secret_is_a_reference_and_no_value(field: str, reference: str) -> None:
    found = server_of(f'{field} = "{reference}"')

    assert found.references == ((field, reference),)
    assert field not in found.values


@pytest.mark.parametrize("field", ["smtp_pass", "smtp_ssl_certificate", "smtp_ssl_private_key"])
def test_an_empty_secret_shall_not_be_set(field: str) -> None:
    found = server_of(f'{field} = ""')

    assert found.values[field] == ""
    assert found.references == ()


def test_a_password_that_the_file_leaves_out_stays_as_it_is() -> None:
    found = server_of('smtp_user = "ann"', 'smtp_authentication = "login"')

    assert found.references == ()
    assert "smtp_pass" not in found.values


def test_a_server_of_odoo_conf_needs_no_host() -> None:
    found = server_of("smtp_host = ", 'smtp_authentication = "cli"')

    assert found.values == {"name": "Main", "smtp_authentication": "cli"}


def test_certificate_and_key_may_be_on_the_instance_already() -> None:
    lines = ('smtp_authentication = "certificate"', 'smtp_encryption = "starttls"')

    assert server_of(*lines).references == ()


def test_servers_keep_their_order() -> None:
    text = "\n".join(server(f'key = "{key}"') for key in ("c", "a", "B_1-"))

    assert [it.key for it in state_of(text).servers] == ["c", "a", "B_1-"]


@pytest.mark.parametrize(
    ("lines", "policy"),
    [
        pytest.param("", Policy(), id="nothing"),
        pytest.param('unmanaged = "archive"', Policy(unmanaged="archive"), id="unmanaged"),
        pytest.param("max_changed_share = 0", Policy(max_changed_share=0), id="share-0"),
        pytest.param("max_changed_share = 1.0", Policy(max_changed_share=1), id="share-1"),
        pytest.param(
            'safe_roles = ["training", "test"]',
            Policy(safe_roles=("training", "test")),
            id="safe-roles",
        ),
        pytest.param(
            'production_hosts = ["a.example", "192.0.2.1", "127.0.0.1:25", "::1", "[::1]:587"]',
            Policy(
                production_hosts=(
                    Relay("a.example"),
                    Relay("192.0.2.1"),
                    Relay("127.0.0.1", 25),
                    Relay("::1"),
                    Relay("::1", 587),
                )
            ),
            id="production-hosts",
        ),
    ],
)
def test_the_policy_is_read(lines: str, policy: Policy) -> None:
    assert state_of(f"[policy]\n{lines}\n{server()}").policy == policy


def test_a_file_may_say_that_there_is_no_server() -> None:
    assert state_of("mail_server = []") == DesiredState(path=PATH, policy=Policy(), servers=())


def test_files_are_relative_to_the_desired_state(tmp_path: Path) -> None:
    path = tmp_path / "mail-servers.toml"
    path.write_text(server('smtp_pass = "file:a.key"'))

    assert load_desired(path).servers[0].folder == tmp_path


# What is wrong

WRONG_KEYS = (
    ("smtp_prt = 587", "smtp_prt: unknown key; did you mean smtp_port?"),
    ("colour = 1", "colour: unknown key"),
    (f'password = "{PASSWORD}"', "password: unknown key"),
    (f'smtp_pass = "{PASSWORD}"', "smtp_pass is not a reference to a secret: env:NAME, file:PATH"),
    (f'smtp_pass = "pass:{PASSWORD}"', "smtp_pass is not a reference to a secret"),
    ("smtp_pass = 12345", "smtp_pass is not a text in quotes"),
    (f'smtp_pass = ["{PASSWORD}"]', "smtp_pass is not a text in quotes"),
    (
        f'smtp_ssl_private_key = "-----BEGIN KEY-----{PASSWORD}"',
        "smtp_ssl_private_key is not file:PATH, a PEM file",
    ),
    ('smtp_ssl_private_key = "env:KEY"', "smtp_ssl_private_key is not file:PATH, a PEM file"),
    ('smtp_ssl_private_key = "file:"', "smtp_ssl_private_key is not file:PATH, a PEM file"),
    ('smtp_ssl_certificate = "a.pem"', "smtp_ssl_certificate is not file:PATH, a PEM file"),
    ("smtp_ssl_certificate = true", "smtp_ssl_certificate is not a text in quotes"),
    ("name = ", "name is not given"),
    ('name = " "', "name is empty"),
    (r'name = "a\u0007b"', "name: holds a control character"),
    ("name = 3", "name is not a text in quotes"),
    ("smtp_host = ", "smtp_host is not given"),
    ('smtp_host = ""', "smtp_host: is empty"),
    ("smtp_host = 3", "smtp_host is not a text in quotes"),
    ('smtp_host = "s.example:25"', "smtp_host: holds a port; give it as smtp_port"),
    ('smtp_host = "a {instance}"', "smtp_host: holds a blank"),
    ("smtp_user = 3", "smtp_user is not a text in quotes"),
    (r'smtp_user = "a\nb"', "smtp_user: holds a control character"),
    ('sequence = "1"', "sequence is not a whole number"),
    ("sequence = 1.5", "sequence is not a whole number"),
    ("sequence = -1", "sequence: -1 is not between 0 and 2147483647"),
    ("sequence = true", "sequence is not a whole number"),
    (
        'smtp_encryption = "tls"',
        "smtp_encryption is not one of none, starttls, starttls_strict, ssl, ssl_strict",
    ),
    (
        'smtp_authentication = "plain"',
        "smtp_authentication is not one of login, certificate, cli, gmail, outlook",
    ),
    ('smtp_port = "587"', "smtp_port is not a whole number"),
    ("smtp_port = 0", "smtp_port: 0 is not between 1 and 65535"),
    ("smtp_port = 65536", "smtp_port: 65536 is not between 1 and 65535"),
    ('from_filter = "a.example"', 'from_filter is not a list of texts: ["…", "…"]'),
    ("from_filter = [3]", "from_filter[0] is not a text in quotes"),
    ('from_filter = ["a.example", ""]', "from_filter[1] is empty"),
    ('from_filter = ["@a.example"]', "from_filter: '@a.example' is not a domain"),
    ('from_filter = ["a.example;b.example"]', "from_filter: 'a.example;b.example' contains a semi"),
    ('smtp_debug = "yes"', "smtp_debug is not true or false"),
    ('max_email_size = "7"', "max_email_size is not a number of MB"),
    ("max_email_size = -1", "max_email_size: -1 is not a number of MB"),
    ("max_email_size = nan", "max_email_size: nan is not a number of MB"),
    ("active = 1", "active is not true or false"),
    ('tags = "country"', 'tags is not a list of texts: ["…", "…"]'),
    ('tags = [""]', "tags[0] is empty"),
)


@pytest.mark.parametrize(
    ("line", "words"),
    [pytest.param(*row, id=row[0].replace(PASSWORD, "…")) for row in WRONG_KEYS],
)
def test_what_is_wrong_with_a_key_is_told_with_its_place(line: str, words: str) -> None:
    (problem,) = problems_of(server(line))

    assert problem.startswith(f"mail-servers.toml: [[mail_server]] main: {words}")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        pytest.param(
            ['smtp_user = "ann"', 'smtp_pass = ""'],
            "smtp_pass is empty, and smtp_user needs one; left out, it stays as it is",
            id="a-user-without-password",
        ),
        pytest.param(
            ['smtp_authentication = "certificate"', 'smtp_encryption = "none"'],
            "smtp_authentication: certificate needs an encryption",
            id="a-certificate-without-tls",
        ),
        pytest.param(
            ['smtp_authentication = "certificate"', 'smtp_ssl_private_key = ""'],
            "smtp_ssl_private_key: certificate authentication needs it",
            id="a-certificate-without-key",
        ),
        pytest.param(
            ['smtp_authentication = "gmail"', 'smtp_encryption = "ssl"'],
            "smtp_encryption: gmail wants starttls",
            id="gmail-over-tls",
        ),
        pytest.param(
            ['smtp_authentication = "outlook"', 'smtp_user = ""'],
            "smtp_user: outlook wants the account's address",
            id="outlook-without-address",
        ),
        pytest.param(
            ['smtp_authentication = "gmail"', 'smtp_pass = "env:P"'],
            "smtp_pass: gmail uses a token, not a password",
            id="gmail-with-a-password",
        ),
    ],
)
def test_what_cannot_be_together_is_refused(lines: list[str], problem: str) -> None:
    assert problems_of(server(*lines)) == [f"mail-servers.toml: [[mail_server]] main: {problem}"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(*row, id=row[0])
        for row in (
            ('unmanagd = "report"', "unmanagd: unknown key; did you mean unmanaged?"),
            ('unmanaged = "delete"', "unmanaged is not one of report, archive"),
            ("max_changed_share = 1.1", "max_changed_share is not a number from 0 to 1"),
            ("max_changed_share = -0.1", "max_changed_share is not a number from 0 to 1"),
            ("max_changed_share = nan", "max_changed_share is not a number from 0 to 1"),
            ('max_changed_share = "50%"', "max_changed_share is not a number from 0 to 1"),
            ('production_hosts = "a.example"', "production_hosts is not a list of texts"),
            ('production_hosts = [""]', "production_hosts[0] '' is not a host name"),
            (
                'production_hosts = ["a", "a.example:65536"]',
                "production_hosts[1] 'a.example:65536' has a port that is not between 1 and 65535",
            ),
            (
                'production_hosts = ["a.example:25/x"]',
                "production_hosts[0] 'a.example:25/x' is an address of a page",
            ),
            (
                'production_hosts = ["[::1]:smtp"]',
                "production_hosts[0] '[::1]:smtp' has a port that is not between 1 and 65535",
            ),
            (
                'safe_roles = ["train"]',
                "safe_roles[0] is not one of production, staging, training, test",
            ),
        )
    ],
)
def test_what_is_wrong_with_the_policy_is_told_with_its_place(line: str, words: str) -> None:
    (problem,) = problems_of(f"[policy]\n{line}\n{server()}")

    assert problem.startswith(f"mail-servers.toml: [policy]: {words}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "", "there is no mail server in it; if none is meant: mail_server = []", id="empty"
        ),
        pytest.param(
            "[policy]",
            "there is no mail server in it; if none is meant: mail_server = []",
            id="policy-alone",
        ),
        pytest.param(
            server().replace("[[mail_server]]", "[mail_server]"),
            "mail_server is not a list of tables: each begins with [[mail_server]]",
            id="one-bracket",
        ),
        pytest.param(
            "mail_server = 3",
            "mail_server is not a list of tables: each begins with [[mail_server]]",
            id="servers-a-number",
        ),
        pytest.param("mail_server = [3]", "[[mail_server]] number 1 is not a table", id="no-table"),
        pytest.param(f"policy = 3\n{server()}", "[policy] is not a table", id="policy-a-number"),
        pytest.param(
            f"{server()}\n[polcy]\na = 1",
            "[polcy]: unknown table; did you mean policy?",
            id="table",
        ),
        pytest.param(
            f"{server()}\n[[mail_servers]]\nkey = 'b'",
            "[[mail_servers]]: unknown table; did you mean mail_server?",
            id="tables",
        ),
        pytest.param(
            f"smtp_pass = '{PASSWORD}'\n{server()}",
            "smtp_pass: unknown key outside of every table",
            id="outside",
        ),
        pytest.param(server("key = "), "[[mail_server]] number 1: key is not given", id="no-key"),
        pytest.param(
            f"{server()}\n{server('key = 3')}",
            "[[mail_server]] number 2: key is not a text in quotes",
            id="key-a-number",
        ),
        pytest.param(
            server(f'key = "{PASSWORD}!"'),
            "[[mail_server]] number 1: key is not of letters, digits, _ and -",
            id="key",
        ),
        pytest.param(
            server('key = "remote_mailcfg.main"'),
            "[[mail_server]] number 1: key is not of letters, digits, _ and -",
            id="key-with-a-dot",
        ),
        pytest.param(
            "\n".join((server(), server('key = "other"'), server())),
            "line 10: [[mail_server]] main: the key 'main' is in line 2 already",
            id="key-twice",
        ),
    ],
)
def test_what_is_wrong_with_the_file_is_told_with_its_place(text: str, problem: str) -> None:
    assert problems_of(text) == [f"mail-servers.toml: {problem}"]


def test_what_is_no_toml_is_told_with_its_line() -> None:
    (problem,) = problems_of(f"[[mail_server]]\nsmtp_pass = {PASSWORD}")

    assert problem.startswith("mail-servers.toml: not TOML: ")
    assert "line 2" in problem


def test_all_problems_are_told_at_once() -> None:
    text = f"""
    colour = "red"
    [policy]
    unmanaged = "delete"
    [[mail_server]]
    key = "main"
    name = " "
    smtp_prt = 587
    smtp_pass = "{PASSWORD}"
    sequence = -1
    from_filter = [3]
    [[mail_server]]
    key = "main"
    name = "Twin"
    smtp_host = "https://s.example"
    smtp_port = "25"
    """
    starts = [
        "colour: unknown key",
        "[policy]: unmanaged is not one of",
        "[[mail_server]] main: name is empty",
        "[[mail_server]] main: smtp_prt: unknown key",
        "[[mail_server]] main: smtp_pass is not a reference",
        "[[mail_server]] main: smtp_host is not given",
        "[[mail_server]] main: sequence: -1 is not",
        "[[mail_server]] main: from_filter[0] is not a text",
        "line 13: [[mail_server]] main: the key 'main' is in line 6 already",
        "[[mail_server]] main: smtp_host: is an address",
        "[[mail_server]] main: smtp_port is not a whole number",
    ]
    problems = problems_of(text)

    assert len(problems) == len(starts)
    for start in starts:
        assert any(it.startswith(f"mail-servers.toml: {start}") for it in problems), start


def test_a_refusal_names_the_schema() -> None:
    assert "remote-mailcfg schema mail-servers" in refusal("").hint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "No such file or directory", id="missing"),
        pytest.param(PASSWORD.encode() + b"\xff", "not a text in UTF-8", id="binary"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "mail-servers.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load_desired(path)

    assert caught.value.message == f"{path} cannot be read: {words}"
    assert leaks(texts_of(caught.value)) == []
