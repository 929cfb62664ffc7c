"""`web.base.url`, and the freeze that keeps a web login from rewriting it.

A web login by an administrator makes Odoo rewrite `web.base.url`, and with it the links in every
invitation and password-reset mail, to the address that was used (17: `http.py`, `res_users.py`; 19
likewise), unless `web.base.url.freeze` holds any text.

Logins from several machines share that one parameter, and Odoo has no call that changes a value
only if it is still the one that was read. So each login has a parameter of its own beside the
freeze, its claim, which no other login writes. It is made before the freeze is relied on, and set
to `LEAVING` before the freeze is removed. Of two logins, one that begins and one that ends, at
least one sees the other's claim: either the first waits until the other has left, or the other
leaves the freeze to the first. The freeze is removed with the last claim, in one transaction.
"""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Final

from remote_mailcfg.errors import OdooError
from remote_mailcfg.instance.parameters import (
    Caller,
    Parameter,
    create_parameter,
    search_parameters,
    unlink_parameters,
    write_parameter,
)

BASE_URL: Final = "web.base.url"
FREEZE: Final = "web.base.url.freeze"

#: The value of a freeze that is ours.
OURS: Final = "remote-mailcfg: until its logins have ended"
#: What the keys of claims begin with; a random text follows.
CLAIM: Final = FREEZE + ".remote-mailcfg."
STAYING: Final = "logging in"
LEAVING: Final = "leaving"

#: Earlier versions wrote the time of each login into the freeze itself, and lost some.
MARK: Final = "remote-mailcfg "
SEPARATOR: Final = ", "

#: A login takes seconds; the claim of one that began longer ago is left from one that was cut off.
LOGIN_TAKES: Final = timedelta(minutes=10)
#: Leaving takes three requests; a login that begins waits no longer than this for one that leaves.
LEAVING_TAKES: Final = timedelta(seconds=30)
POLL_SECONDS: Final = 0.5
#: How often a login tries to leave: another one may remove the freeze at the same time.
TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """What an instance has of `web.base.url`, its freeze and the claims on it."""

    address: Parameter | None
    freeze: Parameter | None
    claims: tuple[Parameter, ...]

    @property
    def is_frozen(self) -> bool:
        """Whether a web login leaves `web.base.url` alone; an empty freeze does nothing."""
        return bool(self.freeze and self.freeze.value)

    @property
    def is_frozen_by_others(self) -> bool:
        """Whether the instance's administrators froze it, not logins of this tool."""
        return self.is_frozen and not self._is_ours

    @property
    def _is_ours(self) -> bool:
        value = self.freeze.value if self.freeze else ""
        return value == OURS or value.startswith(MARK)

    def find(self, claim: str) -> Parameter | None:
        """Return one login's claim, None where it is not there."""
        return next((row for row in self.claims if row.key == claim), None)

    @property
    def recent_marks(self) -> str:
        """The marks of logins by earlier versions that may still be under way."""
        now = datetime.now(UTC)
        return SEPARATOR.join(
            mark for mark, begun in _marks(self.freeze).items() if not _is_over(begun, now)
        )

    def left_at(self, now: datetime) -> list[datetime]:
        """Return when the logins began that were cut off and left a claim, a mark or a freeze."""
        begun = [*_marks(self.freeze).values(), *(row.created for row in self.claims)]
        if not begun and self.freeze and self._is_ours:
            begun = [self.freeze.written]
        return sorted(time for time in begun if _is_over(time, now))

    def to_remove(self, own: Parameter) -> Iterator[int]:
        """Yield the ids of what goes when `own` leaves: what is its, and what others left."""
        others = [row for row in self.claims if row.key != own.key]
        over = [row for row in others if _is_over(row.created, own.written)]
        stays = any(row.value != LEAVING for row in others if row not in over)
        yield own.id
        yield from (row.id for row in over)
        if self.freeze and not (self.is_frozen_by_others or stays or self.recent_marks):
            yield self.freeze.id


