"""The console script: its version, and what becomes of a bug and of Ctrl-C."""

import subprocess
import sys

import pytest
from pytest_mock import MockerFixture
from typer.testing import CliRunner

from remote_mailcfg import __version__
from remote_mailcfg.cli import main
from remote_mailcfg.cli.sandbox import EXTRA


def test_the_version_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["remote-mailcfg", "--version"])

    with pytest.raises(SystemExit) as ended:
        main.run()

    assert (ended.value.code, capsys.readouterr().out) == (0, f"remote-mailcfg {__version__}\n")


def test_a_bug_outside_of_every_instance_is_exit_70_and_shows_no_value(
    capsys: pytest.CaptureFixture[str], mocker: MockerFixture
) -> None:
    mocker.patch.object(main, "app", side_effect=ValueError("c4nary"))

    with pytest.raises(SystemExit) as ended:
        main.run()

    told = capsys.readouterr().err
    assert ended.value.code == 70
    assert "Please report this bug" in told
    assert "ValueError" in told
    assert "c4nary" not in told


def test_ctrl_c_outside_of_every_instance_is_exit_130(mocker: MockerFixture) -> None:
    mocker.patch.object(main, "app", side_effect=KeyboardInterrupt)

    with pytest.raises(SystemExit) as ended:
        main.run()

    assert ended.value.code == 130


def test_a_command_that_needs_no_sandbox_does_not_load_its_libraries() -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "remote_mailcfg", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "remote_mailcfg.cli.sandbox" in loaded
    assert loaded.isdisjoint(EXTRA | {"remote_mailcfg.sandbox"})


def run_without(module: str, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command where a module cannot be imported."""
    without = f"import sys; sys.modules[{module!r}] = None"
    start = "from remote_mailcfg.cli.main import run; run()"
    return subprocess.run(
        [sys.executable, "-c", f"{without}; {start}", command],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["sandbox", "demo"])
@pytest.mark.parametrize("package", sorted(EXTRA))
def test_a_missing_extra_is_named_with_how_to_install_it(package: str, command: str) -> None:
    ran = run_without(package, command)

    assert ran.returncode == 2
    assert f"error: the Python package {package} of the extra `sandbox`" in ran.stderr
    assert "pip install 'remote-mailcfg[sandbox]'" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_module_of_ours_that_is_missing_is_a_bug_and_not_a_missing_extra() -> None:
    ran = run_without("remote_mailcfg.sandbox.told", "sandbox")

    assert ran.returncode == 70
    assert "Please report this bug" in ran.stderr


@pytest.mark.parametrize(
    "words",
    [
        "server list -o",
        "server list --workers",
        "server list --waves",
        "server list --executor",
        "debug on --mode",
        "instance add a --role",
        "instance add a --protocol",
        "audit --fail-on",
        "audit --report",
        "audit --notify",
        "apikey create cron --save",
        "schedule cron --secret A --at",
        "server create --smtp-port",
    ],
)
def test_a_value_that_an_option_cannot_take_is_not_repeated(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSPP_URL", "https://registry.example")
    monkeypatch.setenv("OPENSPP_LOGIN", "ann")
    monkeypatch.setenv("OPENSPP_PASSWORD", "canary-password")

    ran = CliRunner().invoke(main.app, [*words.split(), "pasted-key-7f40"])

    assert ran.exit_code == 2
    assert "pasted-key" not in ran.output


@pytest.mark.parametrize(
    "words", ["", "server", "audit", "runs", "schema audit", "server list", "audit rules"]
)
def test_a_word_that_is_nothing_like_a_command_is_not_repeated(words: str) -> None:
    ran = CliRunner().invoke(main.app, [*words.split(), "pasted-key-7f40"])

    assert ran.exit_code == 2
    assert "pasted-key" not in ran.output
    assert "not shown" in ran.output


def test_a_word_that_is_near_to_a_command_is_told_what_may_be_meant() -> None:
    ran = CliRunner().invoke(main.app, ["serve"])

    assert ran.exit_code == 2
    assert "Did you mean 'server'?" in ran.output
