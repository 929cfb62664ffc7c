"""Shows the outcomes of a command in the format that was asked for."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from remote_mailcfg.cli.terminal import Terminal
from remote_mailcfg.config.entry import Entry
from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.files import NewFile
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.report.envelope import (
    contain,
    dump_json,
    failure_of,
    render_envelope,
    render_outcome,
    render_refusal,
)
from remote_mailcfg.report.fleet import make_failures, make_results, make_rows, make_summary
from remote_mailcfg.report.table import make_error
from remote_mailcfg.report.view import View

T = TypeVar("T")


class Output(StrEnum):
    """The formats of a result."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"


@dataclass(frozen=True, slots=True)
class Show(Generic[T]):
    """What one command shows: results on stdout, what is wrong with them on stderr."""

    words: str
    view: View[T]
    output: Output
    terminal: Terminal
    save_to: NewFile | None = None
    #: What chooses the same instances again for the command that undoes this one.
    selected: tuple[str, ...] = ()

    def contained(self, outcome: Outcome[T]) -> Outcome[T]:
        """Return the outcome, or a crash of its instance where it cannot be shown."""
        return contain(outcome, self._render)

    def _render(self, outcome: Outcome[T]) -> object:
        if self.output in {Output.json, Output.jsonl}:
            return dump_json(render_outcome(outcome, self.view), indent=None)
        if self.output is Output.csv:
            return list(make_rows([outcome], self.view))
        if self.view.merged:
            return self.view.merged([outcome]) if outcome.result is not None else None
        return list(make_results([outcome], self.view)), failure_of(outcome, self.view)

    def streamed(self, outcome: Outcome[T]) -> None:
        """Show an outcome as soon as it is there, where the format is one line each."""
        if self.output is Output.jsonl:
            self.terminal.json(render_outcome(outcome, self.view), indent=None)

    def all(self, outcomes: Sequence[Outcome[T]]) -> None:
        """Show all outcomes in the order of the instances."""
        self.terminal.done()
        if self.output is Output.json:
            results = [render_outcome(outcome, self.view) for outcome in outcomes]
            self.terminal.json(render_envelope(self.words, results))
        elif self.output is Output.csv:
            self.terminal.csv(("instance", *self.view.columns), make_rows(outcomes, self.view))
        elif self.terminal.is_taken:
            pass  # a report stands in place of the table
        elif self.output is Output.table and self.view.merged:
            self._merged([it for it in outcomes if it.result is not None])
        elif self.output is Output.table:
            self._results(outcomes)
        self._problems(outcomes)

    def interrupted(
        self,
        entries: Sequence[Entry],
        outcomes: Sequence[Outcome[T] | None],
        left: Mapping[str, str],
    ) -> None:
        """Show what is known when the user breaks off; the rest is `interrupted`.

        `left` is what instances said of what they leave, by name.
        """
        known = [
            outcome or Outcome(entry.target, error=_interruption(left.get(entry.target.name)))
            for entry, outcome in zip(entries, outcomes, strict=True)
        ]
        saves = self.save_to is not None and self.output is Output.table
        if saves:  # not half of the instances
            self.terminal.done()
        elif len(known) > 1 or self.output is Output.json:
            self.all(known)
        else:
            self.terminal.done()
        self.terminal.problem("interrupted")

    def usage_error(self, error: RemoteMailcfgError) -> None:
        """Show an error for which no instance was asked anything."""
        self.terminal.problem(make_error("", error))
        result = render_refusal(error)
        if self.output is Output.json:
            self.terminal.json(render_envelope(self.words, [result]))
        elif self.output is Output.jsonl:
            self.terminal.json(result, indent=None)

    def _merged(self, outcomes: Sequence[Outcome[T]]) -> None:
        """Save the text that stands for all results, or print it as it is."""
        if not outcomes or self.view.merged is None:
            return
        text = self.view.merged(outcomes)
        if self.save_to is None:
            sys.stdout.write(text)
            return
        try:
            self.save_to.write(text)
        except RemoteMailcfgError as error:
            self.terminal.fail(make_error("", error))
        else:
            self.terminal.note(f"{self.save_to.path} is written.")

    def _results(self, outcomes: Sequence[Outcome[T]]) -> None:
        """Show results to people; a quiet command leaves out those with which all is well."""
        shown = [it for it in outcomes if not self.terminal.quiet or self._matters(it)]
        if len(outcomes) > 1 and self.view.together:
            self.terminal.result(self.view.together(shown))
        elif len(outcomes) > 1:
            for text in make_results(shown, self.view):
                self.terminal.result(text)
        elif shown and shown[0].result is not None:
            self.terminal.result(self.view.text(shown[0].result))
        self._undo(shown)

    def _undo(self, outcomes: Sequence[Outcome[T]]) -> None:
        """Show once what undoes the run, as a line for the shell."""
        undo = self.view.undo
        runs = [undo(it.result) for it in outcomes if it.result is not None] if undo else []
        for run in dict.fromkeys(run for run in runs if run):
            command = shlex.join(["remote-mailcfg", "rollback", run, *self.selected])
            self.terminal.line(f"Undo with: {command}")

    def _matters(self, outcome: Outcome[T]) -> bool:
        """Tell whether a result is bad or something is to be done."""
        view, result = self.view, outcome.result
        if failure_of(outcome, view) is not None:
            return True
        return view.differs is not None and result is not None and view.differs(result)

    def _problems(self, outcomes: Sequence[Outcome[T]]) -> None:
        for text in make_failures(outcomes, self.view):
            self.terminal.problem(text)
        for crash in dict.fromkeys(it.crash for it in outcomes if it.crash is not None):
            self.terminal.problem(crash)
        if len(outcomes) > 1:
            self.terminal.note(make_summary(outcomes, self.view))


def _interruption(left: str | None) -> RemoteMailcfgError:
    """Return the error of an instance that did not finish, with what it said that it leaves."""
    return RemoteMailcfgError(
        "interrupted",
        "not finished: the run was interrupted",
        left or "It had a moment to clean up. Before you repeat a change, look with `server list`.",
    )
