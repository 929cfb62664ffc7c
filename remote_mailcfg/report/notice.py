"""A run of the audit as a notice to somebody, where there is something new to tell."""

from collections.abc import Container, Sequence
from typing import Final

from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import SEVERITIES, Finding, Severity, is_at_least
from remote_mailcfg.operations.notify import Notice
from remote_mailcfg.report.table import plain

#: So many findings, and so many instances, are named; of the others their number.
MOST_LINES: Final = 20


def make_notice(
    run: Sequence[Examined], *, known: Container[str], threshold: Severity
) -> Notice | None:
    """Return what is to be told: new findings of a severity, and instances not examined.

    `known` are the identities of findings that stood before. None: there is nothing to tell.
    """
    new = [
        (finding, examined.instance)
        for examined in run
        for finding in examined.without(known).findings
        if is_at_least(finding.severity, threshold)
    ]
    new.sort(key=lambda it: -SEVERITIES.index(it[0].severity))  # else in their order
    failed = [examined for examined in run if examined.error]
    if not new and not failed:
        return None
    title = [_number(len(new), "new finding")] if new else []
    title += [f"{_number(len(failed), 'instance')} not examined"] if failed else []
    lines = (
        _all(run),
        *_part("New", [_describe(it, name) for it, name in new]),
        *_part("Not examined", [f"{plain(it.instance)}: {it.error}" for it in failed]),
    )
    return Notice(f"remote-mailcfg audit: {', '.join(title)}", "\n".join(lines))


def _describe(finding: Finding, instance: str) -> str:
    return f"{finding.severity} {plain(instance)}: {plain(finding.message)} [{finding.rule}]"


def _all(run: Sequence[Examined]) -> str:
    found = [finding.severity for examined in run for finding in examined.findings]
    counts = [f"{found.count(it)} {it}" for it in reversed(SEVERITIES) if it in found]
    examined = _number(sum(not it.error for it in run), "instance")
    return f"{examined} examined, findings in all: {', '.join(counts) or 'none'}."


def _part(head: str, told: Sequence[str]) -> list[str]:
    """Return a head with a line for each, up to the most that are named."""
    if not told:
        return []
    lines = ["", f"{head}:", *(f"- {it}" for it in told[:MOST_LINES])]
    return lines + ([f"… and {len(told) - MOST_LINES} more"] if len(told) > MOST_LINES else [])


def _number(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
