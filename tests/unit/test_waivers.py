"""Waivers: what they take out of an audit, and when they are told themselves."""

import pickle
from dataclasses import replace
from datetime import date

import pytest

from remote_mailcfg.audit.waivers import WAIVER_RULES, tell_unused, waive
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import Examination, Finding, Skipped
from remote_mailcfg.model.target import Target
from remote_mailcfg.model.waiver import Waiver

TODAY = date(2026, 11, 27)
YESTERDAY = date(2026, 11, 26)
RULES = frozenset({"smtp-debug", "spf-missing", *(it.id for it in WAIVER_RULES)})
A = Target(name="a", url="https://a.example", database="db", tags=("country", "v2"))
B = Target(name="b", url="https://b.example", tags=("country",))
FLEET = {"a": A.tags, "b": B.tags}

DEBUG = Finding(
    rule="smtp-debug",
    severity="warning",
    server_id=6,
    server_name="Main",
    message="Server 6 'Main' writes all of its dialogue into the log.",
    remedy="Switch Debugging off.",
)
SPF = Finding(
    rule="spf-missing",
    severity="error",
    subject="example.org",
    message="example.org has no SPF record.",
    remedy="Publish one.",
)


def waiver(**fields: object) -> Waiver:
    given = {"rule": "smtp-debug", "reason": "Support looks.", "until": TODAY} | fields
    if "tag" not in given:
        given = {"instance": "a"} | given
    return Waiver(**given)  # type: ignore[arg-type]


def examine(
    *findings: Finding,
    on: Target = A,
    waivers: tuple[Waiver, ...] = (),
    rules: frozenset[str] = RULES,
    skipped: tuple[Skipped, ...] = (),
) -> Examined:
    examination = Examination(findings=findings, skipped=skipped)
    return waive(examination, on, waivers, today=TODAY, rules=rules)


def unused(*run: Examined, waivers: tuple[Waiver, ...]) -> list[tuple[str, str]]:
    """Return which waivers are told as unused, and on which instance."""
    told = tell_unused(run, waivers, fleet=FLEET, today=TODAY)
    return [
        (it.instance, finding.subject)
        for it in told
        for finding in it.findings
        if finding.rule == "waiver-unused"
    ]


# What is waived


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="instance"),
        pytest.param({"tag": "v2"}, id="tag"),
        pytest.param({"tag": "a"}, id="its-name-as-a-tag"),
        pytest.param({"server": 6}, id="server-by-id"),
        pytest.param({"server": "Main"}, id="server-by-name"),
        pytest.param({"until": date(2027, 1, 1)}, id="later"),
    ],
)
def test_a_waiver_takes_out_what_it_is_about(fields: dict[str, object]) -> None:
    given = waiver(**fields)
    examined = examine(DEBUG, SPF, waivers=(given,))

    assert examined.findings == (SPF,)
    assert examined.waived == ((DEBUG, given),)
    assert examined.used == {given}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"instance": "b"}, id="instance"),
        pytest.param({"tag": "v3"}, id="tag"),
        pytest.param({"rule": "spf-missing"}, id="rule"),
        pytest.param({"server": 7}, id="server-by-id"),
        pytest.param({"server": "6"}, id="server-by-name"),
    ],
)
def test_a_waiver_leaves_what_it_is_not_about(fields: dict[str, object]) -> None:
    examined = examine(DEBUG, waivers=(waiver(**fields),))

    assert examined.findings == (DEBUG,)
    assert (examined.waived, examined.used) == ((), frozenset())


def test_an_instance_is_known_with_what_it_was_asked() -> None:
    skipped = Skipped(rule="spf-missing", because="no DNS")
    examined = examine(DEBUG, skipped=(skipped,))

    assert examined == Examined(
        instance="a",
        url="https://a.example",
        database="db",
        tags=("country", "v2"),
        examination=Examination(findings=(DEBUG,), skipped=(skipped,)),
        looked=RULES - {"spf-missing"},
    )


def test_what_is_known_of_an_instance_travels() -> None:
    examined = examine(DEBUG, SPF, waivers=(waiver(), waiver(tag="v2", until=YESTERDAY)))

    assert pickle.loads(pickle.dumps(examined)) == examined


# What has ended


