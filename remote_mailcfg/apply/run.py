"""A run and the archived records it makes: candidates to prove a change on, and backups.

An archived record never takes part in routing, and the test works on it (17.0 and 19.0). Both kinds
are known by their names from their birth, and removed on every way out of a run.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from remote_mailcfg.errors import OdooError, RemoteMailcfgError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import find_servers_named, unlink_servers
from remote_mailcfg.model.mail_server import BACKUP_PREFIX, CANDIDATE_PREFIX
from remote_mailcfg.model.progress import Progress


def _new_name() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


@dataclass(slots=True)
class Run:
    """One run on one instance: its name is when it began, and enough chance to be its own.

    `kept` are backups that outlive the run, since what they hold could not be put back.
    """

    instance: Instance
    progress: Progress
    name: str = field(default_factory=_new_name)
    kept: set[int] = field(default_factory=set)

    def candidate_name(self, server: str) -> str:
        """Return the name of a candidate for a server."""
        return f"{CANDIDATE_PREFIX}{self.name}: {server}"

    def backup_name(self, server: str) -> str:
        """Return the name of a backup of a server."""
        return f"{BACKUP_PREFIX}{self.name}: {server}"

    def tell(self, error: BaseException, text: str) -> None:
        """Tell one thing more with an error; an interruption has no text of its own."""
        if isinstance(error, RemoteMailcfgError):
            error.hint = f"{text} {error.hint}".strip()
        else:
            self.progress.note(f"{self.instance.target.name}: {text}")

    @contextmanager
    def own_records_removed(self) -> Iterator[None]:
        """Remove candidates and backups on every way out, an interruption included.

        They are found by name: of a call that was cut off it is not known whether it made one.
        """
        try:
            yield
        except BaseException as error:
            self._remove_or_tell(error)
            raise
        try:
            self._remove()
        except BaseException as error:
            self._remove_or_tell(error)
            self.tell(error, "The change itself is made and read back.")
            raise

    def _remove_or_tell(self, error: BaseException) -> None:
        try:
            self._remove()
        except RemoteMailcfgError as left:
            self.tell(
                error,
                f"An archived record of run {self.name} may be left ({left.message}):"
                " `server list` marks it, `server delete ID` removes it.",
            )

    def _remove(self) -> None:
        ids = self._find()
        if ids:
            unlink_servers(self.instance, ids)
            if self._find():
                raise OdooError("not-verified", "a record of this run could not be removed")

    def _find(self) -> tuple[int, ...]:
        prefixes = (self.candidate_name(""), self.backup_name(""))
        found = find_servers_named(self.instance, self.name, prefixes=prefixes)
        return tuple(server_id for server_id in found if server_id not in self.kept)
