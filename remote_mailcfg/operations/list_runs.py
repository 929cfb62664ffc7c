"""List the runs of this machine on an instance, from the journal; the instance is not asked."""

from dataclasses import dataclass

from remote_mailcfg.model.progress import Progress
from remote_mailcfg.model.target import Target
from remote_mailcfg.store.runs import JournaledRun, find_run, load_runs


@dataclass(frozen=True, slots=True)
class RunList:
    """Runs on one instance, the latest first."""

    runs: tuple[JournaledRun, ...]


def list_runs(target: Target, progress: Progress) -> RunList:
    """Return all runs on an instance."""
    progress.working(f"{target.name}: reading the journal")
    return _told(target, progress, load_runs(target))


def show_run(target: Target, progress: Progress, *, name: str) -> RunList:
    """Return one run on an instance; raises `not-found`."""
    progress.working(f"{target.name}: reading the journal")
    return _told(target, progress, (find_run(target, name),))


def _told(target: Target, progress: Progress, runs: tuple[JournaledRun, ...]) -> RunList:
    """Return the runs, and name the journals that cannot be read, wholly or in part."""
    for run in runs:
        if run.defect:
            progress.note(f"{target.name}: run {run.name}: {run.defect}")
    return RunList(runs)
