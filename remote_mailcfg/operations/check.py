"""Walk the guide *Outgoing email configuration* on one instance and report every step."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

from remote_mailcfg.errors import OdooError, RemoteMailcfgError
from remote_mailcfg.instance.developer_mode import has_menu, mode_of, switch_debug
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_queue import Queue, fetch_queue
from remote_mailcfg.instance.mail_servers import fetch_capabilities, fetch_servers
from remote_mailcfg.instance.modules import has_openspp
from remote_mailcfg.model.mail_server import MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.routing import default_server
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.change_server import FALLBACK
from remote_mailcfg.operations.entry import enter_instance
from remote_mailcfg.operations.prove_servers import run_tests, testable
from remote_mailcfg.operations.web_login import borrowed_session
from remote_mailcfg.rpc.connection import fetch_version
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.store.sessions import load_session

StepName = Literal[
    "reach", "version", "login", "role", "developer-mode", "menu", "servers", "test", "queue"
]

UNREACHED: Final = frozenset({"unreachable", "timeout", "tls-failed"})

#: A queue whose cron is later than this is not moving: it is hourly, and every worker's cron
#: thread looks each minute.
CRON_GRACE: Final = timedelta(minutes=10)
#: Mails older than two runs of the hourly cron should have gone.
OLDEST_MAIL: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the guide; `ok` is None where it could not be taken."""

    step: StepName
    ok: bool | None
    detail: str
    hint: str = ""


@dataclass(slots=True)
class CheckResult:
    """What was found out, step by step; `openspp` is None where it could not be asked."""

    version: str = ""
    openspp: bool | None = None
    protocol: str = ""
    steps: list[Step] = field(default_factory=list)

    @property
    def failure(self) -> RemoteMailcfgError | None:
        """What is wrong as a whole, None where every step that could be taken is ok."""
        failed = [step.step for step in self.steps if step.ok is False]
        if not failed:
            return None
        return RemoteMailcfgError(
            "check-failed", f"not ok: {', '.join(failed)}", "Each step above names what to do next."
        )

    def add(self, step: StepName, detail: str) -> None:
        """Note a step that is ok."""
        self.steps.append(Step(step, ok=True, detail=detail))

    def fail(self, step: StepName, detail: str, hint: str) -> None:
        """Note a step that is not ok."""
        self.steps.append(Step(step, ok=False, detail=detail, hint=hint))

    def skip(self, step: StepName, why: str) -> None:
        """Note a step that could not be taken."""
        self.steps.append(Step(step, ok=None, detail=why))

    @contextmanager
    def taking(self, step: StepName) -> Iterator[None]:
        """Take a step: an error inside is its outcome."""
        try:
            yield
        except RemoteMailcfgError as error:
            self.fail(step, error.message, error.hint)


def check(target: Target, progress: Progress) -> CheckResult:
    """Walk the guide. Mail servers are not changed; a web session that is opened is ended."""
    result = CheckResult()
    progress.working(f"{target.name}: connecting")
    if _reach(result, target):
        with result.taking("login"), enter_instance(target, progress) as instance:
            _examine(result, instance, progress)
    taken = {step.step for step in result.steps}
    for step in get_args(StepName):
        if step not in taken:
            result.skip(step, "not tried: an earlier step is not ok")
    return result


def _reach(result: CheckResult, target: Target) -> bool:
    """Tell whether an Odoo answers at the address, and which."""
    try:
        with HttpClient(target) as http:
            result.version = fetch_version(target, http)
    except RemoteMailcfgError as error:
        if error.code in UNREACHED:
            result.fail("reach", error.message, error.hint)
        else:
            result.add("reach", "it answers")
            result.fail("version", error.message, error.hint)
        return False
    result.add("reach", "it answers")
    result.add("version", f"Odoo {result.version}")
    return True


def _examine(result: CheckResult, instance: Instance, progress: Progress) -> None:
    """Take the steps that need a login; each error is the outcome of its step."""
    result.protocol = instance.connection.transport.wire
    with result.taking("login"):
        _look_at_login(result, instance)
    if result.steps[-1].ok is False:
        return
    servers = None
    with result.taking("role"):
        servers = fetch_servers(instance, fetch_capabilities(instance))
        result.add("role", "may read and write mail servers (System Admin)")
    if servers is None:
        return
    with suppress(OdooError):
        result.openspp = has_openspp(instance)
    _look_at_developer_mode(result, instance, progress)
    _look_at_servers(result, instance, servers, progress)
    with result.taking("queue"):
        _look_at_queue(result, fetch_queue(instance))


