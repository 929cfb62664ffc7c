"""What an answer that is not a result means, in one vocabulary for every wire.

The texts are those of running servers, 17.0 and 19.0 (`tests/recordings`). A server's traceback is
never shown.
"""

import json
import math
import re
import string
from typing import Any, Final
from urllib.parse import urljoin

from remote_mailcfg.errors import LoginError, OdooError, RemoteMailcfgError, TransportError
from remote_mailcfg.rpc.http import Answer
from remote_mailcfg.rpc.pace import when_to_try_again
from remote_mailcfg.rpc.transport import Access
from remote_mailcfg.secret import Secret

ROLE_HINT: Final = (
    "The user needs the role System Admin (the group Administration / Settings):"
    " Settings > Users & Companies > Users."
)

CHECK_URL: Final = (
    "Check OPENSPP_URL, or `url` in the inventory: host, port, and the path prefix where there is"
    " one."
)

#: Half a surrogate: JSON can write one, UTF-8 cannot hold it.
HALF: Final = re.compile("[\ud800-\udfff]")
ESCAPED_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")

#: How much of a page is searched for its title.
MOST_HEAD_BYTES: Final = 65536
#: Lower case letter by letter: other scripts' may change the length of a text.
_TO_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

#: How Odoo names its versions.
VERSION: Final = re.compile(r"(?:saas[~-])?[0-9]{1,3}\.[0-9]{1,3}[a-z0-9.+~-]{0,24}")


def refused_login(login: str) -> LoginError:
    """Return the one error for a wrong login, password or key: Odoo does not tell which."""
    return LoginError(
        "authentication-failed",
        f"the login of {login!r} was refused: wrong login, password or API key",
        "An API key may have expired or been revoked. An account with two-factor login looks the"
        " same: it needs OPENSPP_API_KEY (and OPENSPP_TOTP_SECRET for developer mode), or `api_key`"
        " and `totp_secret` in the inventory. Nothing was tried again.",
    )


def unknown_database(database: str) -> LoginError:
    """Return the error for a database that the server does not have or does not show."""
    return LoginError(
        "database-not-found",
        f"the server has no database {database!r}",
        "Check OPENSPP_DB, or `database` in the inventory; OpenSPP installations often use openspp,"
        " openspp_prod, prod or devel.",
    )


def odoo_error(exception: str, text: str, access: Access) -> RemoteMailcfgError:
    """Return the error for Odoo's exception class name and its text."""
    name = exception.rpartition(".")[2]
    text = text.strip()
    shown = access.secrets.conceal(text)
    if "Database not found." in text or re.search(r'database "[^"]*" does not exist', text):
        return unknown_database(access.database)
    if name == "AccessDenied":
        if text not in {"", "Access Denied"}:  # "Too many login failures, please wait a bit …"
            return LoginError("authentication-failed", f"Odoo refuses the login: {shown}")
        return refused_login(access.login)
    if name == "SessionExpiredException":
        return session_expired()
    if name == "AccessError":
        return OdooError("access-denied", f"Odoo denies access: {shown}", ROLE_HINT)
    # XML-RPC does not name the class; a session may speak another language, RPC speaks English
    is_missing = name == "MissingError" or text.startswith("Record does not exist or has been del")
    code = "not-found" if is_missing else "refused-by-odoo"
    exception = access.secrets.conceal(exception)
    message = shown or f"Odoo raised {exception}"
    return OdooError(code, message, exception=exception, said=Secret(text or message))


def session_expired() -> LoginError:
    """Return the error for a web session that the server no longer knows."""
    return LoginError(
        "session-expired",
        "the web session has ended on the server",
        "Run `remote-mailcfg login` again.",
    )


def traceback_error(fault: str, access: Access) -> RemoteMailcfgError:
    """Return the error for an XML-RPC fault 1: its last line is `package.Class: text`."""
    if re.search(r'database "[^"]*" does not exist', fault):
        return unknown_database(access.database)
    last = fault.strip().splitlines()[-1] if fault.strip() else ""
    match = re.match(r"([\w.]+(?:Error|Exception|Denied|Range|Found))(?:: (.*))?$", last)
    exception, text = (match[1], match[2] or "") if match else ("", last)
    return odoo_error(exception, text, access)


def parse_json(answer: Answer, url: str, access: Access) -> Any:
    """Return the JSON of an answer; raise for what a proxy or another server says instead."""
    check_answer(answer, url, access)
    if answer.content_type != "application/json":
        raise not_odoo(answer, url)
    try:
        text = answer.body.decode(json.detect_encoding(answer.body), "replace")
        value = json.loads(text)
        return _without_halves(value) if ESCAPED_HALF.search(text) else value
    except (ValueError, RecursionError) as error:
        raise not_odoo(answer, url) from error


