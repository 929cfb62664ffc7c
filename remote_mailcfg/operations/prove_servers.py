"""Let an instance test its mail servers, one after the other."""

from dataclasses import dataclass

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import (
    fetch_capabilities,
    fetch_probe_sender,
    fetch_servers,
    run_smtp_test,
)
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.selection import find_server
from remote_mailcfg.model.smtp_test import SmtpTest
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.entry import enter_instance


@dataclass(frozen=True, slots=True)
class ServerTests:
    """The tests of some servers."""

    tests: tuple[SmtpTest, ...]

    @property
    def failure(self) -> RemoteMailcfgError | None:
        """What is wrong with them as a whole, None where all passed."""
        failed = [test for test in self.tests if not test.ok]
        if not failed:
            return None
        names = ", ".join(f"{test.id} '{test.name}' ({test.cause})" for test in failed)
        return RemoteMailcfgError(
            "test-failed",
            f"{len(failed)} of {len(self.tests)} tests failed: {names}",
            failed[0].hint if len(failed) == 1 else "",
        )


def prove_servers(target: Target, progress: Progress, *, named: str | None) -> ServerTests:
    """Test the server of this id or name, archived or not; without one every active server.

    Raises `not-found` or `ambiguous`, and `not-found` when there is no active server to test.
    """
    with enter_instance(target, progress) as instance:
        servers = fetch_servers(instance, fetch_capabilities(instance))
        if named is not None:
            chosen: tuple[MailServerRecord, ...] = (find_server(servers, named),)
        else:
            chosen = testable(servers)
        if not chosen:
            raise RemoteMailcfgError(
                "not-found",
                "there is no active mail server to test",
                "Create one with `remote-mailcfg server create`.",
            )
        return ServerTests(run_tests(instance, chosen, progress))


def testable(servers: tuple[MailServerRecord, ...]) -> tuple[MailServerRecord, ...]:
    """Return the active servers; a personal one (19) can be tested by its owner alone."""
    return tuple(s for s in servers if s.active and s.owner_user_id is None)


def run_tests(
    instance: Instance, servers: tuple[MailServerRecord, ...], progress: Progress
) -> tuple[SmtpTest, ...]:
    """Test servers one after the other: an instance has few workers, and a test may take 60 s."""
    senders: dict[str, str] = {}
    tests = []
    for number, server in enumerate(servers, 1):
        progress.working(
            f"{instance.target.name}: testing {number} of {len(servers)}, '{server.name}'"
            " (a silent server takes 60 s)",
            slow=True,
        )
        if server.from_filter not in senders:
            senders[server.from_filter] = fetch_probe_sender(instance, server.from_filter)
        tests.append(run_smtp_test(instance, server, senders[server.from_filter]))
    return tuple(tests)
