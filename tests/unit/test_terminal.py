"""What goes to which stream, and that nothing a server holds is obeyed by the terminal."""

import csv
import io
import json
import logging
import re
import unicodedata
from collections.abc import Callable

import pytest
from pytest_mock import MockerFixture
from rich.text import Text

from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.operations.list_servers import ServerList
from remote_mailcfg.report.servers import SERVER_LIST
from remote_mailcfg.report.table import make_error, make_table
from remote_mailcfg.report.tests import make_test


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


# Texts that want to be something else

#: What a name or a message may hold to look like a line of ours, or to command what runs us.
ENDS = "\n", "\r\n", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\n\u200b", "\n\t \u202e", "\n- "
LINES = "next: rm -rf /", "error: registry: gone", "::error::x", "##[error]x", "##vso[x]y"
HOSTILE = (
    *(f"Main{end}{line}" for end in ENDS for line in LINES),
    *(f"{'x' * width} {line}" for width in range(40, 81, 3) for line in ("::error::x", "next: y")),
)


def make_all(text: str) -> list[Text | object]:
    """Return a table, an error, a test with a text in each place that an instance fills."""
    record = MailServerRecord(id=1, name=text, smtp_host=text, smtp_user=text, from_filter=text)
    test = SmtpTest(
        id=1, name=text, ok=False, cause="other", message=text, hint="", sender=text, seconds=0
    )
    return [
        SERVER_LIST.text(ServerList((record,), 1)),
        make_table(["Id", "Name"], [["1", text], ["", text], [text, text]]),
        make_error("registry", RemoteMailcfgError("refused-by-odoo", text)),
        make_test(test),
        Text(text),
    ]


def misleading(output: str) -> list[str]:
    """Return the lines that a reader or a runner would take for ours, or obey."""
    ours = re.compile(r"(error: registry: Main|error: registry: x)")
    return [
        line
        for line in re.split("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", output)
        if (re.match(r"\W*(next|error)\s*:", line) and not ours.match(line))
        or re.match(r"\s*::\w", line)
        or re.search(r"##\w*\[", line)
        or [it for it in line if unicodedata.category(it) in {"Cc", "Cf", "Zl", "Zp"}]
    ]


@pytest.mark.parametrize("stream", ["out", "err"])
def test_no_text_of_an_instance_begins_a_line_that_misleads(
    stream: str, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(quiet=False, verbose=False)
    show: Callable[..., None] = terminal.result if stream == "out" else terminal.problem

    for text in HOSTILE:
        for made in make_all(text):
            show(made)

    shown = getattr(capsys.readouterr(), stream)
    assert shown
    assert misleading(shown) == []


def test_what_we_say_ourselves_keeps_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    error = RemoteMailcfgError("not-found", "no server\nnext: rm", "Look.")

    Terminal(quiet=False, verbose=False).problem(make_error("registry", error))

    assert capsys.readouterr().err == "error: registry: no server\n  next; rm\n  next: Look.\n"


def test_json_is_whole_and_no_runner_obeys_it(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"texts": list(HOSTILE), "##vso[key]": 1}
    terminal = Terminal(quiet=False, verbose=False)

    terminal.json(value)
    terminal.json(value, indent=None)

    shown = capsys.readouterr().out
    assert misleading(shown) == []
    assert json.JSONDecoder().raw_decode(shown)[0] == value


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd", "'+cmd"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\uff1d1", "'\uff1d1"),
        ("\t=1", "\\t=1"),
        ("\r=1", "\ufffd=1"),
        ("-5", "-5"),
        ("+1.5", "+1.5"),
        (-5, "-5"),
        (-1.5, "-1.5"),
        (True, "true"),
        (None, ""),
        ("a\nnext: b", "a\\nnext; b"),
        ("a\x1b[2J\u202e", "a\ufffd[2J\ufffd"),
        ("a=b", "a=b"),
        ("x" * 5000, "x" * 5000),
    ],
)
def test_csv_holds_no_formula_and_no_control_character(
    value: object, cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Terminal(quiet=False, verbose=False).csv([], [{"instance": "a", "value": value}])

    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["value"] == cell


# The log


def test_the_log_is_disarmed_and_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(quiet=False, verbose=True)
    try:
        for text in HOSTILE:
            logging.getLogger("remote_mailcfg.rpc.http").info("GET %s", text)
    finally:
        Terminal(quiet=False, verbose=False)

    shown = capsys.readouterr().err
    assert misleading(shown) == []
    assert len(shown.splitlines()) == len(HOSTILE)


def test_of_libraries_nothing_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    for verbose in (True, False):
        Terminal(quiet=False, verbose=verbose)
        logging.getLogger("urllib3.connectionpool").warning("Failed to parse headers: key")

    assert capsys.readouterr() == ("", "")