def _without_halves(value: Any) -> Any:
    """Return a value whose texts UTF-8 can hold: half a surrogate is replaced."""
    if isinstance(value, str):
        return HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_halves(it) for it in value]
    if isinstance(value, dict):
        return {_without_halves(key): _without_halves(it) for key, it in value.items()}
    return value


def parse_rpc(answer: Answer, url: str, access: Access) -> dict[str, Any]:
    """Return the JSON-RPC message of an answer; an `error` in it has Odoo's shape."""
    message = parse_json(answer, url, access)
    if not isinstance(message, dict) or "jsonrpc" not in message:
        raise not_odoo(answer, url)
    if "error" in message:
        error = message["error"]
        if not isinstance(error, dict) or not is_refusal(error.get("data")):
            raise not_odoo(answer, url)
    return message


def is_refusal(data: Any) -> bool:
    """Tell whether this is how Odoo serializes an exception (`odoo.http`, 17 and 19)."""
    return isinstance(data, dict) and all(
        isinstance(data.get(key), str) for key in ("name", "message")
    )


def check_answer(answer: Answer, url: str, access: Access) -> None:
    """Raise for what a proxy or another web server says in Odoo's place.

    `url` is the address the request went to. A status that Odoo itself may send (404 included)
    passes.
    """
    if answer.status == 404 and b"No database is selected" in answer.body:  # 19, several databases
        raise unknown_database(access.database)
    if 300 <= answer.status < 400:
        raise _redirected(answer, url, access)
    if answer.status == 401 and "basic" in answer.headers.get("www-authenticate", "").lower():
        raise LoginError(
            "http-basic-required",
            f"the proxy in front of {url} wants a user and password of its own (HTTP Basic)",
            "Set OPENSPP_HTTP_BASIC=user:password (or OPENSPP_HTTP_BASIC_FILE), or `http_basic` in"
            " the inventory.",
        )
    if answer.status == 429:
        raise TransportError(
            "rate-limited",
            f"{url} answers 429: too many requests; as far as it tells, nothing was done",
            when_to_try_again(answer.retry_after_seconds),
            status=429,
        )
    if answer.status == 504:
        raise TransportError(
            "timeout",
            f"the proxy in front of {url} gave up waiting for Odoo (504)",
            "The call may still be running there.",
            status=504,
        )
    if answer.status in {502, 503}:
        wait = answer.retry_after_seconds
        raise TransportError(
            "unreachable",
            f"the proxy in front of {url} does not reach Odoo ({answer.status})",
            "Look at whether Odoo runs, and at the proxy's log."
            + (f" It asks to wait {math.ceil(wait)} s." if wait is not None else ""),
            status=answer.status,
        )


def not_odoo(answer: Answer, url: str) -> TransportError:
    """Return the error for an answer that no Odoo gives."""
    title = _find_title(answer.body[:MOST_HEAD_BYTES].decode(errors="replace"))
    said = f' titled "{answer.quote(title)[:80]}"' if title else ""
    media_type = answer.quote(answer.headers.get("content-type", "")).partition(";")[0].strip()
    return TransportError(
        "not-odoo",
        f"{url} answered {answer.status} with {media_type[:80] or 'no content type'}{said},"
        " which is not an answer of Odoo",
        CHECK_URL,
    )


def _find_title(page: str) -> str:
    """Return the title of a page, `""` where there is none. In whatever text, in one pass."""
    folded = page.translate(_TO_LOWER)
    start = folded.find("<title>") + len("<title>")
    end = folded.find("</title>", start)
    return page[start:end].strip() if start >= len("<title>") <= end else ""


def parse_version(version: Any, url: str) -> str:
    """Return the version that a server sent; raises `not-odoo` for a text that is none.

    Odoo's are `17.0`, `17.0+e`, `saas~17.2`, `19.0a1` or `18.0-20250101`.
    """
    if isinstance(version, str) and VERSION.fullmatch(version):
        return version
    raise TransportError("not-odoo", f"{url} sent a version that is not one of Odoo's", CHECK_URL)


def _redirected(answer: Answer, url: str, access: Access) -> TransportError:
    try:
        location = urljoin(url, answer.quote(answer.headers.get("location", "")))
    except ValueError as error:
        raise not_odoo(answer, url) from error
    path = url.removeprefix(access.url).partition("?")[0]
    base, found, _rest = location.partition("?")[0].rpartition(path)
    return TransportError(
        "redirected",
        f"{url} redirects to {location}; credentials are not sent after a redirect",
        f"If that is the instance, set OPENSPP_URL={base} (in the inventory: `url`)."
        if found
        else CHECK_URL,
    )
