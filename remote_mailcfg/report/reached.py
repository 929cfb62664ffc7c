"""Whether an instance can be reached, as JSON, CSV and text."""

from dataclasses import asdict
from typing import Any, Final

from rich.text import Text

from remote_mailcfg.operations.reach_instance import Reached
from remote_mailcfg.report.table import plain
from remote_mailcfg.report.view import View


def _data(result: Reached) -> dict[str, Any]:
    return asdict(result)


def _text(result: Reached) -> Text:
    where = f"Odoo {result.version}, database {result.database}, over {result.protocol}"
    return Text(plain(f"{result.login} is logged in: {where}."))


REACHED: Final = View(
    _data,
    lambda result: [asdict(result)],
    _text,
    columns=("login", "database", "version", "protocol"),
)
