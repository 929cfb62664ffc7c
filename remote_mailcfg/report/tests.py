"""The server's own tests as JSON, CSV and text."""

from dataclasses import asdict, fields
from typing import Any, Final

from rich.text import Text

from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.operations.prove_servers import ServerTests
from remote_mailcfg.report.table import plain
from remote_mailcfg.report.view import Row, View


def make_test(test: SmtpTest) -> Text:
    """Return one test as people read it: what the server said, what it means, what to do next."""
    sender = f", sender {test.sender}" if test.sender else ""
    head = f" {test.id} '{plain(test.name)}' ({test.seconds:.1f} s{sender})"
    if test.ok:
        return Text.assemble(("passed", "green"), head)
    text = Text.assemble(("failed", "bold red"), head, f": {test.cause}\n  ")
    text.append(plain(test.message).replace("\n", "\n  "))
    if test.hint:
        text.append("\n  ").append("next", style="bold").append(f": {test.hint}")
    return text


def _data(result: ServerTests) -> dict[str, Any]:
    return {"tests": _rows(result)}


def _rows(result: ServerTests) -> list[Row]:
    return [asdict(test) for test in result.tests]


def _text(result: ServerTests) -> Text:
    return Text("\n").join(make_test(test) for test in result.tests)


def _alike(result: ServerTests) -> object:
    return [asdict(test) | {"seconds": None} for test in result.tests]


SERVER_TESTS: Final = View(
    _data,
    _rows,
    _text,
    lambda result: result.failure,
    alike=_alike,
    columns=tuple(it.name for it in fields(SmtpTest)),
)
