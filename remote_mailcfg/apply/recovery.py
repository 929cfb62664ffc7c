"""Put right what a killed run left: candidates away; what was switched is verified and kept.

What the journal does not know the end of is looked at on the instance. A run that was killed while
it put something back is put back to the end.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from remote_mailcfg.apply.proof import run_test
from remote_mailcfg.apply.run import Outcome, Run, Work
from remote_mailcfg.apply.switch import put_back
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.instance.external_ids import mark_server, unmark_server
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import fetch_births, fetch_servers, unlink_servers
from remote_mailcfg.instance.server_actions import remove_leftover_actions
from remote_mailcfg.instance.times import parse_time
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.mail_server import CANDIDATE_PREFIX, MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.values import Value
from remote_mailcfg.plan.change import Change
from remote_mailcfg.store.journal import Journal
from remote_mailcfg.store.runs import JournaledChange, JournaledRun, load_runs

#: A candidate of another machine is a run of another operator for so long.
OTHERS_RUN: Final = timedelta(minutes=10)


def recover(
    instance: Instance, capabilities: Capabilities, progress: Progress, cut_off: JournaledRun
) -> None:
    """Put right what a run left and give its journal an end; tells what became of each change."""
    name = instance.target.name
    run = Run(
        instance=instance,
        capabilities=capabilities,
        progress=progress,
        name=cut_off.name,
        test=cut_off.test,
        keeps_backups=True,
        journal=Journal(instance.target, cut_off.name),
    )
    remove_leftover_actions(instance, run.name)
    outcomes: list[Outcome] = []
    failure: RemoteMailcfgError | None = None
    for number, change in enumerate(cut_off.changes):
        try:
            outcome = _recover_change(run, number, change)
        except RemoteMailcfgError as error:
            failure, outcome = failure or error, "failed"
        outcomes.append(outcome)
        told = "verified and kept" if outcome == "done" else "undone"
        progress.note(f"{name}: run {run.name} was cut off: {change.action} '{change.name}' {told}")
    if failure is not None:
        raise failure
    run.remove_own(backups="done" not in outcomes)
    run.journal.end("done" if set(outcomes) == {"done"} else "failed", tuple(outcomes))


def _recover_change(run: Run, number: int, change: JournaledChange) -> Outcome:
    server_id = change.server_id
    found = None
    if server_id is not None:
        found = next(iter(fetch_servers(run.instance, run.capabilities, ids=[server_id])), None)
    if change.action == "delete":
        return "undone" if found else "done"
    if found is None or found.ours == "candidate":
        return "undone"  # a candidate that is left is removed in the end
    if change.before is None:
        return _recover_new(run, change, found)
    return _recover_live(run, number, change, change.before, found)


def _recover_new(run: Run, change: JournaledChange, found: MailServerRecord) -> Outcome:
    """Keep a server that was switched on, unless it was about to be removed again."""
    if "put-back" in change.steps or not _holds_all(found, change):
        unlink_servers(run.instance, (found.id,))
        return "undone"
    _mark(run, change, found)
    return "done"


def _recover_live(
    run: Run,
    number: int,
    change: JournaledChange,
    before: MailServerRecord,
    found: MailServerRecord,
) -> Outcome:
    state = change.steps.get("switch")
    if state is None and "put-back" not in change.steps:
        written = not (change.values or change.secrets) and "mark" in change.steps
        if written:
            _mark(run, change, found)
        return "done" if written else "undone"
    if change.steps.get("put-back") == "done":
        return "undone"
    work = _work_of(number, change, before)
    switched = state == "done" or bool(change.values and _holds_all(found, change))
    if "put-back" in change.steps or not switched or not _is_proved(run, work, change):
        failed = RemoteMailcfgError("not-verified", f"run {run.name} was cut off")
        put_back(run, work, before, failed)
        if run.open_ended:
            raise failed
        return "undone"
    _mark(run, change, found)
    return "done"


def _is_proved(run: Run, work: Work, change: JournaledChange) -> bool:
    """Tell whether a change that could only be proved in its place was; prove it now if not."""
    again = work.change
    needed = run.test and again.in_place and again.needs_proof and again.changes_connection
    if not needed or change.steps.get("test") == "done":
        return True
    with suppress(RemoteMailcfgError):
        run_test(run, work, again.after, outcome="the old values are put back")
        return True
    return False


def _work_of(number: int, change: JournaledChange, before: MailServerRecord) -> Work:
    """Return the change under way again; its secrets are known to be set or not, no more."""
    cleared: dict[str, Value] = {
        field: "" for field, is_set in change.secrets.items() if not is_set
    }
    restored = frozenset(field for field, is_set in change.secrets.items() if is_set)
    again = Change(
        action="update",
        before=before,
        values={**change.values, **cleared},
        key=change.key,
        unmarks=change.unmarks,
        restored=restored,
    )
    marked = "mark" in change.steps and not change.unmarks
    return Work(number, again, backup=change.ids.get("backup"), marked=marked)


def _holds_all(found: MailServerRecord, change: JournaledChange) -> bool:
    """Tell whether a record has all the plain values that the change writes."""
    values = {"active": True, **change.values} if change.before is None else change.values
    return all(getattr(found, name, it) == it for name, it in values.items())


def _mark(run: Run, change: JournaledChange, found: MailServerRecord) -> None:
    if change.key is not None and change.unmarks:
        unmark_server(run.instance, change.key)
    elif change.key is not None:
        mark_server(run.instance, change.key, found.id)


def remove_left_candidates(
    instance: Instance,
    capabilities: Capabilities,
    progress: Progress,
    servers: Sequence[MailServerRecord],
) -> tuple[MailServerRecord, ...]:
    """Return the servers without the candidates that runs left.

    Whoever changes an instance holds its lock, so that no run of this machine is at work. Raises
    `stale-plan` where a candidate of another machine is so young that its run may be.
    """
    candidates = [server for server in servers if server.ours == "candidate"]
    own = {run.name for run in load_runs(instance.target, changing=True)} if candidates else set()
    young = [it for it in candidates if _run_of(it) not in own and _is_young(instance, it)]
    if young:
        raise RemoteMailcfgError(
            "stale-plan",
            f"another operator's run is at work here: {', '.join(_told(young))}",
            "Wait until it has ended, then plan again; a candidate older than 10 minutes is taken"
            " for left behind.",
        )
    if candidates:
        unlink_servers(instance, [server.id for server in candidates])
        name = instance.target.name
        progress.note(f"{name}: removed what a run left behind: {', '.join(_told(candidates))}")
        return fetch_servers(instance, capabilities)
    return tuple(servers)


def _told(servers: Sequence[MailServerRecord]) -> Iterator[str]:
    return (f"mail server {server.id} '{server.name}'" for server in servers)


def _run_of(candidate: MailServerRecord) -> str:
    return candidate.name.removeprefix(CANDIDATE_PREFIX).partition(": ")[0]


def _is_young(instance: Instance, candidate: MailServerRecord) -> bool:
    """Tell by its name when a candidate was made; by Odoo's clock where the name is no help.

    A name with a time to come was given by a clock that goes wrong.
    """
    now = datetime.now(UTC)
    stamp = candidate.name.removeprefix(CANDIDATE_PREFIX)[:16]
    with suppress(ValueError):
        made = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if made <= now:
            return now - made < OTHERS_RUN
    born = fetch_births(instance, (candidate.id,)).get(candidate.id)
    return born is not None and now - parse_time(born) < OTHERS_RUN
