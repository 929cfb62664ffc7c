"""Formats, exit codes, `-q` and `-v`, and errors of configuration."""

import csv
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from remote_mailcfg.sandbox.server import Served
from remote_mailcfg.sandbox.smtp_servers import PASSWORD, SmtpPeers
from tests.integration.fleet import Fleet
from tests.integration.instance import Instance, Ran
from tests.integration.terminal import COLUMNS, Place, Terminal, on_terminal
from tests.integration.test_server_list_and_show import SERVER_KEYS


def test_an_envelope_has_exactly_the_keys_of_the_contract(instance: Instance) -> None:
    ran = instance.json("server", "list")
    assert ran.json.keys() == {"command", "results", "summary"}
    assert ran.json["command"] == "server list"
    assert ran.json["summary"] == {"total": 1, "ok": 1, "failed": 0}
    assert ran.result.keys() == {"instance", "url", "ok", "data"}
    assert (ran.result["instance"], ran.result["url"]) == (instance.place, instance.url)


def test_a_failure_has_exactly_the_keys_of_the_contract(instance: Instance) -> None:
    ran = instance.json("server", "show", "0")
    assert ran.json["summary"] == {"total": 1, "ok": 0, "failed": 1}
    assert ran.result.keys() == {"instance", "url", "ok", "error"}
    assert ran.error.keys() == {"code", "message", "hint"}


def test_a_failed_test_stands_beside_the_error(some_instance: Instance, smtp: SmtpPeers) -> None:
    ran = some_instance.json("server", "create", *some_instance.options(smtp.refused))
    assert ran.error.keys() == {"code", "message", "hint", "test"}


def test_jsonl_is_one_result_a_line(some_instance: Instance) -> None:
    ran = some_instance.run("server", "list", "-o", "jsonl")
    (line,) = ran.out.splitlines()
    assert json.loads(line).keys() == {"instance", "url", "ok", "data"}


def test_csv_has_a_header_and_a_row_for_each_server(
    some_instance: Instance, smtp: SmtpPeers
) -> None:
    some_instance.add_server(smtp.plain, from_filter="a.example.org,b.example.org")
    rows = [*csv.DictReader(io.StringIO(some_instance.run("server", "list", "-o", "csv").out))]
    (row,) = [it for it in rows if it["name"] == some_instance.name()]
    assert row.keys() == {"instance", *SERVER_KEYS}
    assert row["from_filter"] == "a.example.org,b.example.org"


@pytest.mark.parametrize(
    "words",
    [("server", "show"), ("server", "test"), ("check",), ("route", "a@example.org"), ("debug",)],
    ids=" ".join,
)
def test_csv_of_other_commands_has_a_header(
    some_instance: Instance, smtp: SmtpPeers, words: tuple[str, ...]
) -> None:
    some_instance.add_server(smtp.plain)
    more = {"server": [some_instance.name()], "debug": ["status"]}.get(words[0], [])
    ran = some_instance.run(*words, *more, "-o", "csv")
    rows = [*csv.DictReader(io.StringIO(ran.out))]
    assert rows
    assert None not in rows[0]


def test_a_table_fits_80_columns_on_a_terminal(some_instance: Instance, smtp: SmtpPeers) -> None:
    long = "a-rather-long-host-name.of-a-mail-server.somewhere.example.org"
    some_instance.add_server(smtp.plain, smtp_host=long, smtp_user="notifications@" + long)
    with on_terminal(some_instance, "server", "list") as terminal:
        assert terminal.finish() == 0
    assert [line for line in terminal.screen.splitlines() if len(line) > COLUMNS] == []


def test_quiet_says_nothing_of_success(some_instance: Instance, smtp: SmtpPeers) -> None:
    ran = some_instance.run("server", "create", *some_instance.options(smtp.plain), "-q")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_quiet_tells_failures(some_instance: Instance) -> None:
    ran = some_instance.run("server", "show", some_instance.name(), "-q")
    assert (ran.code, ran.out) == (1, "")
    assert "there is no mail server" in ran.err


def test_verbose_logs_each_request_without_secrets(instance: Instance, smtp: SmtpPeers) -> None:
    words = ("server", "create", *instance.options(smtp.plain_auth), "-v")
    ran = instance.finish(instance.spawn(*words, SMTP_PASS=PASSWORD))
    assert ran.code == 0
    assert f"{instance.protocol}, because it is set" in ran.err
    assert "ir.mail_server.test_smtp_connection -> 200" in ran.err


