"""From references to secrets: every kind, all that goes wrong, and never a secret shown."""

import os
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keyring.backends.fail
import pytest

from remote_mailcfg.config import secrets as module
from remote_mailcfg.config.environment import Environment
from remote_mailcfg.config.secrets import Secrets, check_reference, show_reference
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.secret import Secret
from tests import keyrings
from tests.canaries import PASSWORD, all_logs, leaks, texts_of
from tests.keyrings import MemoryKeyring


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    with keyrings.memory_keyring() as memory:
        yield memory


def secrets_with(ask: Callable[[str], str] | None = None, **variables: str) -> Secrets:
    return Secrets(Environment(variables, variables), ask=ask)


def private_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def python(code: str) -> str:
    return f"command:{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def resolve(reference: str, secrets: Secrets | None = None, *, folder: Path = Path()) -> Secret:
    return (secrets or secrets_with()).resolve(reference, folder=folder, what="password")


def refusal(
    reference: str, secrets: Secrets | None = None, *, folder: Path = Path()
) -> ConfigurationError:
    """Return the error of a reference, which shows the canary nowhere."""
    with all_logs() as heard, pytest.raises(ConfigurationError) as caught:
        resolve(reference, secrets, folder=folder)
    assert leaks([*heard, *texts_of(caught.value), caught.value.hint]) == []
    assert caught.value.code == "configuration"
    return caught.value


# The form


@pytest.mark.parametrize(
    "reference",
    [
        "env:OPENSPP_API_KEY",
        "env:_x1",
        "file:key",
        "file:~/a key",
        "file:/run/secrets/key",
        "keyring:openspp/ann@example.org",
        "command:pass show openspp/training",
        "command:'/opt/my tools/get' -k",
        "prompt:",
        "prompt:Password of national",
    ],
)
def test_a_reference_is_right(reference: str) -> None:
    assert check_reference(reference) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        PASSWORD,
        f"pass:{PASSWORD}",
        f"ENV:{PASSWORD}",
        f" env:{PASSWORD}",
        "env:",
        f"env:{PASSWORD}",
        "env:{name}",
        "env:ÄÖ",
        "file:",
        "file: ",
        "keyring:",
        f"keyring:{PASSWORD}",
        "keyring:/ann",
        "keyring:openspp/",
        "keyring:a/b/c",
        "command:",
        f"command:echo '{PASSWORD}",
        "prompt",
    ],
)
def test_what_is_no_reference_is_refused_and_not_shown(text: str) -> None:
    problem = check_reference(text)
    error = refusal(text)

    assert problem
    assert problem.startswith("is not a reference to a secret: env:NAME, file:PATH")
    assert error.message == f"password {problem}"
    assert leaks([problem]) == []


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ("env:NAME", "env:NAME"),
        ("file:~/key", "file:~/key"),
        ("keyring:openspp/ann", "keyring:openspp/ann"),
        ("prompt:", "prompt:"),
        ("command:get-secret", "command:get-secret"),
        (f"command:echo {PASSWORD}", "command:echo …"),
    ],
)
def test_a_reference_is_shown_without_the_arguments_of_a_command(
    reference: str, shown: str
) -> None:
    assert show_reference(reference) == shown


# env:


def test_a_secret_comes_from_a_variable() -> None:
    assert resolve("env:KEY", secrets_with(KEY=PASSWORD)) == Secret(PASSWORD)


def test_a_secret_comes_from_the_file_of_a_variable(tmp_path: Path) -> None:
    path = private_file(tmp_path / "key", PASSWORD.encode())

    assert resolve("env:KEY", secrets_with(KEY_FILE=str(path))) == Secret(PASSWORD)


def test_a_variable_that_is_not_set_is_named() -> None:
    error = refusal("env:KEY")

    assert error.message == "password: env:KEY: KEY is not set"
    assert error.hint == "Set KEY or KEY_FILE in the environment or in .env."


def test_a_variable_that_is_given_twice_is_named() -> None:
    error = refusal("env:KEY", secrets_with(KEY=PASSWORD, KEY_FILE="key"))

    assert error.message == "password: env:KEY: KEY and KEY_FILE are both given"


# file:


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b" sec ret \n", " sec ret "),
        (b"secret\n\n", "secret\n"),
        ("gehé\n".encode(), "gehé"),
        (b"\xef\xbb\xbfsecret\r\n", "secret"),
    ],
)
def test_a_secret_comes_from_a_file_without_its_last_line_break(
    content: bytes, secret: str, tmp_path: Path
) -> None:
    private_file(tmp_path / "key", content)

    assert resolve("file:key", folder=tmp_path) == Secret(secret)


