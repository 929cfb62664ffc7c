"""Developer mode as JSON, CSV and text."""

from dataclasses import asdict
from typing import Any, Final

from rich.text import Text

from remote_mailcfg.operations.debug import DeveloperMode
from remote_mailcfg.report.view import View


def _data(result: DeveloperMode) -> dict[str, Any]:
    return asdict(result)


def _text(result: DeveloperMode) -> Text:
    if result.link is None:
        return Text("Developer mode is off: no web session is kept.")
    mode = f"on ({result.mode})" if result.mode else "off"
    return Text(
        f"Developer mode of the kept session is {mode}.\n"
        f"Outgoing Mail Servers, in developer mode, in your own browser:\n{result.link}"
    )


DEVELOPER_MODE: Final = View(_data, lambda result: [asdict(result)], _text)