def test_nothing_that_any_library_logs_holds_a_secret(
    instance: Instance, smtp: SmtpPeers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    words = ("server", "create", *instance.options(smtp.plain_auth))
    assert instance.run(*words, SMTP_PASS=PASSWORD).code == 0
    assert instance.run("debug", "on").code == 0
    assert instance.run("logout").code == 0
    assert caplog.text
    assert [secret for secret in instance.secrets if secret in caplog.text] == []


def test_the_module_runs_like_the_script(some_instance: Instance) -> None:
    ran = some_instance.finish(some_instance.spawn("server", "list", "-o", "json"))
    assert (ran.code, ran.json["command"]) == (0, "server list")


def test_an_error_of_configuration_is_in_the_envelope(some_instance: Instance) -> None:
    ran = some_instance.json("server", "list", OPENSPP_URL="ftp://x", OPENSPP_TIMEOUT="soon")
    assert (ran.code, ran.result["instance"], ran.result["url"]) == (2, None, None)
    assert ran.error["code"] == "configuration"
    assert "OPENSPP_URL" in ran.error["message"]
    assert "OPENSPP_TIMEOUT" in ran.error["message"]


def test_an_error_of_configuration_is_a_line_of_jsonl(some_instance: Instance) -> None:
    ran = some_instance.run("server", "list", "-o", "jsonl", OPENSPP_LOGIN="")
    (line,) = ran.out.splitlines()
    assert (ran.code, json.loads(line)["error"]["code"]) == (2, "configuration")


def test_errors_of_target_and_of_values_are_told_together(some_instance: Instance) -> None:
    ran = some_instance.json("server", "create", OPENSPP_PROTOCOL="soap")
    assert ran.code == 2
    assert "OPENSPP_PROTOCOL" in ran.error["message"]
    assert "smtp_host" in ran.error["message"]


def test_a_dotenv_file_fills_what_the_environment_leaves_open(some_instance: Instance) -> None:
    Path("other.env").write_text(f"OPENSPP_URL={some_instance.url}/\nOPENSPP_LOGIN=nobody\n")
    ran = some_instance.json("server", "list", "--env-file", "other.env", OPENSPP_URL="")
    assert (ran.code, ran.result["url"]) == (0, some_instance.url)


def test_a_dotenv_file_that_is_not_there_is_an_error_of_configuration(
    some_instance: Instance,
) -> None:
    ran = some_instance.json("server", "list", "--env-file", "missing.env")
    assert (ran.code, ran.error["code"]) == (2, "configuration")


@pytest.mark.parametrize(
    ("protocol", "variables"),
    [("json2", {"OPENSPP_API_KEY": ""}), ("auto", {"OPENSPP_API_KEY": "", "OPENSPP_PASSWORD": ""})],
    ids=["json2-without-key", "no-credential"],
)
def test_a_missing_credential_is_an_error_of_configuration(
    some_instance: Instance, protocol: str, variables: dict[str, str]
) -> None:
    ran = some_instance.json("server", "list", OPENSPP_PROTOCOL=protocol, **variables)
    assert (ran.code, ran.error["code"]) == (2, "configuration")


def test_an_unknown_option_is_a_usage_error(some_instance: Instance) -> None:
    assert some_instance.run("server", "list", "--no-such-option").code == 2


def test_a_bug_ends_with_70_and_says_what_to_report(
    some_instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **_named: object) -> None:
        raise KeyError(some_instance.name())

    monkeypatch.setattr("remote_mailcfg.instance.mail_servers.parse_record", broken)
    some_instance.add_server()
    ran = some_instance.json("server", "list")
    assert (ran.code, ran.error["code"]) == (70, "crashed")
    assert "Please report this bug" in ran.err
    assert re.search(r"mail_servers\.py:\d+ in fetch_servers", ran.err)
    assert some_instance.name() not in ran.out + ran.err


@pytest.mark.parametrize("command", ["create", "update"])
def test_an_interrupted_proof_leaves_no_candidate_and_ends_with_130(
    instance: Instance, smtp: SmtpPeers, silent_server: socket.socket, command: str
) -> None:
    host, port = silent_server.getsockname()
    words = ["--smtp-host", host, "--smtp-port", str(port)]
    if command == "update":
        words.append(str(instance.add_server(smtp.plain)))
    else:
        words += ["--name", instance.name()]
    before = instance.all_of_test()
    process = instance.spawn("server", command, *words)
    with _interrupted_while_held(process, silent_server):
        ran = instance.finish(process)
    assert (ran.code, "interrupted" in ran.err) == (130, True)
    assert instance.all_of_test() == before
    (run,) = instance.json("runs").data["runs"]
    assert run["state"] == "interrupted"
    assert f"what run {run['run']} had begun is undone: nothing is left" in ran.err


def _interrupted_while_held(
    process: "subprocess.Popen[str]", silent_server: socket.socket
) -> socket.socket:
    connection, _ = silent_server.accept()
    process.send_signal(signal.SIGINT)
    return connection


BREAK_OFF = pytest.mark.parametrize("key", [Terminal.interrupt, Terminal.end_input])


def broken_off(
    place: Place, words: Sequence[str], question: str, key: Callable[[Terminal], None]
) -> str:
    """Break a command off at its question; return what it says then."""
    with on_terminal(place, *words) as terminal:
        terminal.read_until_asked(question)
        asked = len(terminal.screen)
        key(terminal)
        assert terminal.finish() == 130, terminal.screen
        return terminal.screen[asked:]


@BREAK_OFF
@pytest.mark.parametrize(
    ("words", "question"),
    [
        (("server", "delete", "1"), "[y/N]: "),
        (("server", "update", "1", "--smtp-pass"), "Password (not shown): "),
        (("server", "create", "--smtp-host", "127.0.0.1"), "Name: "),
    ],
    ids=["delete", "password", "field"],
)
def test_breaking_off_at_a_question_says_that_nothing_was_begun(
    faulty: tuple[Instance, Served],
    smtp: SmtpPeers,
    words: Sequence[str],
    question: str,
    key: Callable[[Terminal], None],
) -> None:
    instance, _sandbox = faulty
    server_id = instance.add_server(smtp.plain, active=False)
    words = [str(server_id) if word == "1" else word for word in words]
    before = instance.records.servers()

    said = broken_off(instance, words, question, key)

    assert said.endswith("interrupted at the question: nothing was begun\n")
    assert "error" not in said
    assert "bug" not in said
    assert instance.records.servers() == before


@BREAK_OFF
@pytest.mark.parametrize("chosen", [("-i", "north"), ("--all",)], ids=["one", "several"])
def test_breaking_off_at_the_question_of_apply_and_of_a_credential(
    fleet: Fleet, tmp_path: Path, chosen: Sequence[str], key: Callable[[Terminal], None]
) -> None:
    file = tmp_path / "mail-servers.toml"
    file.write_text(
        '[[mail_server]]\nkey = "main"\nname = "Main"\nsmtp_host = "127.0.0.1"\nsmtp_port = 9\n'
        'smtp_encryption = "none"\nsmtp_user = "u"\nsmtp_pass = "prompt:The relay"\n'
    )

    at_secret = broken_off(fleet, ["apply", str(file), *chosen], "The relay: ", key)
    file.write_text(file.read_text().replace("prompt:The relay", "env:RELAY"))
    at_apply = broken_off(fleet, ["apply", str(file), *chosen], "[y/N]: ", key)
    text = fleet.inventory.read_text()
    fleet.inventory.write_text(text.replace("file:password", "prompt:The login"))
    at_login = broken_off(fleet, ["server", "list", *chosen], "The login: ", key)

    for said in (at_secret, at_apply, at_login):
        assert "interrupted at the question: nothing was begun\n" in said
        assert "error" not in said
        assert "bug" not in said


@BREAK_OFF
def test_breaking_off_at_a_question_of_the_inventory(
    key: Callable[[Terminal], None], fleet: Fleet
) -> None:
    before = fleet.inventory.read_text()

    said = broken_off(fleet, ["instance", "add", "new"], "Address", key)

    assert said.endswith("interrupted at the question: nothing was begun\n")
    assert fleet.inventory.read_text() == before


# Where the output goes


def printed(instance: Instance, *words: str, out: int | Path, **variables: str) -> Ran:
    """Run a command as a process whose standard output is `out`; what is shown is in bytes."""
    with ExitStack() as stack:
        stdout = stack.enter_context(out.open("wb")) if isinstance(out, Path) else out
        process = subprocess.run(
            [sys.executable, "-m", "remote_mailcfg", *words],
            env={**os.environ, **instance.environment(**variables)},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )
    shown = out.read_text("latin-1") if isinstance(out, Path) and out.is_file() else ""
    return Ran(process.returncode, shown, process.stderr.decode("latin-1"))


PRINTING = pytest.mark.parametrize(
    "words",
    [
        ("server", "list"),
        ("server", "list", "-o", "csv"),
        ("server", "list", "-o", "json"),
        ("server", "list", "-o", "jsonl"),
        ("export",),
        ("audit", "rules"),
        ("schema", "instances"),
        ("instance", "add", "--help"),
        ("--version",),
    ],
    ids=" ".join,
)


@PRINTING
@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1"])
def test_what_the_encoding_of_the_output_lacks_is_replaced(
    faulty: tuple[Instance, Served],
    smtp: SmtpPeers,
    tmp_path: Path,
    words: tuple[str, ...],
    encoding: str,
) -> None:
    instance, _sandbox = faulty
    instance.add_server(smtp.plain, name=f"{instance.token} Бюро “Zürich” \u2709")

    ran = printed(instance, *words, out=tmp_path / "out", PYTHONIOENCODING=encoding)

    assert (ran.code, ran.err) == (0, "")
    if words[0] == "server" and "json" not in words[-1]:
        umlaut = "?" if encoding == "ascii" else "ü"
        assert f"???? ?Z{umlaut}rich? ?" in ran.out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
@PRINTING
def test_a_result_that_the_output_does_not_take_is_exit_1(
    faulty: tuple[Instance, Served], words: tuple[str, ...]
) -> None:
    instance, _sandbox = faulty
    instance.add_server(smtp_host="127.0.0.1")

    ran = printed(instance, *words, out=Path("/dev/full"))

    assert ran.code == 1
    assert ran.err == "error: the output cannot be written: No space left on device\n"


@PRINTING
def test_a_reader_that_has_ended_is_exit_1_and_nothing_is_said(
    faulty: tuple[Instance, Served], words: tuple[str, ...]
) -> None:
    instance, _sandbox = faulty
    instance.add_server(smtp_host="127.0.0.1")
    reader, writer = os.pipe()
    os.close(reader)

    ran = printed(instance, *words, out=writer)

    os.close(writer)
    assert (ran.code, ran.err) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_notes_that_nobody_can_read_stop_no_change(
    faulty: tuple[Instance, Served], smtp: SmtpPeers
) -> None:
    instance, _sandbox = faulty
    words = ("server", "create", *instance.options(smtp.plain), "-v")
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "remote_mailcfg", *words],
            env={**os.environ, **instance.environment()},
            stdout=subprocess.PIPE,
            stderr=full,
            check=False,
        )
    assert ran.returncode == 0
    assert len(instance.named()) == 1


