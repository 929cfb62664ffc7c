"""The rule for every file that a person names for an output, through the commands that have one."""

import contextlib
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_mock import MockerFixture
from typer.testing import CliRunner

from remote_mailcfg import files
from remote_mailcfg.cli.main import app
from remote_mailcfg.cli.show import Output, Show
from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.config.desired import load_desired
from remote_mailcfg.config.inventory import load_inventory
from remote_mailcfg.config.secret_reference import check_savable, save_secret
from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.files import NewFile, create_file, replace_file
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.operations.list_servers import ServerList
from remote_mailcfg.report.export import EXPORT
from remote_mailcfg.secret import Secret
from remote_mailcfg.store.plan_file import save_plans

#: Nothing answers there: a command that gets so far has not refused its file.
INVENTORY = """
[instances.a]
url = "http://127.0.0.1:9"
login = "ann"
password = "env:PASSWORD"
"""
#: The commands, with a place for the file.
COMMANDS = {
    "plan": ["plan", "mail-servers.toml", "--out", "{}"],
    "export": ["export", "{}"],
    "export-force": ["export", "{}", "--force"],
    "report": ["audit", "--report", "json:{}"],
    "save": ["apikey", "create", "cron", "--save", "file:{}"],
    "save-force": ["apikey", "create", "cron", "--save", "file:{}", "--force"],
}


@pytest.fixture(autouse=True)
def _inventory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "secret")
    Path("instances.toml").write_text(INVENTORY)
    Path("mail-servers.toml").write_text("mail_server = []\n")


@pytest.fixture(params=COMMANDS)
def run(request: pytest.FixtureRequest) -> Callable[[Path], tuple[int, str]]:
    """Run each command with a file; return its exit code and what it said."""

    def run_it(path: Path) -> tuple[int, str]:
        words = [it.format(path) for it in COMMANDS[request.param]]
        ran = CliRunner().invoke(app, words)
        return ran.exit_code, ran.stderr

    return run_it


@contextlib.contextmanager
def device(folder: Path) -> Iterator[Path]:
    path = folder / "null"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        path = Path(os.devnull)
    yield path


@contextlib.contextmanager
def pipe(folder: Path) -> Iterator[Path]:
    path = folder / "pipe"
    os.mkfifo(path)
    yield path


@contextlib.contextmanager
def bound_socket(folder: Path) -> Iterator[Path]:
    path = folder / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        yield path


@contextlib.contextmanager
def a_folder(folder: Path) -> Iterator[Path]:
    path = folder / "folder"
    path.mkdir()
    yield path


@contextlib.contextmanager
def link(folder: Path) -> Iterator[Path]:
    path = folder / "link"
    (folder / "target").write_text("before")
    path.symlink_to("target")
    yield path
    assert (folder / "target").read_text() == "before"


@contextlib.contextmanager
def dangling_link(folder: Path) -> Iterator[Path]:
    path = folder / "link"
    path.symlink_to("nowhere")
    yield path
    assert not (folder / "nowhere").exists()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (device, "is a device; give a file"),
        (pipe, "is a pipe; give a file"),
        (bound_socket, "is a socket; give a file"),
        (a_folder, "is a folder; give a file"),
        (link, "is a symbolic link; give a file"),
        (dangling_link, "is a symbolic link; give a file"),
    ],
)
def test_what_is_no_file_is_refused_and_stays(
    make: Callable[[Path], contextlib.AbstractContextManager[Path]],
    words: str,
    run: Callable[[Path], tuple[int, str]],
    tmp_path: Path,
) -> None:
    with make(tmp_path) as path:
        before = path.lstat()

        code, said = run(path)

        assert code == 2
        assert words in said
        after = path.lstat()
        assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)


