"""What changed between two audits, and how earlier audits look."""

import io
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, Group, RenderableType

from remote_mailcfg.audit.comparison import CHANGES, Comparison, compare_instance
from remote_mailcfg.model.audit_history import KeptAudit, KeptFinding
from remote_mailcfg.model.finding import Finding
from remote_mailcfg.report.audit_history import (
    COMPARISON_COLUMNS,
    audit_rows,
    comparison_lines,
    comparison_rows,
    make_audits,
    render_audit,
    render_audits,
    render_comparison,
)

BEGINNING = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
DEBUG = Finding(
    rule="smtp-debug",
    severity="warning",
    server_id=6,
    server_name="Main",
    message="Server 6 'Main' writes its dialogue into the log.",
    remedy="Switch Debugging off.",
)
SPF = Finding(
    rule="spf-missing",
    severity="error",
    subject="example.org",
    message="example.org has no SPF record.",
    remedy="Publish one.",
)
LOOKED = {"a": frozenset({"smtp-debug", "spf-missing"}), "b": frozenset({"smtp-debug"})}


@pytest.fixture(autouse=True)
def _in_manila(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Show moments as somebody eight hours before UTC reads them."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Manila")
        time.tzset()
        yield
    time.tzset()


def day(number: int) -> datetime:
    return BEGINNING + timedelta(days=number - 1)


def kept(
    finding: Finding, *, on: str = "a", since: int = 1, is_waived: bool = False
) -> KeptFinding:
    return KeptFinding(instance=on, finding=finding, since=day(since), is_waived=is_waived)


def audit(number: int) -> KeptAudit:
    return KeptAudit(
        run=number,
        at=day(number),
        examined=11,
        failed=1,
        findings={"info": 0, "warning": 12, "error": 3, "critical": 0},
        waived=2,
    )


def comparison(before: Iterable[KeptFinding], after: Iterable[KeptFinding]) -> Comparison:
    """Compare run 2 with run 3, an instance after the other as the history does."""
    names = sorted({it.instance for it in (*before, *after)})
    found = [
        change
        for name in names
        for change in compare_instance(
            [it for it in before if it.instance == name],
            [it for it in after if it.instance == name],
            looked=LOOKED.get(name, frozenset()),
            at=day(2),
        )
    ]
    return Comparison(
        earlier=audit(2),
        later=audit(3),
        counts={kind: sum(it == kind for it, _ in found) for kind in CHANGES},
        findings=lambda kind: (kept for it, kept in found if it == kind),
    )


def shown(renderable: RenderableType) -> list[str]:
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def written(data: dict[str, Any]) -> str:
    file = io.StringIO()
    json.dump(data, file)
    return file.getvalue()


# What changed

WAIVED = kept(SPF, is_waived=True)
OTHER_WORDS = replace(kept(SPF), finding=replace(SPF, message="Other.", severity="info"))


@pytest.mark.parametrize(
    ("before", "after", "change", "listed"),
    [
        pytest.param([], [kept(SPF, since=3)], "new", [kept(SPF, since=3)], id="new"),
        pytest.param([], [kept(SPF)], "standing", [kept(SPF)], id="seen-by-another-run-before"),
        pytest.param([kept(SPF)], [OTHER_WORDS], "standing", [OTHER_WORDS], id="standing"),
        pytest.param(
            [kept(SPF)],
            [kept(SPF, since=3)],
            "standing",
            [kept(SPF, since=3)],
            id="gone-and-back-between-them",
        ),
        pytest.param([kept(SPF)], [], "fixed", [kept(SPF)], id="fixed"),
        pytest.param([kept(SPF)], [WAIVED], "waived", [WAIVED], id="waived"),
        pytest.param([WAIVED], [kept(SPF)], "new", [kept(SPF)], id="no-longer-waived"),
        pytest.param([WAIVED], [WAIVED], "", [], id="waived-before-and-after"),
        pytest.param([WAIVED], [], "", [], id="waived-and-gone"),
        pytest.param(
            [kept(SPF, on="b")], [], "unknown", [kept(SPF, on="b")], id="rule-did-not-look"
        ),
        pytest.param(
            [kept(DEBUG, on="c")], [], "unknown", [kept(DEBUG, on="c")], id="not-in-the-run"
        ),
        pytest.param([kept(DEBUG, on="b")], [], "fixed", [kept(DEBUG, on="b")], id="rule-looked"),
    ],
)
def test_a_finding_is_in_one_list_of_what_changed(
    before: Sequence[KeptFinding],
    after: Sequence[KeptFinding],
    change: str,
    listed: list[KeptFinding],
) -> None:
    found = comparison(before, after)
    lists = {name: [*found.findings(name)] for name in CHANGES}

    assert {name: it for name, it in lists.items() if it} == ({change: listed} if change else {})


