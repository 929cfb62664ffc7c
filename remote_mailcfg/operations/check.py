"""Walk the guide *Outgoing email configuration* on one instance and report every step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from remote_mailcfg.audit.engine import examine
from remote_mailcfg.audit.rules import find_rule
from remote_mailcfg.errors import OdooError, RemoteMailcfgError
from remote_mailcfg.instance.developer_mode import has_menu, mode_of, switch_debug
from remote_mailcfg.instance.evidence import fetch_evidence
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import fetch_capabilities, fetch_servers
from remote_mailcfg.instance.modules import has_openspp
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.finding import Finding
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.routing import default_server
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.audit_instance import add_tests
from remote_mailcfg.operations.entry import enter_instance
from remote_mailcfg.operations.prove_servers import testable
from remote_mailcfg.operations.web_login import borrowed_session
from remote_mailcfg.rpc.connection import fetch_version
from remote_mailcfg.rpc.http import HttpClient
from remote_mailcfg.store.sessions import load_session

StepName = Literal[
    "reach", "version", "login", "role", "developer-mode", "menu", "servers", "test", "queue"
]

UNREACHED: Final = frozenset({"unreachable", "timeout", "tls-failed"})

#: The rules of the audit that decide a step, so that the two never disagree.
RULES: Final[Mapping[StepName, tuple[str, ...]]] = {
    "servers": ("no-active-server", "neutralized-without-server"),
    "test": ("test-failed",),
    "queue": ("queue-cron-off", "queue-cron-late", "mails-wait", "mails-failed"),
}


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
    with result.taking("role"):
        fetch_servers(instance, fetch_capabilities(instance))
        result.add("role", "may read and write mail servers (System Admin)")
    if not result.steps[-1].ok:
        return
    with suppress(OdooError):
        result.openspp = has_openspp(instance)
    with result.taking("developer-mode"):
        _look_at_developer_mode(result, instance, progress)
    progress.working(f"{instance.target.name}: looking")
    with result.taking("servers"):
        evidence = fetch_evidence(instance)
        _look_at_servers(result, instance, evidence, progress)
        _look_at_queue(result, evidence)


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
    with borrowed_session(target, instance) as session:
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
    result: CheckResult, instance: Instance, evidence: Evidence, progress: Progress
) -> None:
    """Judge the servers, and test the active ones."""
    servers = evidence.records
    active = testable(servers)
    archived = sum(not server.active for server in servers)
    default = default_server(servers)
    first = f"; the default is {default.id} '{default.name}'" if default else ""
    copy = "neutralized copy: " if evidence.is_neutralized else ""
    _judge(result, "servers", evidence, f"{copy}{len(active)} active, {archived} archived{first}")
    if not active:
        result.skip("test", "not tried: there is no active mail server")
        return
    with result.taking("test"):
        tested = add_tests(instance, evidence, progress)
        passed = sum(test.ok for test in tested.tests)
        detail = f"{passed} of {len(tested.tests)} passed"
        if evidence.is_neutralized and passed < len(tested.tests):
            detail += "; the server of `odoo-bin neutralize` is meant to fail"
        _judge(result, "test", tested, detail)


def _look_at_queue(result: CheckResult, evidence: Evidence) -> None:
    """Judge the queue: an action that is off or late, mails that wait too long or failed."""
    counts = evidence.queue.counts
    detail = f"{counts.get('outgoing', 0)} waiting, {counts.get('exception', 0)} failed"
    if evidence.is_neutralized:
        detail += "; neutralized copy: no mail is to leave it"
    _judge(result, "queue", evidence, detail)


def _judge(result: CheckResult, step: StepName, evidence: Evidence, detail: str) -> None:
    """Let the rules of the audit say whether a step is ok."""
    examination = examine(evidence, [find_rule(rule) for rule in RULES[step]])
    if examination.findings:
        problems = [_describe(finding) for finding in examination.findings]
        result.fail(step, "\n".join((detail, *problems)), examination.findings[0].remedy)
    elif examination.skipped:
        result.skip(step, f"not known: {examination.skipped[0].because}")
    else:
        result.add(step, detail)


def _describe(finding: Finding) -> str:
    about = f"{finding.server_id} '{finding.server_name}': " if finding.server_id else ""
    return about + finding.message
