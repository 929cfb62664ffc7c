"""Developer mode of a web session: what it is set to, what proves it, and the link it opens."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from remote_mailcfg.errors import OdooError
from remote_mailcfg.rpc.answers import as_text
from remote_mailcfg.rpc.web import WebSession

MENU: Final = "base.menu_mail_servers"
ACTION: Final = "base.action_ir_mail_server_list"

#: The first version whose web client lives under `/odoo` (18; 17 and before: `/web#…`).
PATH_ROUTER: Final = 18


def mode_of(info: Mapping[str, Any]) -> str:
    """Return developer mode in an answer of `get_session_info`; `""` is off, the key is absent."""
    return as_text((info.get("bundle_params") or {}).get("debug"))


def major_version(info: Mapping[str, Any]) -> int:
    """Return Odoo's major version in a session's info, also where OpenSPP's branding kit masks it.

    The kit turns `server_version_info` into `["OpenSPP", "19.0", …]`.
    """
    told = f"{info.get('server_version', '')} {info.get('server_version_info', '')}"
    match = re.search(r"\b(\d{1,3})[.,]\s?\d", told)
    return int(match[1]) if match else 0


def is_openspp(info: Mapping[str, Any]) -> bool:
    """Tell OpenSPP from plain Odoo by what its branding kit adds (OpenSPP 2, and 17)."""
    return "spp_system_name" in info or "openspp_system_name" in info


def deep_link(url: str, version: int, mode: str) -> str:
    """Return the address that opens *Outgoing Mail Servers* in developer mode in a browser.

    The mode is that of the link, `1` where developer mode is off. Both forms were opened in a real
    Chromium, on 17.0 and on 19.0.
    """
    debug = f"debug={quote(mode or '1', safe=',')}"
    if version >= PATH_ROUTER:
        return f"{url}/odoo/action-{ACTION}?{debug}"
    return f"{url}/web?{debug}#action={ACTION}"


def has_menu(session: WebSession) -> bool:
    """Tell whether the session's menus hold *Outgoing Mail Servers*."""
    menus = session.fetch_menus(major_version(session.info))
    return any(isinstance(m, dict) and m.get("xmlid") == MENU for m in menus.values())


def switch_debug(session: WebSession, mode: str) -> None:
    """Set developer mode (`""` is off) and read it back into the session's `info`.

    Raises `not-verified` when the session does not say the mode that was set.
    """
    session.set_debug(mode or "0")
    session.fetch_info()
    if mode_of(session.info) != mode:
        raise OdooError(
            "not-verified",
            f"developer mode is {mode_of(session.info)!r} after it was set to {mode!r}",
            "Look whether a module of the instance restricts developer mode.",
        )