def _look_at_login(result: CheckResult, instance: Instance) -> None:
    """Say who is logged in and over which wire; a key may belong to somebody else."""
    user = instance.fetch_user()
    connection, target = instance.connection, instance.target
    credential = "API key" if target.api_key else "password"
    how = f"{user.login} by {credential} over {result.protocol}, because {connection.why}"
    if user.login != target.login:
        result.fail(
            "login",
            f"the API key belongs to {user.login!r}, not to the login {target.login!r}",
            f"Set OPENSPP_LOGIN={user.login} (`login` in the inventory), or use a key of"
            f" {target.login}.",
        )
    else:
        result.add("login", f"{how}; database {target.database}")


def _look_at_developer_mode(result: CheckResult, instance: Instance, progress: Progress) -> None:
    """Switch developer mode on for a moment in a web session, and look for the menu."""
    target = instance.target
    if target.password is None and load_session(target) is None:
        why = "not tried: only an API key is given, and a web session needs a password"
        result.skip("developer-mode", why)
        result.skip("menu", why)
        return
    progress.working(f"{target.name}: trying developer mode")
    with result.taking("developer-mode"), borrowed_session(target, instance) as session:
        before = mode_of(session.info)
        switch_debug(session, "1")
        try:
            menu = has_menu(session)
        finally:
            switch_debug(session, before)
        result.add("developer-mode", "can be switched on")
        if menu:
            result.add("menu", "Outgoing Mail Servers is there")
        else:
            result.fail(
                "menu",
                "the menu Outgoing Mail Servers is not there in developer mode",
                "An administrator may have hidden it; all commands work without it.",
            )


def _look_at_servers(
    result: CheckResult,
    instance: Instance,
    servers: tuple[MailServerRecord, ...],
    progress: Progress,
) -> None:
    active = testable(servers)
    default = default_server(servers)
    if default is None:
        result.fail(
            "servers",
            f"no active mail server ({len(servers)} archived or personal): {FALLBACK}",
            "Create one with `remote-mailcfg server create`.",
        )
        result.skip("test", "not tried: there is no active mail server")
        return
    archived = sum(not server.active for server in servers)
    result.add(
        "servers",
        f"{len(active)} active, {archived} archived; the default is {default.id} '{default.name}'",
    )
    with result.taking("test"):
        tests = run_tests(instance, active, progress)
        failed = [test for test in tests if not test.ok]
        if failed:
            told = [f"{t.id} '{t.name}': {t.cause}: {t.message}" for t in failed]
            result.fail("test", "\n".join(told), failed[0].hint)
        else:
            result.add("test", f"{len(tests)} of {len(tests)} passed")


def _look_at_queue(result: CheckResult, queue: Queue) -> None:
    """Judge the queue: a cron that is off or late, mails that wait too long or failed."""
    now = datetime.now(UTC)
    counts = f"{queue.outgoing} waiting, {queue.failed} failed"
    if not queue.cron_active:
        result.fail(
            "queue",
            f"{counts}; the cron that sends the queue is off or missing",
            "Activate 'Mail: Email Queue Manager' under Settings > Technical > Scheduled Actions.",
        )
    elif queue.cron_next is not None and now - queue.cron_next > CRON_GRACE:
        result.fail(
            "queue",
            f"{counts}; the cron was due at {queue.cron_next:%Y-%m-%d %H:%M} UTC and did not run",
            "The server may run without cron threads (max_cron_threads, ODOO_CRON_THREADS).",
        )
    elif queue.oldest is not None and now - queue.oldest > OLDEST_MAIL:
        result.fail(
            "queue",
            f"{counts}; the oldest waits since {queue.oldest:%Y-%m-%d %H:%M} UTC",
            "Look under Settings > Technical > Email > Emails, and at the instance's log.",
        )
    elif queue.failed:
        result.fail(
            "queue",
            counts,
            "Look at Settings > Technical > Email > Emails, filter Failed: retry or remove them.",
        )
    else:
        result.add("queue", f"{counts}; the cron is active")