def test_a_password_given_as_an_argument_is_refused_and_not_shown(some_instance: Instance) -> None:
    ran = some_instance.run_unchecked("server", "update", "Main", "--smtp-pass", "c4nary")

    assert (ran.code, ran.out) == (2, "")
    assert "c4nary" not in ran.err
    assert "SMTP_PASS_FILE" in ran.err


# The state folder


def as_a_user(instance: Instance, *words: str) -> Ran:
    """Run a command for which the modes of files count, also where root runs the tests."""
    bound = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
    ran = subprocess.run(
        [*(bound if os.geteuid() == 0 else []), sys.executable, "-m", "remote_mailcfg", *words],
        env={**os.environ, **instance.environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


CHANGING = [
    ("login",),
    ("apikey", "create", "cron"),
    ("server", "archive", "Old"),
    ("rollback", "--yes"),
    ("runs", "forget", "RUN"),
]
READING = [("server", "list"), ("runs",), ("check",), ("audit", "history"), ("debug", "status")]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="it drops the rights of root")
@pytest.mark.parametrize("spoil", ["read-only", "read-only from the start", "damaged"])
def test_a_state_folder_that_fails_refuses_changes_and_lets_commands_read(
    faulty: tuple[Instance, Served], spoil: str
) -> None:
    instance, _sandbox = faulty
    if instance.version < 19:
        pytest.skip("it is the same for all versions")
    state = Path(os.environ["XDG_STATE_HOME"]) / "remote-mailcfg"
    run = ""
    if spoil == "read-only from the start":
        state.mkdir(parents=True)
    else:
        assert instance.run("login").code == 0
        words = ("server", "create", "--name", instance.name("old"), "--smtp-host", "h")
        run = instance.json(*words, "--no-test").data["run"]
    before = instance.records.servers()
    for path in [state, *state.rglob("*")] if spoil.startswith("read-only") else []:
        path.chmod(0o500 if path.is_dir() else 0o400)
    for path in [*state.rglob("*.json"), *state.rglob("*.jsonl")] if spoil == "damaged" else []:
        path.write_bytes(b'{"cookies": [1], "changes": 3}\n')

    ended = {
        words: as_a_user(instance, *(run if word == "RUN" else word for word in words))
        for words in CHANGING
        if run or words[0] in {"login", "apikey"}
    }
    read = {words: as_a_user(instance, *words) for words in READING}

    for path in [state, *state.rglob("*")]:
        path.chmod(0o700)
    expected = dict.fromkeys(ended, (1, True))
    if spoil == "read-only":
        expected["login",] = (0, False)  # the session that is kept stays, and nothing is written
    assert {words: (it.code, str(state) in it.err) for words, it in ended.items()} == expected
    assert instance.records.servers() == before
    # `check` finds fault with the web login or the server; a damaged session tells no mode
    codes = [0, 0, 1, 0, 1 if spoil == "damaged" else 0]
    assert [it.code for it in read.values()] == codes
    assert "Please report" not in "".join(it.err for it in (*ended.values(), *read.values()))
    if spoil == "damaged":
        assert str(state) in read["server", "list"].err
        assert str(state) in read["runs",].err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 400 kB, where that is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True).returncode:  # noqa: PLW1510
        pytest.skip("a disk of its own cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path) -> None:
    with (disk / "rest").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 512):
            pass


