"""A new API key as JSON, CSV and text: the one place where a secret is shown, and only once."""

from typing import Any, Final

from rich.text import Text

from remote_mailcfg.operations.create_api_key import ApiKey
from remote_mailcfg.report.table import render_time
from remote_mailcfg.report.view import View


def _data(result: ApiKey) -> dict[str, Any]:
    shown = {"key": result.key.reveal()} if result.key else {}
    expires = render_time(result.expires) if result.expires else None
    return {"name": result.name, "expires": expires, "saved": result.saved} | shown


def _text(result: ApiKey) -> Text:
    end = f"expires {render_time(result.expires)}" if result.expires else "does not expire"
    revoke = "\nRevoke it in Odoo under Preferences > Account Security."
    if result.key is None:
        return Text(f"API key '{result.name}' ({end}) is saved to {result.saved}.{revoke}")
    return Text(
        f"API key '{result.name}' ({end}). Odoo does not show it again:\n{result.key.reveal()}"
        + revoke
    )


API_KEY: Final = View(
    _data, lambda result: [_data(result)], _text, columns=("name", "expires", "saved")
)
