"""The console script: its version, and what becomes of a bug and of Ctrl-C."""

import pytest
from pytest_mock import MockerFixture

from remote_mailcfg import __version__
from remote_mailcfg.cli import main


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
