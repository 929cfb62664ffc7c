"""Rules on what gets this tool in, and on the address that mails link to."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.values import is_loopback

BASE_URL: Final = "web.base.url"
FREEZE: Final = f"{BASE_URL}.freeze"
#: So long before its end a key is told of.
SOON: Final = timedelta(days=30)


def _key_expires(evidence: Evidence) -> Iterator[Problem]:
    for key in evidence.api_keys:
        if key.expires is None or key.expires - evidence.now > SOON:
            continue
        left = key.expires - evidence.now
        when = f"{key.expires:%Y-%m-%d}"
        what = f"ended on {when}" if left <= timedelta() else f"ends on {when}"
        yield Problem(message=f"the API key '{key.name}' {what}", subject=key.name)


def _no_email(evidence: Evidence) -> Iterator[Problem]:
    user = evidence.user
    if user and not user.email:
        yield Problem(message=f"the user {user.login} has no e-mail address", subject=user.login)


def _host(url: str) -> str:
    with suppress(ValueError):
        return (urlsplit(url).hostname or "").lower()
    return ""


def _is_local(host: str) -> bool:
    return not host or is_loopback(host)


def _links_to_nowhere(evidence: Evidence) -> Iterator[Problem]:
    url = evidence.parameters.get(BASE_URL, "")
    if not url:
        yield Problem(message=f"{BASE_URL} is not set", subject=BASE_URL)
    elif _is_local(_host(url)) and not _is_local(_host(evidence.url)):
        yield Problem(message=f"{BASE_URL} is {url}", subject=BASE_URL)


def _links_elsewhere(evidence: Evidence) -> Iterator[Problem]:
    url = evidence.parameters.get(BASE_URL, "")
    host, own = _host(url), _host(evidence.url)
    if url and not _is_local(host) and not _is_local(own) and host != own:
        yield Problem(
            message=f"{BASE_URL} is {url}, and the instance is at {evidence.url}", subject=BASE_URL
        )


def _links_in_clear(evidence: Evidence) -> Iterator[Problem]:
    url = evidence.parameters.get(BASE_URL, "")
    if evidence.is_production and url.lower().startswith("http:") and not _is_local(_host(url)):
        yield Problem(message=f"{BASE_URL} is {url}", subject=BASE_URL)


def _left_freeze(evidence: Evidence) -> Iterator[Problem]:
    left = evidence.left_logins
    if left:
        what = "a web login" if len(left) == 1 else f"{len(left)} web logins"
        when = f"the last began {left[-1]:%Y-%m-%dT%H:%M:%SZ}"
        yield Problem(message=f"{FREEZE} was left by {what} of this tool; {when}", subject=FREEZE)


RULES: Final[tuple[Rule[Evidence], ...]] = (
    Rule(
        id="api-key-ends",
        group="access",
        severity="warning",
        title="An API key of this user has ended, or ends soon",
        why="Audits and changes that log in with it fail from then on.",
        remedy="Make a new one with `remote-mailcfg apikey create`, and remove the old one.",
        versions="18, 19",
        needs=("api_keys",),
        look=_key_expires,
    ),
    Rule(
        id="user-without-email",
        group="access",
        severity="warning",
        title="The user whom this tool logs in as has no e-mail address",
        why="Odoo tests a mail server without a filter with the user's address, and cannot.",
        remedy="Give the user an address in its preferences.",
        needs=("user",),
        look=_no_email,
    ),
    Rule(
        id="links-to-nowhere",
        group="access",
        severity="error",
        title="Links in mails point to the machine of whoever reads them",
        why="Invitations and password resets open nothing.",
        remedy=f"Set {BASE_URL} to the address that people use, and {FREEZE} to True.",
        needs=("parameters",),
        look=_links_to_nowhere,
    ),
    Rule(
        id="links-elsewhere",
        group="access",
        severity="info",
        title="Links in mails point to another host than the instance is reached at here",
        why="Right where people use another address; wrong where an administrator's login from"
        " within rewrote it.",
        remedy=f"Compare; where it is wrong, set {BASE_URL}, and {FREEZE} to True.",
        needs=("parameters",),
        look=_links_elsewhere,
    ),
    Rule(
        id="links-in-clear",
        group="access",
        severity="warning",
        title="Links in mails of production are plain http",
        why="Whoever follows a password reset sends the new password in clear.",
        remedy=f"Set {BASE_URL} to the https address.",
        needs=("parameters", "role"),
        look=_links_in_clear,
    ),
    Rule(
        id="left-freeze",
        group="access",
        severity="warning",
        title="A web login of this tool left web.base.url frozen",
        why="No later login of an administrator corrects the address in the links of mails.",
        remedy="The next web login removes it: run `remote-mailcfg logout`, then `remote-mailcfg"
        f" login`. Or remove {FREEZE}, and what begins with it, under System Parameters.",
        needs=("parameters", "left_logins"),
        look=_left_freeze,
    ),
)
