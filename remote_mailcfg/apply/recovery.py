"""Put right what a killed run left: look first, and leave what somebody else wrote since.

What is on the instance is compared with what the run found and what it wanted:

- as it was found: nothing of the run is there; its candidates and backups are removed;
- as it was wanted: it is kept if it is proved, now at the latest. A run that was putting it back
  goes on with that;
- neither: somebody else wrote it since. It is left, and who wrote it is told.

Connection values are written back only when the instance proved them. Where neither what stands nor
what was passes its test, what stands is left.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from remote_mailcfg.apply.proof import prove, run_test
from remote_mailcfg.apply.run import Outcome, Run, Work, reason
from remote_mailcfg.apply.switch import put_back, write_fields
from remote_mailcfg.apply.verify import check_gone, check_written
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.instance.external_ids import fetch_managed, mark_server, unmark_server
from remote_mailcfg.instance.instance import Instance
from remote_mailcfg.instance.mail_servers import (
    LastWrite,
    fetch_births,
    fetch_last_writes,
    fetch_servers,
    unlink_servers,
)
from remote_mailcfg.instance.server_actions import remove_leftover_actions
from remote_mailcfg.instance.times import parse_time
from remote_mailcfg.model.capabilities import Capabilities
from remote_mailcfg.model.mail_server import CANDIDATE_PREFIX, MailServerRecord
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.values import TOKEN_AUTHENTICATIONS, Value
from remote_mailcfg.plan.change import PROVED_FIELDS, SECRET_FIELDS, Change
from remote_mailcfg.store.journal import Journal
from remote_mailcfg.store.runs import JournaledChange, JournaledRun, load_runs

#: A candidate of another machine is a run of another operator for so long.
OTHERS_RUN: Final = timedelta(minutes=10)

#: The number that recovery's own proofs are noted under: they are no steps of a change.
RECOVERY: Final = -1

#: What a record is like: as the run found it, as it wanted it, some fields so and some so, neither,
#: or what cannot be told.
Likeness = Literal["found", "wanted", "mixed", "neither", "unknown"]

TOLD: Final = {
    "done": "verified and kept",
    "undone": "undone",
    "superseded": "left as it is",
    "failed": "could not be put right",
}


def recover(
    instance: Instance, capabilities: Capabilities, progress: Progress, cut_off: JournaledRun
) -> None:
    """Put right what a run left and give its journal an end; tells what became of each change."""
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
    outcomes: list[Outcome] = ["failed"] * len(cut_off.changes)
    failure: RemoteMailcfgError | None = None
    for number, change in reversed(list(enumerate(cut_off.changes))):
        try:
            outcomes[number] = _recover_change(run, number, change)
        except BaseException as error:
            _tell(run, change, f"{TOLD['failed']} ({reason(error)}); the next change tries again")
            if not isinstance(error, RemoteMailcfgError):
                raise
            failure = failure or error
        else:
            _tell(run, change, TOLD[outcomes[number]])
            backup = change.ids.get("backup")
            if outcomes[number] == "done" and backup is not None:
                run.kept |= {backup}
    if run.unexpected is not None:
        raise run.unexpected
    if failure is not None:
        raise failure
    run.remove_own(backups=True)
    run.journal.end(_state(outcomes), tuple(outcomes))


def _state(outcomes: Sequence[Outcome]) -> str:
    if "superseded" in outcomes:
        return "superseded"
    return "done" if set(outcomes) == {"done"} else "failed"


def _tell(run: Run, change: JournaledChange, what: str) -> None:
    run.progress.note(
        f"{run.instance.target.name}: run {run.name} was cut off: {change.action}"
        f" '{change.name}' {what}"
    )


def _recover_change(run: Run, number: int, change: JournaledChange) -> Outcome:
    found = None
    if change.server_id is not None:
        ids = [change.server_id]
        found = next(iter(fetch_servers(run.instance, run.capabilities, ids=ids)), None)
    if found is None:
        return _recover_removed(run, change)
    if change.action == "delete":
        return "undone"
    if change.before is None:
        return _recover_new(run, number, change, found)
    return _recover_live(run, number, change, change.before, found)


def _recover_removed(run: Run, change: JournaledChange) -> Outcome:
    """Tell what became of a change whose record is not there."""
    if change.action == "delete" and "unlink" in change.steps:
        return "done"
    if change.before is None:
        was_there = change.steps.get("switch") == "done" and "put-back" not in change.steps
    else:
        was_there = change.action == "delete" or _is_begun(change)
    if not was_there:
        return "undone"
    _tell(run, change, f"mail server {change.server_id} was removed by somebody else since")
    return "superseded"


def _is_begun(change: JournaledChange) -> bool:
    """Tell whether the live record may have been written."""
    return not change.steps.keys().isdisjoint({"switch", "put-back"})


def _recover_new(
    run: Run, number: int, change: JournaledChange, found: MailServerRecord
) -> Outcome:
    """Keep a server that was switched on, unless it was about to be removed again."""
    if found.ours == "candidate":
        return "undone"  # it is removed in the end
    born = replace(found, active=False, name="")  # a candidate until the switch
    again = Change(
        action="create", before=None, values={"active": True, **change.values}, key=change.key
    )
    if _compare(change, born, found, again.values) != "wanted":
        return _leave(run, change, found)
    work = Work(number, again, candidate=found.id)
    if "put-back" not in change.steps and _is_proved(run, change, work, found):
        _mark(run, change, found)
        return "done"
    with run.journal.step(number, "put-back"):
        unlink_servers(run.instance, (found.id,))
        check_gone(run.instance, run.capabilities, found.id)
    return "undone"


def _recover_live(
    run: Run,
    number: int,
    change: JournaledChange,
    before: MailServerRecord,
    found: MailServerRecord,
) -> Outcome:
    if not (change.values or change.secrets):
        return _recover_mark(run, change, found)
    if change.steps.get("put-back") == "done" or not _is_begun(change):
        return "undone"
    likeness = _compare(change, before, found, change.values)
    if likeness in {"unknown", "mixed"}:
        likeness = _by_last_write(run, change, found)
    if likeness == "neither":
        return _leave(run, change, found)
    if likeness == "found":
        return _unmark(run, change, found)
    work = _work_of(run, number, change, before)
    if "put-back" not in change.steps and _is_proved(run, change, work, found):
        _mark(run, change, found)
        return "done"
    return _put_back_proved(run, change, work, before, found)


def _compare(
    change: JournaledChange,
    before: MailServerRecord,
    found: MailServerRecord,
    wanted: Mapping[str, Any],
) -> Likeness:
    """Compare a record with what a run found and wanted, by the fields that it writes.

    Of a secret only that it is set can be read; of one that is restored from a backup not even what
    it is to be.
    """
    fields = {name: it for name, it in wanted.items() if hasattr(found, name)}
    if change.backup is None:
        fields |= {_readable(name): is_set for name, is_set in change.secrets.items()}
    now = {name: getattr(found, name) for name in fields}
    was = {name: getattr(before, name) for name in fields}
    changing = [name for name in fields if was[name] != fields[name]]
    if not changing:
        return "unknown" if now == was else "neither"
    if all(now[name] == was[name] for name in changing):
        return "found"
    if now == fields:
        return "wanted"
    return "mixed" if all(now[name] in {was[name], fields[name]} for name in fields) else "neither"


def _readable(secret: str) -> str:
    return "has_password" if secret == "smtp_pass" else secret  # noqa: S105 - names of fields


def _by_last_write(run: Run, change: JournaledChange, found: MailServerRecord) -> Likeness:
    """Decide by who last wrote a record, and when, what its fields cannot tell.

    The backup was made just before the switch, by the same user and Odoo's own clock. Where the run
    itself wrote last, the record is `wanted`, in part at least.
    """
    now = fetch_last_writes(run.instance, (found.id,)).get(found.id)
    if change.last_write is None or now is None:
        return "neither"
    if [now.user_id, now.at] == change.last_write["found"]:
        return "found"
    user_id, at = change.last_write["own"]
    since = parse_time(now.at) - parse_time(at)
    is_own = now.user_id == user_id and timedelta(0) <= since < OTHERS_RUN
    return "wanted" if is_own else "neither"


def _leave(run: Run, change: JournaledChange, found: MailServerRecord) -> Outcome:
    """Tell that a record is neither as the run found it nor as it wanted it, and by whom."""
    write = fetch_last_writes(run.instance, (found.id,)).get(found.id, LastWrite(0, "?", "?"))
    _tell(
        run,
        change,
        f"mail server {found.id} '{found.name}' is not as the run found or wanted it: last written"
        f" {write}",
    )
    return "superseded"


def _is_proved(run: Run, change: JournaledChange, work: Work, found: MailServerRecord) -> bool:
    """Tell whether what stands is proved; prove it now if not."""
    again = work.change
    if not (run.test and again.needs_proof):
        return True
    same = all(getattr(found, it, None) == getattr(again.after, it, None) for it in PROVED_FIELDS)
    if change.steps.get("test") == "done" and same:
        return True
    return _failed_test(run, found) is None


def _failed_test(run: Run, server: MailServerRecord) -> RemoteMailcfgError | None:
    """Let the instance test a record as it stands; return how that failed."""
    work = Work(RECOVERY, Change(action="update", before=server, values={}))
    try:
        run_test(run, work, server, outcome="as it stands")
    except RemoteMailcfgError as error:
        if error.code != "test-failed":
            raise
        return error
    return None


def _put_back_proved(
    run: Run,
    change: JournaledChange,
    work: Work,
    before: MailServerRecord,
    found: MailServerRecord,
) -> Outcome:
    """Write back what the run found if that passes its test; else leave what stands.

    The token of Gmail or Outlook does not copy, so that those are tested once they are written.
    """
    has_token = before.smtp_authentication in TOKEN_AUTHENTICATIONS
    if has_token and work.change.restored:
        return _leave_standing(run, change, found, "they cannot be tested on a copy")
    if not has_token:
        try:
            servers = fetch_servers(run.instance, run.capabilities)
            again = replace(run, test=True, taken={server.id for server in servers})
            prove(again, Work(RECOVERY, _old(work, before, found)))
        except RemoteMailcfgError as error:
            if error.code != "test-failed":
                raise
            return _leave_standing(run, change, found, error.message)
    failed = RemoteMailcfgError("not-verified", f"run {run.name} was cut off")
    if not put_back(run, work, before, failed):
        raise failed
    if has_token and work.change.changes_connection and (old := _failed_test(run, before)):
        write_fields(run, work, before)
        check_written(run.instance, run.capabilities, found.id, work.change.values)
        return _leave_standing(run, change, found, old.message)
    return "undone"


def _leave_standing(
    run: Run, change: JournaledChange, found: MailServerRecord, old: str
) -> Outcome:
    """Tell that what was there before does not pass its test, and whether what stands does."""
    error = _failed_test(run, found)
    stands = f"fails, too: look at it now ({error.message})" if error else "passes its test"
    _tell(run, change, f"its old values do not pass their test ({old}). What stands {stands}")
    _mark(run, change, found)
    return "done"


def _old(work: Work, before: MailServerRecord, found: MailServerRecord) -> Change:
    """Return the change that writes back what the run found."""
    fields = work.change.fields
    plain = {name: it for name, it in asdict(before).items() if name in fields - SECRET_FIELDS}
    restored = fields & SECRET_FIELDS if work.backup is not None else frozenset[str]()
    return Change(
        action="update", before=found, values=plain, backup=work.backup, restored=restored
    )


def _work_of(run: Run, number: int, change: JournaledChange, before: MailServerRecord) -> Work:
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
    backup = change.ids.get("backup")
    return Work(number, again, backup=backup, marked=_is_marked(run, change, before))


def _is_marked(run: Run, change: JournaledChange, server: MailServerRecord) -> bool:
    """Tell whether a record has the mark that a change gives it, now."""
    if change.key is None or change.unmarks or "mark" not in change.steps:
        return False
    return fetch_managed(run.instance).get(change.key) == server.id


def _recover_mark(run: Run, change: JournaledChange, found: MailServerRecord) -> Outcome:
    """Finish a change that is a mark alone, or take it away again."""
    if "mark" not in change.steps or "put-back" in change.steps:
        return _unmark(run, change, found)
    return "done" if _mark(run, change, found) else "superseded"


def _unmark(run: Run, change: JournaledChange, found: MailServerRecord) -> Outcome:
    if change.key is not None and _is_marked(run, change, found):
        unmark_server(run.instance, change.key)
    return "undone"


def _mark(run: Run, change: JournaledChange, found: MailServerRecord) -> bool:
    """Finish the mark of a change that is kept; False where somebody moved it since."""
    if change.key is None:
        return True
    marked = fetch_managed(run.instance).get(change.key)
    if change.unmarks:
        if marked == found.id:
            unmark_server(run.instance, change.key)
    elif marked is None and change.steps.get("mark") != "done":
        mark_server(run.instance, change.key, found.id)
    elif marked != found.id:
        _tell(run, change, f"its mark '{change.key}' was moved or removed since, and is left")
        return False
    return True


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
