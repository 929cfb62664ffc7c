import pytest

from remote_mailcfg.config.entry import Entry
from remote_mailcfg.errors import ConfigurationError, OdooError
from remote_mailcfg.fleet.executors import open_executor
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.fleet.waves import Waves, parse_waves, run_in_waves
from tests.unit.test_runner import entry_of

ENTRIES = [entry_of(f"i{number}") for number in range(20)]


@pytest.mark.parametrize(
    ("steps", "total", "ends"),
    [
        ("1,10%,100%", 200, [1, 20, 200]),
        ("1,10%,100%", 3, [1, 1, 3]),
        ("5,100%", 3, [3, 3]),
        ("1,2,50%,100%", 7, [1, 2, 4, 7]),
        ("100%", 5, [5]),
        ("", 5, [5]),
    ],
)
def test_waves_end_after_so_many_instances(steps: str, total: int, ends: list[int]) -> None:
    assert parse_waves(steps, "").ends(total) == ends


@pytest.mark.parametrize(("text", "share"), [("", 0), ("5%", 0.05), ("0.25", 0.25), ("1", 1)])
def test_a_share_may_fail(text: str, share: float) -> None:
    assert parse_waves("1,100%", text).most_failed == share


@pytest.mark.parametrize(
    ("steps", "most_failed", "why"),
    [
        ("1,x,100%", "", "not a list"),
        ("0,100%", "", "not a list"),
        ("-1,100%", "", "not a list"),
        ("1,,100%", "", "not a list"),
        ("1,120%,100%", "", "not a list"),
        ("1,10%", "", "must end with 100%"),
        ("50%,10%,100%", "", "must grow"),
        ("5,2,100%", "", "must grow"),
        ("1,1,100%", "", "must grow"),
        ("1,100%", "many", "not a share"),
        ("1,100%", "150%", "not a share"),
        ("1,100%", "-1", "not a share"),
        ("1,100%", "nan", "not a share"),
        ("", "5%", "give --waves"),
    ],
)
def test_waves_that_cannot_be_are_refused(steps: str, most_failed: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        parse_waves(steps, most_failed)


def run(waves: Waves, failing: set[str]) -> tuple[list[str], list[Outcome[str]]]:
    tried: list[str] = []

    def work(entry: Entry) -> str:
        tried.append(entry.target.name)
        if entry.target.name in failing:
            raise OdooError("refused-by-odoo", "no")
        return "done"

    with open_executor("", 1) as executor:
        done = dict(
            run_in_waves(ENTRIES, work, executor, waves, lambda it: it.error is not None, at_once=1)
        )
    assert sorted(done) == list(range(len(ENTRIES)))
    return tried, [done[number] for number in range(len(ENTRIES))]


def test_all_waves_run_where_nothing_fails() -> None:
    tried, outcomes = run(parse_waves("1,10%,100%", ""), set())

    assert len(tried) == 20
    assert {it.result for it in outcomes} == {"done"}


def test_a_failure_stops_before_the_next_wave() -> None:
    tried, outcomes = run(parse_waves("1,10%,100%", ""), {"i1"})

    assert tried == ["i0", "i1"]
    rest = [it.error for it in outcomes[2:] if it.error]
    assert [it.code for it in rest] == ["not-tried"] * 18
    assert rest[0].message == "not tried: 1 of the 2 instances before failed"


def test_a_share_that_may_fail_does_not_stop() -> None:
    tried, _outcomes = run(parse_waves("1,10%,100%", "50%"), {"i1"})

    assert len(tried) == 20


def test_a_wave_that_was_begun_is_finished() -> None:
    tried, outcomes = run(parse_waves("10,100%", ""), {"i0"})

    assert len(tried) == 10
    assert [it.result for it in outcomes[1:10]] == ["done"] * 9


def test_without_waves_nothing_stops() -> None:
    tried, _outcomes = run(parse_waves("", ""), {"i0", "i1"})

    assert len(tried) == 20
