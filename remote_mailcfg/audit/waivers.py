"""Take out of an audit what somebody has accepted, and tell of waivers that no longer fit.

A waiver that has ended waives nothing; it is told where the finding stands that it waived. One that
has nothing to waive can be told only when all instances that it is for were examined by its rule.
It is told on the first of them, in the order of the fleet, so that the finding stays the same from
run to run.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from remote_mailcfg.audit.rule import Problem, Rule
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import Examination, Finding, Skipped
from remote_mailcfg.model.target import Target
from remote_mailcfg.model.waiver import Waiver


def _nothing(_evidence: object) -> Iterator[Problem]:
    """Find nothing: evidence tells nothing of waivers, `waive` and `tell_unused` do."""
    return iter(())


EXPIRED: Final[Rule[Any]] = Rule(
    id="waiver-expired",
    group="waivers",
    severity="warning",
    title="A waiver has ended",
    why="What was accepted for a time is no longer accepted, and somebody has to decide again.",
    remedy="Put right what it waived, or give it a new `until` in audit.toml.",
    look=_nothing,
)
UNUSED: Final[Rule[Any]] = Rule(
    id="waiver-unused",
    group="waivers",
    severity="warning",
    title="A waiver has nothing to waive",
    why="It would hide what goes wrong later, which nobody has accepted.",
    remedy="Take it out of audit.toml.",
    look=_nothing,
)
WAIVER_RULES: Final = (EXPIRED, UNUSED)


def waive(
    examination: Examination,
    target: Target,
    waivers: Sequence[Waiver],
    *,
    today: date,
    rules: Collection[str],
) -> Examined:
    """Return what stands on an instance, what is waived, and a finding for each ended waiver.

    `rules` are the ids of all rules of the run, these two included.
    """
    here = [it for it in waivers if it.is_for(target.name, target.tags)]
    standing: list[Finding] = []
    waived: list[tuple[Finding, Waiver]] = []
    used: set[Waiver] = set()
    ended: dict[Waiver, None] = {}  # a set that keeps its order
    for finding in examination.findings:
        fitting = [it for it in here if it.fits(finding)]
        if valid := [it for it in fitting if not it.has_ended(today)]:
            used.update(valid)
            waived.append((finding, valid[0]))
        else:
            ended.update(dict.fromkeys(fitting))
            standing.append(finding)
    if EXPIRED.id in rules:
        standing += [_expired(it) for it in ended]
    return Examined(
        instance=target.name,
        url=target.url,
        database=target.database,
        tags=target.tags,
        examination=replace(examination, findings=tuple(standing)),
        waived=tuple(waived),
        used=frozenset(used.union(ended)),
        looked=frozenset(rules).difference(it.rule for it in examination.skipped),
    )


def tell_unused(
    run: Sequence[Examined],
    waivers: Sequence[Waiver],
    *,
    fleet: Mapping[str, Collection[str]],
    today: date,
) -> tuple[Examined, ...]:
    """Return a run with a finding for each waiver that had nothing to waive in it.

    `fleet` are all instances that there are, those outside of the run included, with their tags.
    Where not all that a waiver is for was looked at, `waiver-unused` is skipped on its instance.
    """
    by_name = {it.instance: it for it in run}
    used = frozenset[Waiver]().union(*(it.used for it in run))
    findings: dict[str, list[Finding]] = {}
    unknown: dict[str, list[Waiver]] = {}
    for waiver in waivers:
        meant = [name for name, tags in fleet.items() if waiver.is_for(name, tags)]
        if waiver in used or not meant:
            continue
        if all(name in by_name and waiver.rule in by_name[name].looked for name in meant):
            findings.setdefault(meant[0], []).append(_unused(waiver, today))
        else:
            unknown.setdefault(meant[0], []).append(waiver)
    return tuple(
        _told(it, findings.get(it.instance, ()), unknown.get(it.instance, ())) for it in run
    )


def _told(examined: Examined, findings: Sequence[Finding], unknown: Sequence[Waiver]) -> Examined:
    """Return an instance of a run with what is told of waivers on it, if their rule is in it."""
    examination = examined.examination
    if examination is None or UNUSED.id not in examined.looked:
        return examined
    added = replace(examination, findings=(*examination.findings, *findings))
    if not unknown:
        return replace(examined, examination=added)
    labels = "; ".join(it.label for it in unknown)
    skipped = Skipped(rule=UNUSED.id, because=f"its rule did not look everywhere: {labels}")
    return replace(
        examined,
        examination=replace(added, skipped=(*added.skipped, skipped)),
        looked=examined.looked - {UNUSED.id},
    )


def _expired(waiver: Waiver) -> Finding:
    message = f"The waiver of {waiver.label} ended on {waiver.until}: {waiver.reason}"
    return _finding(EXPIRED, waiver, message)


def _unused(waiver: Waiver, today: date) -> Finding:
    ended = f", and ended on {waiver.until}" if waiver.has_ended(today) else ""
    message = f"The waiver of {waiver.label} has nothing to waive{ended}: {waiver.reason}"
    return _finding(UNUSED, waiver, message)


def _finding(rule: Rule[Any], waiver: Waiver, message: str) -> Finding:
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        subject=waiver.label,
        message=message,
        remedy=rule.remedy,
    )