def test_a_file_of_another_kind_is_refused(
    run: Callable[[Path], tuple[int, str]], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "notes"
    path.write_text("before")

    code, said = run(path)

    is_forced = "force" in request.node.callspec.id
    assert ("is not overwritten" in said) is not is_forced
    assert code == (1 if is_forced else 2)  # nothing answers, so there is nothing to write
    assert path.read_text() == "before"
    assert [it.name for it in tmp_path.iterdir() if it.name.startswith(".")] == []


def test_a_folder_that_is_missing_or_closed_is_named_before_anything_is_sent(
    run: Callable[[Path], tuple[int, str]], tmp_path: Path
) -> None:
    code, said = run(tmp_path / "no" / "file")

    assert code == 2
    assert f"{tmp_path / 'no'} is not a folder that you may write to" in said


def test_a_new_file_is_not_refused(run: Callable[[Path], tuple[int, str]], tmp_path: Path) -> None:
    code, said = run(tmp_path / "new")

    assert code == 1
    assert "127.0.0.1:9" in said


@pytest.mark.parametrize("name", ["plan", "export", "save"])
def test_a_command_that_fails_everywhere_writes_no_file(name: str, tmp_path: Path) -> None:
    words = [it.format(tmp_path / "new") for it in COMMANDS[name]]

    assert CliRunner().invoke(app, words).exit_code == 1
    assert not (tmp_path / "new").exists()


def test_a_plan_that_fails_everywhere_leaves_the_plan_of_before(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    save_plans(path, load_desired(Path("mail-servers.toml")), {}, clear_credentials=False)
    before = path.read_text()

    ran = CliRunner().invoke(app, [it.format(path) for it in COMMANDS["plan"]])

    assert ran.exit_code == 1
    assert f"{path} is not written: there is no plan to save" in ran.stderr
    assert path.read_text() == before


# What is written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "file"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_usual_mode(mask: int, mode: int, path: Path) -> None:
    before = os.umask(mask)
    try:
        NewFile(path=path).write("text")
    finally:
        os.umask(before)

    assert path.read_text() == "text"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert [it.name for it in path.parent.iterdir()] == ["file"]


def test_a_private_file_is_private_from_the_beginning(path: Path) -> None:
    before = os.umask(0)
    try:
        NewFile(path=path, private=True).write("text")
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_with_force_a_file_is_replaced_and_keeps_its_mode(path: Path) -> None:
    path.write_text("before")
    path.chmod(0o640)

    NewFile(path=path, force=True).write("after")

    assert path.read_text() == "after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_private_file_that_replaces_one_for_all_is_private(path: Path) -> None:
    path.write_text("before")
    path.chmod(0o644)

    NewFile(path=path, force=True, private=True).write("after")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_may_be_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    new = NewFile(path=Path(name))
    new.check()

    new.write("half \ud83d of one\n")

    assert capsys.readouterr().out == "half ? of one\n"


def refused_by_the_disk(new: NewFile) -> None:
    """Write a file on a disk that refuses, and look at what is told."""
    with pytest.raises(RemoteMailcfgError) as caught:
        new.write("after")
    assert caught.value.code == "not-saved"
    assert caught.value.message == f"{new.path} cannot be written: No space left on device"


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_failure_leaves_no_new_file(step: str, path: Path, mocker: MockerFixture) -> None:
    full = OSError(28, "No space left on device")
    mocker.patch(f"remote_mailcfg.files.os.{step}", side_effect=full)

    refused_by_the_disk(NewFile(path=path))

    assert [it.name for it in path.parent.iterdir()] == []


@pytest.mark.parametrize("step", ["os.fsync", "Path.replace"])
def test_a_failure_leaves_what_was_there(step: str, path: Path, mocker: MockerFixture) -> None:
    full = OSError(28, "No space left on device")
    path.write_text("before")
    mocker.patch(f"remote_mailcfg.files.{step}", side_effect=full)

    refused_by_the_disk(NewFile(path=path, force=True))

    assert path.read_text() == "before"
    assert [it.name for it in path.parent.iterdir()] == ["file"]


def test_a_file_that_appears_meanwhile_is_not_replaced(path: Path, mocker: MockerFixture) -> None:
    real = os.fsync

    def somebody_writes(handle: int) -> None:
        path.write_text("before")
        real(handle)

    mocker.patch("remote_mailcfg.files.os.fsync", side_effect=somebody_writes)

    with pytest.raises(RemoteMailcfgError, match="File exists"):
        NewFile(path=path).write("after")

    assert path.read_text() == "before"
    assert [it.name for it in path.parent.iterdir()] == ["file"]


def test_a_file_system_without_hard_links_will_do(path: Path, mocker: MockerFixture) -> None:
    mocker.patch("remote_mailcfg.files.os.link", side_effect=PermissionError(1, "no links"))

    create_file(path, "text", mode=0o600)

    assert path.read_text() == "text"
    with pytest.raises(FileExistsError):
        create_file(path, "other", mode=0o600)
    assert [it.name for it in path.parent.iterdir()] == ["file"]


def test_a_file_is_replaced_at_once(path: Path) -> None:
    replace_file(path, "one", mode=0o600)
    with path.open() as reading:
        replace_file(path, "two", mode=0o600)
        assert reading.read() == "one"

    assert path.read_text() == "two"


def test_a_secret_is_not_put_over_another_without_force(path: Path) -> None:
    path.write_text("before")
    with pytest.raises(ConfigurationError):
        check_savable(f"file:{path}")

    check_savable(f"file:{path}", force=True)
    save_secret(f"file:{path}", Secret("after"), force=True)

    assert path.read_text() == "after\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_export_that_is_interrupted_writes_no_half_of_a_fleet(path: Path) -> None:
    entries = load_inventory(Path("instances.toml")).entries * 2
    done = Outcome(entries[0].target, result=ServerList(servers=(), default_id=None))
    show = Show(
        "export", EXPORT, Output.table, Terminal(quiet=False, verbose=False), NewFile(path=path)
    )

    show.interrupted(entries, [done, None], {})

    assert not path.exists()


def test_a_saved_plan_takes_the_place_of_a_saved_plan_alone(path: Path) -> None:
    state = load_desired(Path("mail-servers.toml"))
    save_plans(path, state, {}, clear_credentials=False)
    first = path.read_text()

    save_plans(path, state, {}, clear_credentials=True)

    assert path.read_text() != first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for text in ('{"format": 1}', '{\n "format": 2,\n "name": "theme"\n}', "mine"):
        path.write_text(text)
        with pytest.raises(RemoteMailcfgError, match="exists and is not of this kind"):
            save_plans(path, state, {}, clear_credentials=False)
        assert path.read_text() == text


def test_an_inventory_is_not_put_in_the_place_of_a_device(tmp_path: Path) -> None:
    with pipe(tmp_path) as path:
        words = ["instance", "add", "b", "--url", "http://b.example", "--login", "ann"]
        ran = CliRunner().invoke(app, [*words, "--inventory", str(path)])

        assert ran.exit_code == 2
        assert "is a device or a pipe, not a file" in ran.stderr
        assert path.is_fifo()


def test_every_output_is_written_in_one_place() -> None:
    """No other module makes, replaces or opens a file for writing, but for the journal."""
    package = Path(files.__file__).parent
    words = ("mkstemp", "O_CREAT", ".write_text(", ".write_bytes(", '.open("w', '.open("x')
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(it in path.read_text() for it in words)
    }

    sandbox = {it for it in found if it.startswith("sandbox/")}  # shares nothing with us
    assert found - sandbox == {"files.py", "store/journal.py", "store/state.py"}
