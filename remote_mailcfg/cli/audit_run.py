"""What an audit makes of all its instances: waivers, history, reports, and who is told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from remote_mailcfg.audit.profile import grade
from remote_mailcfg.audit.rule import Rule
from remote_mailcfg.audit.waivers import tell_unused
from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.fleet.worker import Operation
from remote_mailcfg.model.evidence import Evidence
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import Severity
from remote_mailcfg.model.profile import Profile
from remote_mailcfg.model.target import TagUse, Target
from remote_mailcfg.model.waiver import Waiver
from remote_mailcfg.operations.audit_instance import Audit
from remote_mailcfg.operations.keep_audit import keep_audit
from remote_mailcfg.operations.notify import Notifier
from remote_mailcfg.report.audit import AUDIT
from remote_mailcfg.report.audit_report import AuditReport, Counted
from remote_mailcfg.report.envelope import contain, render_outcome
from remote_mailcfg.report.notice import make_notice
from remote_mailcfg.report.page_data import MOST_RUNS
from remote_mailcfg.report.report_file import (
    ReportFile,
    render_report,
    write_report,
)
from remote_mailcfg.report.table import make_error
from remote_mailcfg.store.audits import load_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRun:
    """One run of the audit over the chosen instances, begun at `at` (aware).

    `rules` are those that look. `only_new` shows what did not stand before. `notifier` is told what
    is new and at least as bad as `fail_on`.
    """

    operation: Operation[Audit]
    at: datetime
    fail_on: Severity
    waivers: tuple[Waiver, ...]
    tag_uses: tuple[TagUse, ...]
    profile: Profile
    rules: tuple[Rule[Evidence], ...]
    only_new: bool
    reports: tuple[ReportFile, ...]
    notifier: Notifier | None

    def finish(
        self, outcomes: Sequence[Outcome[Audit]], everybody: Sequence[Target], terminal: Terminal
    ) -> Sequence[Outcome[Audit]]:
        """Judge the waivers, keep the run, tell what is new, report; return what is to be shown."""
        # what cannot be rendered must not stop the history and the reports of the others
        outcomes = [contain(it, partial(render_outcome, view=AUDIT)) for it in outcomes]
        fleet = {target.name: target.tags for target in everybody}
        run = self._examined(outcomes, fleet, self.at.date())
        kept = keep_audit(run, at=self.at)
        outcomes = [
            Outcome(it.target, crash=crash) if (crash := kept.crashes.get(it.target.name)) else it
            for it in outcomes
        ]
        if kept.problem:
            terminal.problem(make_error("", kept.problem))
        self._tell(run, kept.standing, terminal)
        before = kept.standing if self.only_new else ()
        finished = [
            replace(outcome, result=replace(outcome.result, examined=it).only_new(before))
            if outcome.result
            else outcome
            for outcome, it in zip(outcomes, run, strict=True)
        ]
        report = AuditReport(
            at=self.at,
            rules=self.rules,
            outcomes=finished,
            since=kept.standing,
            history=self._history(run, terminal),
        )
        for wanted in self.reports:
            try:
                if wanted.is_printed:
                    terminal.done()
                    report, text = render_report(report, wanted)
                    terminal.take(text)
                else:
                    report = write_report(report, wanted)
            except RemoteMailcfgError as error:
                terminal.fail(make_error("", error))
        return report.outcomes

    def _examined(
        self,
        outcomes: Iterable[Outcome[Audit]],
        fleet: Mapping[str, tuple[str, ...]],
        today: date,
    ) -> list[Examined]:
        run = [_examined(outcome) for outcome in outcomes]
        told = tell_unused(run, self.waivers, fleet=fleet, today=today)
        return [
            replace(it, examination=grade(it.examination, self.profile)) if it.examination else it
            for it in told
        ]

    def _history(
        self, run: Sequence[Examined], terminal: Terminal
    ) -> Mapping[str, Sequence[Counted]]:
        """Return what the instances counted before, for the report that shows it."""
        if not any(wanted.form == "html" for wanted in self.reports):
            return {}
        try:
            counts = load_counts((it.instance for it in run), limit=MOST_RUNS)
        except RemoteMailcfgError as error:
            terminal.problem(make_error("", error))
            return {}
        return {
            name: [Counted(at=at, findings=found) for at, found in counted]
            for name, counted in counts.items()
        }

    def _tell(
        self, run: Sequence[Examined], standing: Mapping[str, datetime], terminal: Terminal
    ) -> None:
        """Send a notice where there is something new; what goes wrong is said, and no more."""
        if self.notifier is None:
            return
        notice = make_notice(run, known=standing, threshold=self.fail_on)
        if notice is None:
            return
        try:
            self.notifier.send(notice)
        except RemoteMailcfgError as error:
            terminal.problem(make_error("", error))


def _examined(outcome: Outcome[Audit]) -> Examined:
    """Return what a run knows of an instance, also where it could not be examined."""
    if outcome.result is not None:
        return outcome.result.examined
    target = outcome.target
    return Examined(
        instance=target.name,
        url=target.url,
        database=target.database,
        tags=target.tags,
        error=outcome.error.code if outcome.error else "crashed",
    )