def test_a_file_may_stand_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    private_file(tmp_path / "key", b"secret")

    assert resolve("file:~/key", folder=Path("/elsewhere")) == Secret("secret")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660], ids=oct)
def test_a_file_that_others_can_read_is_refused_with_the_command_that_helps(
    mode: int, tmp_path: Path
) -> None:
    path = private_file(tmp_path / "a key", PASSWORD.encode())
    path.chmod(mode)

    error = refusal("file:a key", folder=tmp_path)

    assert error.message == "password: file:a key: others than its owner can read the file"
    assert error.hint == f"chmod 600 '{path}'"


@pytest.mark.parametrize("mode", [0o600, 0o400], ids=oct)
def test_a_file_of_its_owner_alone_is_read(mode: int, tmp_path: Path) -> None:
    private_file(tmp_path / "key", b"secret").chmod(mode)

    assert resolve("file:key", folder=tmp_path) == Secret("secret")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b" \n", "is empty", id="blank"),
        pytest.param(PASSWORD.encode() + b"\xff", "is not a text in UTF-8", id="binary"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    path = private_file(tmp_path / "key", content)

    assert refusal("file:key", folder=tmp_path).message == f"password: file:key: {path} {words}"


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    error = refusal("file:key", folder=tmp_path)

    assert error.message == (
        f"password: file:key: {tmp_path}/key cannot be read: No such file or directory"
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "Is a directory" in refusal(f"file:{tmp_path}").message


# keyring:


def test_a_secret_comes_from_the_keyring(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.kept["openspp", "ann"] = PASSWORD

    assert resolve("keyring:openspp/ann") == Secret(PASSWORD)


def test_an_entry_that_the_keyring_does_not_have_is_named(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.kept["openspp", "bob"] = PASSWORD

    error = refusal("keyring:openspp/ann")

    assert error.message == "password: keyring:openspp/ann: the keyring has no such entry"
    assert error.hint == "keyring set openspp ann"


def test_a_keyring_that_is_locked_is_told(memory_keyring: MemoryKeyring) -> None:
    memory_keyring.locked = True

    assert "the keyring refuses it: the keyring is locked" in refusal("keyring:openspp/ann").message


def test_a_machine_without_a_keyring_service_is_told() -> None:
    with keyrings.in_use(keyring.backends.fail.Keyring()):  # type: ignore[no-untyped-call]
        error = refusal("keyring:openspp/ann")

    assert "has no keyring service" in error.message


def test_without_the_keyring_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    assert refusal("keyring:openspp/ann").hint == "pip install 'remote-mailcfg[keyring]'"


# command:


@pytest.mark.parametrize(
    ("printed", "secret"),
    [
        ("secret", "secret"),
        ("secret\\n", "secret"),
        ("secret\\r\\n", "secret"),
        ("secret\\nlogin: ann\\n", "secret"),
        (" sec ret \\n", " sec ret "),
    ],
)
def test_a_secret_is_the_first_line_that_a_command_prints(printed: str, secret: str) -> None:
    code = f"import sys; sys.stdout.buffer.write(b'{printed}')"

    assert resolve(python(code)) == Secret(secret)


def test_a_command_runs_in_the_folder_of_the_file_that_names_it(tmp_path: Path) -> None:
    found = resolve(python("import os; print(os.getcwd())"), folder=tmp_path)

    assert found == Secret(str(tmp_path))


def test_a_command_runs_without_a_shell() -> None:
    assert resolve("command:echo $HOME; false") == Secret("$HOME; false")


def test_a_command_cannot_read_what_is_typed() -> None:
    assert resolve(python("import sys; print(repr(sys.stdin.read()))")) == Secret("''")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param(
            f"import sys; print('{PASSWORD}'); sys.stderr.write('{PASSWORD}'); sys.exit(3)",
            "the command ended with exit code 3",
            id="exit-code",
        ),
        pytest.param("", "the command printed nothing", id="nothing"),
        pytest.param(f"print(); print('{PASSWORD}')", "the command printed nothing", id="blank"),
        pytest.param(
            f"import sys; sys.stdout.buffer.write(b'{PASSWORD}' + bytes([255]))",
            "what the command printed is not a text in UTF-8",
            id="binary",
        ),
    ],
)
def test_a_command_that_gives_no_secret_is_told_without_what_it_printed(
    code: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    error = refusal(python(code))

    assert error.message == f"password: command:{sys.executable} …: {words}"
    assert "Run the command by hand" in error.hint
    assert "not shown: it may hold the secret" in error.hint
    assert leaks(list(capfd.readouterr())) == []


def test_a_command_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMAND_TIMEOUT_SECONDS", 0.3)

    error = refusal(python(f"import time; print('{PASSWORD}', flush=True); time.sleep(60)"))

    assert "the command took longer than 0 s" in error.message


def test_a_command_that_is_missing_is_told() -> None:
    error = refusal(f"command:/no/such/program {PASSWORD}")

    assert error.message == (
        "password: command:/no/such/program …: the command cannot be run: No such file or directory"
    )


def test_a_command_that_is_no_program_is_told(tmp_path: Path) -> None:
    path = private_file(tmp_path / "key", b"secret")

    assert "cannot be run: Permission denied" in refusal(f"command:{path}").message


# prompt:


def test_a_person_is_asked_for_a_secret() -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return PASSWORD

    secrets = secrets_with(ask)

    assert resolve("prompt:", secrets) == Secret(PASSWORD)
    assert resolve("prompt:Password of national", secrets) == Secret(PASSWORD)
    assert asked == ["password", "Password of national"]


def test_a_person_is_asked_once_for_the_same_and_again_for_something_else() -> None:
    answers = iter(["first", "second"])
    secrets = secrets_with(lambda _: next(answers))

    found = [
        secrets.resolve("prompt:", folder=Path(), what=what)
        for what in ("password", "password", "smtp_pass", "smtp_pass")
    ]

    assert found == [Secret("first"), Secret("first"), Secret("second"), Secret("second")]


def test_two_questions_are_not_asked_at_a_time() -> None:
    asking = threading.Lock()

    def ask(question: str) -> str:
        assert asking.acquire(blocking=False)
        threading.Event().wait(0.05)
        asking.release()
        return question

    secrets = secrets_with(ask)
    questions = [f"prompt:{number}" for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda it: resolve(it, secrets), questions))

    assert found == [Secret(str(number)) for number in range(4)]


def test_where_nobody_can_be_asked_it_is_told() -> None:
    error = refusal("prompt:")

    assert error.message == (
        "password: prompt: it is asked for on a terminal, and there is none here"
    )


def test_an_empty_answer_is_no_secret() -> None:
    assert "nothing was entered" in refusal("prompt:", secrets_with(lambda _: "")).message


# Once a run


def counting(path: Path, *, exit_code: int = 0) -> str:
    """Return a command that leaves a line in a file for each time that it runs."""
    return python(
        f"import time; open({str(path)!r}, 'a').write('ran\\n'); time.sleep(0.2);"
        f" print('secret'); raise SystemExit({exit_code})"
    )


def test_a_reference_is_resolved_once_for_all_threads(tmp_path: Path) -> None:
    secrets, reference = secrets_with(), counting(tmp_path / "log")

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: resolve(reference, secrets), range(16)))

    assert found == [Secret("secret")] * 16
    assert (tmp_path / "log").read_text() == "ran\n"


