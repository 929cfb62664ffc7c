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
    if not result.mode:
        return Text("Developer mode of the kept session is off.")
    return Text(
        f"Developer mode of the kept session is on ({result.mode}).\n"
        f"Outgoing Mail Servers, in developer mode, in your own browser:\n{result.link}"
    )


def _login_text(result: DeveloperMode) -> Text:
    return Text("Logged in; the web session is kept until `remote-mailcfg logout`.\n").append_text(
        _text(result)
    )


def _logout_text(_result: DeveloperMode) -> Text:
    return Text("Logged out; no web session is kept.")


DEVELOPER_MODE: Final = View(
    _data, lambda result: [asdict(result)], _text, columns=("mode", "link")
)
LOGIN: Final = View(_data, lambda result: [asdict(result)], _login_text, columns=("mode", "link"))
LOGOUT: Final = View(_data, lambda result: [asdict(result)], _logout_text, columns=("mode", "link"))