@pytest.mark.parametrize("was_used", [True, False], ids=["used before", "full from the start"])
def test_a_full_disk_refuses_changes_before_anything_is_sent_and_lets_commands_read(
    faulty: tuple[Instance, Served],
    small_disk: Path,
    was_used: bool,  # noqa: FBT001 - pytest's parameter
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instance, _sandbox = faulty
    if instance.version < 19:
        pytest.skip("it is the same for all versions")
    file = tmp_path / "mail-servers.toml"
    file.write_text(f'[[mail_server]]\nkey = "k"\nname = "{instance.name("k")}"\nsmtp_host = "h"\n')
    monkeypatch.setenv("XDG_STATE_HOME", str(small_disk))
    if was_used:
        words = ("server", "create", "--name", instance.name("old"), "--smtp-host", "h")
        assert instance.json(*words, "--no-test").code == 0
        assert instance.run("login").code == 0
        assert instance.run("audit", "--no-test").code == 0
    fill(small_disk)
    before = instance.records.servers()
    changing: list[tuple[str, ...]] = [
        ("server", "create", "--name", instance.name("new"), "--smtp-host", "h", "--no-test"),
        ("apply", str(file), "--yes", "--no-test"),
        ("apikey", "create", "cron"),
    ]
    changing += [("rollback", "--yes")] if was_used else [("login",), ("debug", "on")]
    reading = [
        ("server", "list"),
        ("runs",),
        ("audit", "history"),
        ("debug", "status"),
        ("logout",),  # there is room to delete
        ("plan", str(file)),
    ]

    ended = {words: instance.run(*words) for words in changing}
    read = [instance.run(*words) for words in reading]
    audited = instance.run("audit", "--no-test")

    assert {words[0]: it.code for words, it in ended.items()} == {it[0]: 1 for it in changing}
    for ran in ended.values():
        assert str(small_disk) in ran.err
        assert "No space left on device" in ran.err
        assert "Make room there" in ran.err
    assert instance.records.servers() == before
    assert [it.code for it in read] == [0, 0, 0, 0, 0, 3]
    assert audited.code == (0 if was_used else 3)  # as its findings are
    assert f"{small_disk}/remote-mailcfg/audits" in audited.err
