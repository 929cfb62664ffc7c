"""Where output goes: results to stdout, everything else to stderr."""

import csv
import io
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.status import Status
from rich.text import Text

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.masking import neutralize
from remote_mailcfg.report.envelope import dump_json, iterate_json
from remote_mailcfg.report.view import Row

#: A text of more characters is not laid out: that takes minutes, and nobody reads it.
MOST_OF_A_TEXT: Final = 200_000
#: What spreadsheets take for the beginning of a formula, also as wide characters.
FORMULAS: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


class OutputLostError(OSError):
    """Standard output does not take the result: its disk is full, or its reader has ended."""


class _Stream(io.TextIOWrapper):
    """A standard stream; what its encoding lacks is replaced by question marks."""

    def write(self, text: str, /) -> int:
        """Write, or note that nothing more can be."""
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        """Flush, or note that nothing more can be."""
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Let the rest go nowhere, or the interpreter would fail on it again as it ends."""
        del error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


class _Results(_Stream):
    """Standard output: a result that is lost is an error."""

    lost: OutputLostError | None = None

    def _lose(self, error: OSError) -> None:
        super()._lose(error)
        self.lost = OutputLostError(error.errno, error.strerror)
        raise self.lost from error


def check_output() -> None:
    """Raise `OutputLostError` where a result did not get out, also if that was swallowed."""
    sys.stdout.flush()
    if isinstance(sys.stdout, _Results) and sys.stdout.lost:
        raise sys.stdout.lost


def open_streams() -> None:
    """Make the standard streams such that no text and no reader stops a command half-way.

    Notes that nobody can read (stderr) are dropped: they come in the middle of changes.
    """
    for name, kind in (("stdout", _Results), ("stderr", _Stream)):
        stream = getattr(sys, name)
        if stream is None:  # it was closed on purpose; the new one stays open to the end
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8"))
        elif stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            line_buffering, through = stream.line_buffering, stream.write_through
            encoding = stream.encoding
            wrapped = kind(
                stream.detach(),
                encoding=encoding,
                errors="replace",
                line_buffering=line_buffering,
                write_through=through,
            )
            setattr(sys, name, wrapped)
            setattr(sys, f"__{name}__", wrapped)


class PlainConsole(Console):
    """A console that shows what a server holds and obeys none of it."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as rich does; what the texts hold is neutralized, and a huge one is cut."""
        if isinstance(renderable, Text) and len(renderable.plain) > MOST_OF_A_TEXT:
            renderable = renderable[:MOST_OF_A_TEXT].append(" … (cut)")
        begins_line = True
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
                continue
            text = neutralize(segment.text, begins_line=begins_line)
            begins_line = text.endswith("\n") or (begins_line and not text.strip())
            yield Segment(text, segment.style)


class Terminal:
    """The two consoles of one command. rich honours `NO_COLOR` and drops colour off a terminal.

    `failed` says whether something failed that is of no instance.
    """

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        self.quiet = quiet
        self.out = PlainConsole(highlight=False)
        self.err = PlainConsole(stderr=True, highlight=False)
        self.failed = False
        self.is_taken = False
        self._status: Status | None = None
        _listen(self.err if verbose else None)

    @property
    def attended(self) -> bool:
        """Whether a question would reach a person; see `Progress`."""
        return can_ask()

    def working(self, what: str, *, slow: bool = False) -> None:
        """Show what takes a while, on a terminal; see `Progress`."""
        if not self.err.is_terminal or self.quiet:
            if slow:
                self.note(what)
            return
        if self._status is None:
            self._status = self.err.status(what)
            self._status.start()
        self._status.update(what)

    def done(self) -> None:
        """Take the last `working` away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def note(self, text: str | Text) -> None:
        """Say something on stderr, unless quiet; see `Progress`."""
        if not self.quiet:
            self.err.print(text, markup=False, soft_wrap=True)

    def confirm(self, question: str) -> bool:
        """Ask on the terminal; no is the answer to everything but a yes."""
        self.done()
        with answering():
            return typer.confirm(neutralize(question), err=True)

    def show(self, text: RenderableType) -> None:
        """Show what a question is about, on stderr."""
        self.err.print(text, markup=False)

    def problem(self, text: RenderableType) -> None:
        """Say what failed, on stderr, quiet or not."""
        self.err.print(text, markup=False, soft_wrap=True)

    def fail(self, text: RenderableType) -> None:
        """Say what failed beside the instances: the command does not end well."""
        self.failed = True
        self.problem(text)

    def result(self, text: RenderableType) -> None:
        """Print a result for people."""
        self.out.print(text, markup=False, soft_wrap=not self.out.is_terminal)

    def take(self, text: str) -> None:
        """Print a text as it is, in place of every other result."""
        self.is_taken = True
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()

    def line(self, text: str) -> None:
        """Print a line for people that may be copied: it is never broken."""
        self.out.print(text, markup=False, soft_wrap=True)

    def json(self, value: dict[str, Any], *, indent: int | None = 2) -> None:
        """Print a result for programs: indented, or on one line with `indent=None`."""
        sys.stdout.write(dump_json(value, indent=indent) + "\n")
        sys.stdout.flush()

    def csv(self, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Print rows below a header, also without rows; true and false are written as in JSON.

        Keys that `columns` lack come after them. A text is on one line, and no program that opens
        the file takes it for a formula.
        """
        more = (name for row in rows for name in row)
        self.stream_csv([*dict.fromkeys([*columns, *more])], rows)

    def stream_json(self, value: dict[str, Any], *, indent: int | None = 2) -> None:
        """Print as `json` does, a part after the other: lists may be made meanwhile."""
        sys.stdout.writelines(iterate_json(value, indent=indent))
        sys.stdout.write("\n")
        sys.stdout.flush()

    def stream_csv(self, names: Sequence[str], rows: Iterable[Row]) -> None:
        """Print rows with these keys as they come, below a header."""
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _plain(it) for name, it in row.items()} for row in rows)


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, int | float):
        return value
    text = neutralize(str(value)).replace("\t", r"\t").replace("\n", r"\n")
    is_number = re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text)
    return f"'{text}" if text.startswith(FORMULAS) and not is_number else text


class _Log(logging.Handler):
    """Prints our own records, a line each; those of libraries may hold anything."""

    def __init__(self, console: PlainConsole) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record with the time."""
        now = f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%SZ}"
        line = f"{now} {record.getMessage()}".replace("\n", " ")
        self._console.print(line, markup=False, soft_wrap=True)


def _listen(console: PlainConsole | None) -> None:
    """Print what this program logs on a console, or nothing; of libraries nothing is printed."""
    ours = logging.getLogger("remote_mailcfg")
    for handler in ours.handlers[:]:
        if isinstance(handler, _Log):
            ours.removeHandler(handler)
    if console:
        ours.addHandler(_Log(console))
        ours.setLevel(logging.INFO)
    if not logging.root.handlers:  # or Python would print what libraries warn of
        logging.root.addHandler(logging.NullHandler())


def can_ask() -> bool:
    """Tell whether a question would reach a person."""
    return sys.stdin.isatty() and sys.stderr.isatty()


@contextmanager
def answering() -> Iterator[None]:
    """Turn Ctrl-C and Ctrl-D at a question into the error `interrupted`."""
    try:
        yield
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("\n")  # the question's line is not ended
        raise RemoteMailcfgError(
            "interrupted", "interrupted at the question: nothing was begun"
        ) from None


def ask_secret(question: str) -> str:
    """Ask for a secret on the terminal, without showing it."""
    with answering():
        answer: str = typer.prompt(question, hide_input=True, err=True)
    return answer