def new_claim() -> str:
    """Return the key by which one login knows its own claim."""
    return CLAIM + secrets.token_hex(8)


def fetch_base_url(caller: Caller) -> BaseUrl:
    """Read the address, the freeze and the claims in one request."""
    return find_base_url(search_parameters(caller, [["key", "like", BASE_URL]]))


def find_base_url(parameters: Iterable[Parameter]) -> BaseUrl:
    """Find the address, the freeze and the claims among parameters."""
    found = {row.key: row for row in parameters}
    claims = tuple(row for key, row in found.items() if key.startswith(CLAIM))
    return BaseUrl(found.get(BASE_URL), found.get(FREEZE), claims)


def claim_freeze(caller: Caller, claim: str) -> Parameter:
    """Freeze `web.base.url` for one login, together with logins on other machines."""
    create_parameter(caller, claim, STAYING)
    found, own = _wait_for_leaving(caller, claim)
    if not found.is_frozen:
        _set_freeze(caller, found.freeze)
    return own


def release_freeze(caller: Caller, own: Parameter) -> BaseUrl:
    """Remove one login's claim, and the freeze unless others need it; return what is there then.

    Claims and marks of logins that were cut off go as well. Raises `not-verified`, or what Odoo
    refuses it with, where the claim stays.
    """
    for _ in range(TRIES):
        refusal = _try_to_leave(caller, own)
        found = fetch_base_url(caller)
        if found.find(own.key) is None:
            return found
    raise refusal or OdooError(
        "not-verified",
        f"the parameters {FREEZE} and {own.key}, which a web login set, could not be removed",
        "Remove them in Odoo under Settings, Technical, System Parameters.",
    )


def _set_freeze(caller: Caller, empty: Parameter | None) -> None:
    try:
        if empty:
            write_parameter(caller, empty.id, OURS)
        else:
            create_parameter(caller, FREEZE, OURS)
    except OdooError:  # keys are unique: another login made it at the same time
        if not fetch_base_url(caller).is_frozen:
            raise


def _try_to_leave(caller: Caller, own: Parameter) -> OdooError | None:
    """Say that this login leaves, look who stays, and remove what nobody needs."""
    try:
        write_parameter(caller, own.id, LEAVING)
        found = fetch_base_url(caller)
        leaving = found.find(own.key)
        if leaving is None:
            return None
        if found.freeze and (marks := found.recent_marks) and marks != found.freeze.value:
            write_parameter(caller, found.freeze.id, marks)
        unlink_parameters(caller, *found.to_remove(leaving))
    except OdooError as error:  # for instance, another login has just removed the freeze
        return error
    return None


def _wait_for_leaving(caller: Caller, claim: str) -> tuple[BaseUrl, Parameter]:
    """Wait for logins that may have looked for claims before this one's was made."""
    found = fetch_base_url(caller)
    own = found.find(claim)
    if own is None:
        raise OdooError(
            "not-verified",
            f"the instance took the parameter {claim} and does not have it",
            "Nothing was logged in to. Look at who else changes system parameters there.",
        )
    leaving = {
        row.id
        for row in found.claims
        if row.value == LEAVING and own.created - row.written < LEAVING_TAKES
    }
    for _ in range(int(LEAVING_TAKES.total_seconds() / POLL_SECONDS)):
        if not leaving & {row.id for row in found.claims}:
            break
        sleep(POLL_SECONDS)
        found = fetch_base_url(caller)
    return found, own


def _is_over(begun: datetime, now: datetime) -> bool:
    """Tell whether a login that began then must have ended; no login begins in the future."""
    return abs(now - begun) >= LOGIN_TAKES


def _marks(freeze: Parameter | None) -> dict[str, datetime]:
    """Return what earlier versions wrote into a freeze for each login, and when that began."""
    if freeze is None or not freeze.value.startswith(MARK):
        return {}
    return {mark: _time_of(mark.removeprefix(MARK)) for mark in freeze.value.split(SEPARATOR)}


def _time_of(text: str) -> datetime:
    """Return the time of a mark; for one without a time, a time long ago."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