def test_what_failed_is_remembered_too(tmp_path: Path) -> None:
    secrets, reference = secrets_with(), counting(tmp_path / "log", exit_code=1)

    first, second = refusal(reference, secrets), refusal(reference, secrets)

    assert first.message == second.message
    assert first is not second
    assert (tmp_path / "log").read_text() == "ran\n"


def test_the_same_file_name_in_another_folder_is_another_secret(tmp_path: Path) -> None:
    secrets = secrets_with()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        private_file(tmp_path / name / "key", name.encode())

    found = [resolve("file:key", secrets, folder=tmp_path / name) for name in ("a", "b")]

    assert found == [Secret("a"), Secret("b")]


def test_ctrl_c_at_a_question_does_not_leave_others_waiting() -> None:
    asked = threading.Event()

    def ask(_: str) -> str:
        asked.set()
        threading.Event().wait(0.1)
        raise KeyboardInterrupt

    secrets = secrets_with(ask)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(resolve, "prompt:", secrets)
        asked.wait()
        second = threads.submit(resolve, "prompt:", secrets)

        assert isinstance(first.exception(5), KeyboardInterrupt)
        assert isinstance(second.exception(5), KeyboardInterrupt)


def test_a_lookup_shows_no_secret_and_leaves_none_behind(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    private_file(folder / "key", PASSWORD.encode())
    environment = dict(os.environ)
    secrets = secrets_with(lambda _: PASSWORD, KEY=PASSWORD)

    with all_logs() as heard:
        found = [
            resolve(reference, secrets, folder=folder)
            for reference in ("env:KEY", "file:key", "prompt:", python(f"print('{PASSWORD}')"))
        ]

    assert found == [Secret(PASSWORD)] * 4
    assert leaks([*heard, repr(found), repr(secrets)]) == []
    assert dict(os.environ) == environment
    assert [it.name for it in folder.iterdir()] == ["key"]
