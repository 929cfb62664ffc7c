"""Answers that no Odoo gives end as `not-odoo`, or do no harm: never as a bug of ours."""

import random

import pytest

from tests.answer_fuzzer import Case, Fault, cases, find_faults, run

#: A seed for the day that needs another one; the whole of it is `python -m tests.answer_fuzzer`.
SEED = 13
RUNS_OF_A_COMMAND = 2


def sample() -> list[Case]:
    """Choose one wire and version for each command."""
    chance = random.Random(SEED)
    of_commands: dict[str, list[Case]] = {}
    for case in cases():
        of_commands.setdefault(case.command, []).append(case)
    return [chance.choice(found) for found in of_commands.values()]


@pytest.mark.parametrize("case", sample(), ids=str)
def test_an_answer_of_another_shape_is_no_bug_of_ours(case: Case) -> None:
    usual = run(case)
    assert not usual.crash

    faults = list(find_faults(list(usual.results)))
    chosen = random.Random(f"{SEED} {case}").sample(faults, min(RUNS_OF_A_COMMAND, len(faults)))
    for fault in chosen:
        ended = run(case, fault)
        assert not ended.crash, fault
        if ended.code:
            assert ended.codes or usual.code or case.command.startswith("audit"), fault


@pytest.mark.parametrize("value", [None, "text", {}, 5, [None], [{"id": "1"}]], ids=str)
def test_what_is_no_list_of_records_is_not_odoo(value: object) -> None:
    case = Case(19, "jsonrpc", "server list")
    lists = [number for number, it in enumerate(run(case).results) if isinstance(it, list)]

    assert lists
    for number in lists:
        ended = run(case, Fault(number, (), value))
        assert (ended.code, ended.codes) == (1, ("not-odoo",)), number