def test_a_waiver_that_has_ended_waives_nothing_and_is_told() -> None:
    ended = waiver(until=YESTERDAY, server=6)
    examined = examine(DEBUG, waivers=(ended,))

    assert examined.findings == (
        DEBUG,
        Finding(
            rule="waiver-expired",
            severity="warning",
            subject="smtp-debug on a, server 6",
            message="The waiver of smtp-debug on a, server 6 ended on 2026-11-26: Support looks.",
            remedy="Put right what it waived, or give it a new `until` in audit.toml.",
        ),
    )
    assert examined.waived == ()


def test_a_waiver_that_has_ended_is_told_once_for_all_that_it_waived() -> None:
    other = replace(DEBUG, server_id=7, server_name="Other")
    examined = examine(DEBUG, other, waivers=(waiver(until=YESTERDAY),))

    assert [it.rule for it in examined.findings] == ["smtp-debug", "smtp-debug", "waiver-expired"]


def test_a_waiver_that_has_ended_is_not_told_where_another_one_holds() -> None:
    ended, valid = waiver(until=YESTERDAY, tag="country"), waiver()
    examined = examine(DEBUG, waivers=(ended, valid))

    assert examined.findings == ()
    assert examined.used == {valid}


def test_a_waiver_that_has_ended_is_not_told_by_a_run_without_its_rule() -> None:
    ended = waiver(until=YESTERDAY)
    examined = examine(DEBUG, waivers=(ended,), rules=RULES - {"waiver-expired"})

    assert examined.findings == (DEBUG,)


# What is not used


def test_a_waiver_with_nothing_to_waive_is_told() -> None:
    idle = waiver()
    (told,) = tell_unused([examine(waivers=(idle,))], (idle,), fleet=FLEET, today=TODAY)

    assert told.findings == (
        Finding(
            rule="waiver-unused",
            severity="warning",
            subject="smtp-debug on a",
            message="The waiver of smtp-debug on a has nothing to waive: Support looks.",
            remedy="Take it out of audit.toml.",
        ),
    )
    assert "waiver-unused" in told.looked


def test_a_waiver_with_nothing_to_waive_that_has_ended_is_told_as_both() -> None:
    idle = waiver(until=YESTERDAY)
    (told,) = tell_unused([examine()], (idle,), fleet=FLEET, today=TODAY)

    (finding,) = told.findings
    assert "has nothing to waive, and ended on 2026-11-26: Support looks." in finding.message


def test_a_waiver_of_a_tag_is_used_when_one_of_its_instances_needs_it() -> None:
    waivers = (waiver(tag="country"),)
    run = (examine(waivers=waivers), examine(DEBUG, on=B, waivers=waivers))

    assert unused(*run, waivers=waivers) == []


def test_a_waiver_of_a_tag_is_told_on_the_first_of_the_fleet_whatever_the_order() -> None:
    waivers = (waiver(tag="country"),)

    assert unused(examine(on=B), examine(), waivers=waivers) == [("a", "smtp-debug on tag country")]


def test_a_waiver_of_an_instance_outside_of_the_run_is_not_told() -> None:
    assert unused(examine(on=B), waivers=(waiver(),)) == []


def test_a_waiver_of_an_instance_that_there_is_not_is_not_told() -> None:
    assert unused(examine(), waivers=(waiver(instance="c"),)) == []


@pytest.mark.parametrize(
    "run",
    [
        pytest.param([examine()], id="not-in-the-run"),
        pytest.param([examine(), Examined(instance="b", error="timeout")], id="not-examined"),
        pytest.param(
            [examine(), examine(on=B, rules=RULES - {"smtp-debug"})], id="rule-not-in-the-run"
        ),
        pytest.param(
            [examine(), examine(on=B, skipped=(Skipped(rule="smtp-debug", because="x"),))],
            id="rule-skipped",
        ),
    ],
)
def test_where_a_rule_did_not_look_everywhere_nobody_knows_of_its_waiver(
    run: list[Examined],
) -> None:
    given = waiver(tag="country")
    told = tell_unused(run, (given,), fleet=FLEET, today=TODAY)

    assert told[0].findings == ()
    assert told[0].examination is not None
    assert told[0].examination.skipped == (
        Skipped(
            rule="waiver-unused",
            because="its rule did not look everywhere: smtp-debug on tag country",
        ),
    )
    assert "waiver-unused" not in told[0].looked
    assert told[1:] == tuple(run[1:])


def test_a_run_without_the_rule_tells_no_unused_waiver() -> None:
    run = examine(rules=RULES - {"waiver-unused"})

    assert unused(run, waivers=(waiver(),)) == []


def test_the_rules_of_waivers_find_nothing_in_evidence() -> None:
    assert [list(rule.look(object())) for rule in WAIVER_RULES] == [[], []]
