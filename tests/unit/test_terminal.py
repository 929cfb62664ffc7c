"""What goes to which stream, and that nothing a server holds is obeyed by the terminal."""

import pytest
from pytest_mock import MockerFixture
from rich.text import Text

from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.report.table import make_table


def test_results_go_to_stdout_and_notes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(quiet=False, verbose=False)

    terminal.result(Text("a result"))
    terminal.note("a note")

    assert capsys.readouterr() == ("a result\n", "a note\n")


def test_quiet_keeps_notes_to_itself_and_tells_problems(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Terminal(quiet=True, verbose=False)

    terminal.note("a note")
    terminal.problem("a problem")

    assert capsys.readouterr() == ("", "a problem\n")


def test_escape_sequences_in_what_a_server_holds_are_shown_and_not_obeyed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Terminal(quiet=False, verbose=False)

    terminal.result(make_table(["Name"], [["a\x1b[2J\x1b]0;t\x9b"]]))
    terminal.note("b\x1b[2J")

    shown = capsys.readouterr()
    assert "a\ufffd[2J\ufffd]0;t\ufffd" in shown.out
    assert shown.err == "b\ufffd[2J\n"


def test_a_question_obeys_no_escape_sequence_either(mocker: MockerFixture) -> None:
    ask = mocker.patch("typer.confirm", return_value=True)

    assert Terminal(quiet=False, verbose=False).confirm("remove '\x1b[2J'?") is True

    ask.assert_called_once_with("remove '\ufffd[2J'?", err=True)


def test_what_takes_a_while_is_shown_on_a_terminal_and_taken_away(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes the stream for a terminal
    terminal = Terminal(quiet=False, verbose=False)

    terminal.working("testing one")
    terminal.working("testing two")
    terminal.done()
    terminal.done()

    assert "testing two" in capsys.readouterr().err


def test_off_a_terminal_nothing_is_said_of_what_takes_a_while(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Terminal(quiet=False, verbose=False).working("testing")

    assert capsys.readouterr() == ("", "")
