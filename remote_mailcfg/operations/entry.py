"""How every operation enters an instance."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.instance.instance import Instance, open_instance
from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.web_login import remove_leftover_freeze
from remote_mailcfg.store.locks import changing_instance
from remote_mailcfg.store.runs import JournaledRun, load_runs


@contextmanager
def enter_instance(target: Target, progress: Progress) -> Iterator[Instance]:
    """Log in to read, and say where a run of ours was killed on the way."""
    with _logged_in(target, progress, changing=False) as instance:
        for run in _readable_runs(progress, target):
            if run.state == "cut off":
                progress.note(
                    f"{target.name}: run {run.name} ({run.command}) was cut off; the next change"
                    " here puts right what it left, `remote-mailcfg runs show` tells what it was at"
                )
            elif run.damage:
                progress.note(
                    f"{target.name}: {run.defect}: what run {run.name} left is not known, and"
                    " changes are refused here"
                )
        yield instance


@contextmanager
def enter_to_change(target: Target, progress: Progress) -> Iterator[Instance]:
    """Log in to change something; raises `busy` where another run on this machine does so."""
    with changing_instance(target), _logged_in(target, progress, changing=True) as instance:
        found = instance.target
        is_same = (found.url, found.database) == (target.url, target.database)
        with nullcontext() if is_same else changing_instance(found):  # it may be named there
            yield instance


def _readable_runs(progress: Progress, target: Target) -> tuple[JournaledRun, ...]:
    """Return the runs on an instance; says what cannot be read, which only a change needs."""
    try:
        return load_runs(target)
    except RemoteMailcfgError as error:
        if error.code != "state-damaged":
            raise
        progress.note(f"{target.name}: {error.message}; changes are refused here")
        return ()


@contextmanager
def _logged_in(target: Target, progress: Progress, *, changing: bool) -> Iterator[Instance]:
    """Log in, and first put right what a killed login of ours left behind."""
    progress.working(f"{target.name}: connecting")
    with open_instance(target) as instance:
        try:
            if remove_leftover_freeze(instance):
                progress.note(
                    f"{target.name}: removed web.base.url.freeze, left by a login that was cut off"
                )
        except RemoteMailcfgError as error:
            if changing or error.code != "state-damaged":
                raise
            progress.note(f"{target.name}: {error.message}; changes are refused here")
        yield instance