# As people and programs read it

CHANGED = comparison(
    [kept(DEBUG), kept(SPF, on="c")],
    [kept(SPF, since=3), kept(replace(DEBUG, server_id=7), on="b")],
)


def test_what_changed_is_told_a_finding_a_line() -> None:
    assert "\n".join(shown(Group(*comparison_lines(CHANGED)))) == (
        "Audit 3 of 2026-11-03T12:00:00Z against 2 of 2026-11-02T12:00:00Z\n"
        "+ new error a: example.org has no SPF record. [spf-missing, since 2026-11-03]\n"
        "- fixed warning a: Server 6 'Main' writes its dialogue into the log.\n"
        "[smtp-debug, since 2026-11-01]\n"
        "? unknown error c: example.org has no SPF record. [spf-missing, since\n"
        "2026-11-01]\n"
        "  standing warning b: Server 6 'Main' writes its dialogue into the log.\n"
        "[smtp-debug, since 2026-11-01]\n"
        "1 new, 1 fixed, 0 waived, 1 unknown, 1 standing"
    )


def test_what_changed_is_json() -> None:
    data = json.loads(written(render_comparison(CHANGED)))

    assert {key: len(it) for key, it in data.items() if isinstance(it, list)} == {
        "new": 1,
        "fixed": 1,
        "waived": 0,
        "unknown": 1,
        "standing": 1,
    }
    assert (data["earlier"]["run"], data["later"]["run"]) == (2, 3)
    assert data["new"] == [
        {
            "instance": "a",
            "rule": "spf-missing",
            "severity": "error",
            "server": None,
            "subject": "example.org",
            "message": "example.org has no SPF record.",
            "remedy": "Publish one.",
            "since": "2026-11-03T12:00:00Z",
        }
    ]
    assert data["standing"][0]["server"] == {"id": 7, "name": "Main"}


def test_what_changed_is_rows() -> None:
    rows = [*comparison_rows(CHANGED)]

    assert [(it["change"], it["server_id"], it["server_name"]) for it in rows] == [
        ("new", None, None),
        ("fixed", 6, "Main"),
        ("unknown", None, None),
        ("standing", 7, "Main"),
    ]
    assert {tuple(row) for row in rows} == {COMPARISON_COLUMNS}


def test_every_word_of_the_json_is_documented() -> None:
    table = (Path(__file__).parents[2] / "docs" / "audit-cron.md").read_text()
    table = table.partition("| JSON of | is |")[2].partition("\n\n")[0]
    data = render_comparison(CHANGED)
    words = {*data, *data["later"], *next(iter(data["new"])), *render_audits([])}

    assert {
        word for word in words if f"`{word}`" not in table and f'"{word}"' not in table
    } == set()


def test_a_control_character_of_a_finding_is_made_visible() -> None:
    evil = replace(SPF, message="\x1b[2Jgone")

    assert not any(
        "\x1b" in it for it in shown(Group(*comparison_lines(comparison([], [kept(evil)]))))
    )


def test_earlier_audits_are_a_table_that_fits() -> None:
    lines = shown(make_audits([audit(12), audit(9)]))

    assert lines == [
        "Run  Began                 Asked  Failed  Critical  Error  Warning  Info  Waived",
        "12   2026-11-12T12:00:00Z  12     1       -         3      12       -     2",
        "9    2026-11-09T12:00:00Z  12     1       -         3      12       -     2",
    ]


def test_no_audit_is_said_to_be_none() -> None:
    assert shown(make_audits([])) == ["No audit is kept yet: `remote-mailcfg audit` keeps each."]


def test_an_earlier_audit_is_json_and_a_row() -> None:
    counts = {"info": 0, "warning": 12, "error": 3, "critical": 0}
    both = {"run": 3, "at": "2026-11-03T12:00:00Z", "examined": 11, "failed": 1, "waived": 2}

    assert render_audit(audit(3)) == both | {"findings": counts}
    assert render_audits([audit(3), audit(2)])["audits"] == [
        render_audit(audit(3)),
        render_audit(audit(2)),
    ]
    assert audit_rows([audit(3)]) == [both | counts]
