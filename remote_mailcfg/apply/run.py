"""A run and the archived records it makes: candidates to prove a change on, and backups.

An archived record never takes part in routing, and the test works on it (17.0 and 19.0). Both kinds
are known by their names from their birth. Candidates are removed on every way out of a run.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from remote_mailcfg.errors import OdooError, RemoteMailcfgError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import find_servers_named, unlink_servers
from remote_mailcfg.instance.server_actions import remove_leftover_actions
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.mail_server import BACKUP_PREFIX, CANDIDATE_PREFIX
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.plan.change import Change
from remote_mailcfg.store.journal import Journal

#: What became of a change. `undone`: nothing of it stands, since another one failed. `superseded`:
#: somebody else wrote what it was about before it could be put right.
Outcome = Literal["done", "failed", "undone", "superseded"]


def new_run_name() -> str:
    """Return the name of a run: when it began, and enough chance to be its own."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def reason(error: BaseException) -> str:
    """Return why a clean-up failed; of what is no error of ours its kind alone."""
    return error.message if isinstance(error, RemoteMailcfgError) else type(error).__name__


@dataclass(slots=True)
class Work:
    """One change under way: the records made for it, and how far it is."""

    number: int
    change: Change
    candidate: int | None = None
    backup: int | None = None
    marked: bool = False
    test: SmtpTest | None = None
    outcome: Outcome = "undone"

    @property
    def server_id(self) -> int:
        """The record that it is about; 0 where there is none yet."""
        before = self.change.before
        return before.id if before else self.candidate or 0


@dataclass(slots=True, kw_only=True)
class Run:
    """One run on one instance.

    `test` is False where nothing shall be proved. A run that `keeps_backups` can be rolled back.
    `kept` are backups that stay whatever happens, since what they hold could not be put back. A run
    that could not clean up is `open_ended`: its journal gets no end, and the next run puts it
    right. `taken` are the ids that a new record cannot have. `unexpected` is what a clean-up failed
    with that is no error of ours.
    """

    instance: Instance
    capabilities: Capabilities
    progress: Progress
    name: str
    test: bool
    keeps_backups: bool
    journal: Journal
    taken: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    open_ended: bool = False
    unexpected: BaseException | None = None

    def candidate_name(self, server: str) -> str:
        """Return the name of a candidate for a server."""
        return f"{CANDIDATE_PREFIX}{self.name}: {server}"

    def backup_name(self, server: str) -> str:
        """Return the name of a backup of a server."""
        return f"{BACKUP_PREFIX}{self.name}: {server}"

    def check_new(self, server_id: int) -> int:
        """Return the id of a record that was just made; raises `not-verified` for one of before.

        Whatever is done to that record would be done to somebody's mail server.
        """
        if server_id in self.taken:
            raise OdooError(
                "not-verified",
                f"Odoo answered mail server {server_id} for a new record, but it was there before",
                "Nothing was done to it. A module or a proxy changes the answers of this instance.",
            )
        self.taken.add(server_id)
        return server_id

    def tell(self, error: BaseException, text: str) -> None:
        """Tell one thing more with an error; an interruption has no text of its own."""
        if isinstance(error, RemoteMailcfgError):
            error.hint = f"{text} {error.hint}".strip()
        else:
            if isinstance(error, KeyboardInterrupt):
                error.add_note(text)
            self.progress.note(f"{self.instance.target.name}: {text}")

    def leave_open(self, error: BaseException, left: BaseException, text: str) -> None:
        """Keep the run open for recovery, since `left` stopped its clean-up, and tell `text`.

        It is told with `error`, which the clean-up is for, unless `left` is raised in its place.
        """
        self.open_ended = True
        if isinstance(left, RemoteMailcfgError):
            self.tell(error, text)
        else:
            self.unexpected = self.unexpected or left
            self.tell(left, text)

    @contextmanager
    def own_records_removed(self) -> Iterator[None]:
        """Remove candidates on every way out, an interruption included, and unneeded backups.

        They are found by name: of a call that was cut off it is not known whether it made one.
        """
        try:
            yield
        except BaseException as error:
            self._remove_or_tell(error, backups=True)
            if isinstance(error, KeyboardInterrupt) and not self.open_ended:
                self.tell(error, f"what run {self.name} had begun is undone: nothing is left")
            raise
        try:
            self.remove_own(backups=not self.keeps_backups)
        except BaseException as error:
            self._remove_or_tell(error, backups=not self.keeps_backups)
            self.tell(error, "The change itself is made and read back.")
            raise

    def _remove_or_tell(self, error: BaseException, *, backups: bool) -> None:
        try:
            self.remove_own(backups=backups)
            remove_leftover_actions(self.instance, self.name)
        except BaseException as left:  # noqa: BLE001 - whatever it is, it is raised in the end
            self.leave_open(
                error,
                left,
                f"An archived record of run {self.name} may be left ({reason(left)}): the next"
                " change on this instance removes it.",
            )

    def remove_own(self, *, backups: bool) -> None:
        """Remove the candidates of this run, and its backups; raises `not-verified`."""
        prefixes = [self.candidate_name("")] + ([self.backup_name("")] if backups else [])
        if ids := self._find(prefixes):
            unlink_servers(self.instance, ids)
            if self._find(prefixes):
                raise OdooError("not-verified", "a record of this run could not be removed")

    def _find(self, prefixes: list[str]) -> tuple[int, ...]:
        found = find_servers_named(self.instance, self.name, prefixes=tuple(prefixes))
        return tuple(server_id for server_id in found if server_id not in self.kept)
