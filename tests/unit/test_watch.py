import io
import re

import pytest
from pytest_mock import MockerFixture

from remote_mailcfg.cli.terminal import PlainConsole, Terminal
from remote_mailcfg.cli.watch import Watch
from remote_mailcfg.errors import ConfigurationError


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(quiet=False, verbose=False)


def test_the_line_counts_what_is_done_and_what_failed(terminal: Terminal) -> None:
    watch = Watch(terminal, 3)
    watch.begin("north")
    watch.end("north", "")
    watch.end("south", "timeout")

    assert str(watch.line()) == "2 of 3 done, 1 failed"


def test_the_line_names_the_slowest(terminal: Terminal, mocker: MockerFixture) -> None:
    clock = mocker.patch("remote_mailcfg.cli.watch.time.monotonic", return_value=0.0)
    watch = Watch(terminal, 6)
    for number, name in enumerate(("a", "b", "c", "d", "e")):
        clock.return_value = number
        watch.begin(name)
    clock.return_value = 9.5

    assert str(watch.line()) == (
        "0 of 6 done, 0 failed; slow: c (8 s), b (8 s), a (10 s) and 2 more"
    )


def test_off_a_terminal_each_instance_is_a_line(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = Watch(terminal, 2)
    with watch.shown():
        watch.working("north: connecting")
        watch.end("north", "")
        watch.end("south", "timeout")

    assert capsys.readouterr().err == "[1/2] north: ok\n[2/2] south: timeout\n"


def test_on_a_terminal_there_is_one_line_that_changes(terminal: Terminal) -> None:
    screen = io.StringIO()
    terminal.err = PlainConsole(file=screen, force_terminal=True, width=80, highlight=False)
    watch = Watch(terminal, 1)
    with watch.shown():
        watch.end("north", "")

    shown = re.sub(r"\x1b\[[^m]*?[A-Za-z]", "", screen.getvalue())
    assert "1 of 1 done, 0 failed" in shown
    assert "[1/1]" not in shown


def test_a_note_about_one_of_many_is_shown(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    Watch(terminal, 2).note("north: look")

    assert capsys.readouterr().err == "north: look\n"


def test_nothing_is_asked_for_one_of_many(terminal: Terminal) -> None:
    with pytest.raises(ConfigurationError, match="not asked") as caught:
        Watch(terminal, 2).confirm("north: remove mail server 3?")

    assert "--yes" in caught.value.hint
