"""The history of audits on disk: kept, found again, and refused where it cannot be read."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from remote_mailcfg.errors import RemoteMailcfgError
from remote_mailcfg.model.audit_history import KeptAudit, KeptFinding
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import Examination, Finding
from remote_mailcfg.model.waiver import Waiver
from remote_mailcfg.store import audit_database, audits
from remote_mailcfg.store.audit_database import audit_file
from remote_mailcfg.store.audits import (
    list_audits,
    load_counts,
    load_standing,
    open_comparison,
    save_audit,
)

RECORDINGS = Path(__file__).parents[1] / "recordings"
BEGINNING = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
RULES = frozenset({"smtp-debug", "spf-missing", "test-failed"})
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
WAIVER = Waiver(rule="smtp-debug", tag="x", reason="r", until=date(2027, 1, 1))


def day(number: int) -> datetime:
    return BEGINNING + timedelta(days=number - 1)


def examined(
    *findings: Finding,
    name: str = "a",
    waived: Sequence[Finding] = (),
    looked: frozenset[str] = RULES,
) -> Examined:
    return Examined(
        instance=name,
        url=f"https://{name}.example",
        database="openspp",
        examination=Examination(findings=findings, skipped=()),
        waived=tuple((it, WAIVER) for it in waived),
        looked=looked,
    )


FAILED = Examined(instance="a", url="https://a.example", error="timeout")


def keep(*days: Sequence[Examined]) -> None:
    for number, run in enumerate(days, 1):
        save_audit(run, at=day(number))


def refusal() -> RemoteMailcfgError:
    with pytest.raises(RemoteMailcfgError) as caught:
        list_audits(1)
    assert caught.value.code == "history-failed"
    assert str(audit_file()) in caught.value.message
    return caught.value


# Kept and listed


def test_an_audit_is_kept_with_what_it_counts() -> None:
    run = [
        examined(SPF, replace(SPF, subject="example.net"), waived=[DEBUG]),
        examined(name="b"),
        replace(FAILED, instance="c"),
    ]
    number = save_audit(run, at=BEGINNING)

    assert list_audits(20) == (
        KeptAudit(
            run=number,
            at=BEGINNING,
            examined=2,
            failed=1,
            findings={"info": 0, "warning": 0, "error": 2, "critical": 0},
            waived=1,
        ),
    )


def test_the_newest_audits_are_listed_first() -> None:
    keep([examined()], [examined(DEBUG)], [examined()])

    assert [it.at for it in list_audits(2)] == [day(3), day(2)]


def test_nothing_is_listed_before_the_first_audit() -> None:
    assert list_audits(20) == ()


def test_an_audit_of_nothing_is_kept() -> None:
    save_audit([], at=BEGINNING)

    assert [it.examined for it in list_audits(20)] == [0]


def test_a_moment_of_another_zone_is_the_same_moment() -> None:
    save_audit([], at=BEGINNING.astimezone(ZoneInfo("Asia/Manila")))

    assert list_audits(1)[0].at == BEGINNING


def test_a_run_is_compared_as_it_was_saved() -> None:
    other = replace(SPF, message="example.org has none.", severity="info")
    keep([examined(DEBUG, SPF)], [examined(other, waived=[DEBUG]), replace(FAILED, instance="b")])

    with open_comparison() as found:
        assert (found.earlier, found.later) == (list_audits(2)[1], list_audits(1)[0])
        assert [*found.findings("standing")] == [
            KeptFinding(instance="a", finding=other, since=day(1))
        ]
        assert [*found.findings("waived")] == [
            KeptFinding(instance="a", finding=DEBUG, since=day(1), is_waived=True)
        ]
        assert found.counts == {"new": 0, "fixed": 0, "waived": 1, "unknown": 0, "standing": 1}


def test_a_comparison_that_is_read_slowly_keeps_no_audit_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_database, "BUSY_SECONDS", 0.0)
    keep([examined(DEBUG)], [examined(SPF)])

    with open_comparison() as found:
        new = found.findings("new")
        save_audit([examined()], at=day(3))

        assert [it.finding for it in new] == [SPF]
        assert [it.finding for it in found.findings("fixed")] == [DEBUG]


def test_a_run_that_changes_nothing_adds_no_finding_and_no_instance() -> None:
    run = [examined(SPF, DEBUG, name=f"i{number}") for number in range(200)]
    keep(run)
    before = audit_file().stat().st_size
    keep(*[run] * 20)

    assert audit_file().stat().st_size - before <= 4096  # a page: the rows of the runs
    assert [it.findings["error"] for it in list_audits(30)] == [200] * 21


def test_what_changes_on_one_instance_is_kept_of_that_one() -> None:
    run = [examined(SPF, name=f"i{number}") for number in range(200)]
    changed = [examined(replace(SPF, message="other"), name="i7"), *run[:7], *run[8:]]
    keep(run, changed, run)

    with sqlite3.connect(audit_file()) as database:
        (rows,) = database.execute("SELECT count(*) FROM findings").fetchone()
        (selections,) = database.execute("SELECT count(*) FROM selections").fetchone()
    database.close()
    assert (rows, selections) == (202, 1)
    with open_comparison(1, 2) as found:
        assert [it.instance for it in found.findings("standing") if it.finding != SPF] == ["i7"]
    with open_comparison(1, 3) as found:
        assert {it.finding for it in found.findings("standing")} == {SPF}


def test_only_the_user_can_read_the_history() -> None:
    before = os.umask(0)
    try:
        save_audit([], at=BEGINNING)
    finally:
        os.umask(before)

    assert audit_file().stat().st_mode & 0o777 == 0o600
    assert audit_file().parent.stat().st_mode & 0o777 == 0o700
    assert audit_file().parent.parent.stat().st_mode & 0o777 == 0o700


def test_the_oldest_audits_are_dropped_and_since_when_is_still_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audits, "MOST_BYTES", 400_000)
    fleet = [f"i{number}" for number in range(100)]
    for number in range(1, 41):
        told = replace(DEBUG, message=f"{number} lines. " * 20)
        save_audit([examined(SPF, told, name=it) for it in fleet], at=day(number))

    assert audit_file().stat().st_size < 500_000
    kept = [it.run for it in list_audits(100)]
    assert kept == [*range(40, 40 - len(kept), -1)]
    assert 2 <= len(kept) < 20
    assert load_standing(["i3"]) == {SPF.identity("i3"): day(1), DEBUG.identity("i3"): day(1)}
    with open_comparison(kept[-1], 40) as found:
        assert found.counts["standing"] == 200


def test_two_audits_are_kept_however_large_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits, "MOST_BYTES", 1)
    keep([examined(SPF)], [examined(SPF, name="b")], [examined(DEBUG, name="b")], [examined(DEBUG)])

    assert [it.run for it in list_audits(20)] == [4, 3]
    with sqlite3.connect(audit_file()) as database:
        names = database.execute("SELECT name FROM instances ORDER BY name").fetchall()
    database.close()
    assert names == [("a",), ("b",)]


def test_an_instance_of_no_audit_that_is_kept_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audits, "MOST_BYTES", 1)
    keep([examined(SPF)], [examined(SPF, name="b")], [examined(SPF, name="b")])

    assert load_standing(["a", "b"]).keys() == {SPF.identity("b")}


# What stands


@pytest.mark.parametrize(
    ("days", "since"),
    [
        pytest.param([[examined(SPF)], [examined(SPF)]], day(1), id="found-again"),
        pytest.param([[examined()], [examined(SPF)]], day(2), id="found-now"),
        pytest.param([[examined(SPF)], [examined()]], None, id="gone"),
        pytest.param([[examined(SPF)], [examined()], [examined(SPF)]], day(3), id="came-back"),
        pytest.param([[examined(SPF)], [FAILED], [examined(SPF)]], day(1), id="not-examined"),
        pytest.param([[examined(SPF)], [FAILED]], day(1), id="not-examined-since"),
        pytest.param([[examined(SPF)], [examined(name="b")]], day(1), id="other-instance"),
        pytest.param(
            [[examined(SPF)], [examined(looked=RULES - {"spf-missing"})], [examined(SPF)]],
            day(1),
            id="rule-did-not-look",
        ),
        pytest.param(
            [[examined(SPF)], [examined(waived=[SPF])], [examined(SPF)]], day(1), id="was-waived"
        ),
        pytest.param([[examined(SPF)], [examined(waived=[SPF])]], None, id="is-waived"),
        pytest.param(
            [[examined(SPF)], [examined(replace(SPF, message="other", severity="info"))]],
            day(1),
            id="told-in-other-words",
        ),
        pytest.param(
            [[examined(SPF, DEBUG)], [examined(looked=frozenset({"smtp-debug"}))]],
            day(1),
            id="another-rule-looked",
        ),
        pytest.param([[examined(SPF, looked=frozenset())]], day(1), id="who-finds-has-looked"),
    ],
)
def test_a_finding_stands_as_long_as_every_look_finds_it(
    days: list[list[Examined]], since: datetime | None
) -> None:
    keep(*days)

    assert load_standing(["a"]) == ({SPF.identity("a"): since} if since else {})


def test_what_stands_is_asked_of_the_instances_of_a_run() -> None:
    keep([examined(SPF), examined(SPF, name="b")])

    assert load_standing(["b", "c"]).keys() == {SPF.identity("b")}
    assert load_standing([]) == {}


def test_only_what_is_new_is_left_of_an_examination() -> None:
    keep([examined(SPF)])
    known = load_standing(["a"])

    assert examined(SPF, DEBUG).without(known).findings == (DEBUG,)
    assert FAILED.without(known) == FAILED


# Two of them


def test_the_last_two_are_loaded_unless_others_are_named() -> None:
    keep(*[[examined()]] * 4)

    def loaded(*given: int | None) -> list[int]:
        with open_comparison(*given) as found:
            return [found.earlier.run, found.later.run]

    assert loaded() == [3, 4]
    assert loaded(2) == [2, 4]
    assert loaded(1, 3) == [1, 3]
    assert loaded(3, 1) == [1, 3]


@pytest.mark.parametrize("given", [(7,), (1, 7)])
def test_an_audit_that_is_not_kept_is_told(given: tuple[int, ...]) -> None:
    keep([examined()], [examined()])

    with (
        pytest.raises(RemoteMailcfgError, match="there is no audit 7 in the history") as caught,
        open_comparison(*given),
    ):
        pass
    assert caught.value.code == "not-found"


def test_one_audit_has_nothing_to_be_compared_with() -> None:
    keep([examined()])

    with pytest.raises(RemoteMailcfgError, match="no two audits") as caught, open_comparison():
        pass
    assert caught.value.code == "not-found"


def test_what_a_run_could_not_see_is_no_change_from_it() -> None:
    blind = examined(looked=RULES - {"spf-missing"})
    keep([examined(SPF)], [blind], [examined()], [examined(SPF)], [blind], [examined(SPF)])

    def changes(first: int, second: int) -> dict[str, int]:
        with open_comparison(first, second) as found:
            return {change: count for change, count in found.counts.items() if count}

    assert changes(2, 3) == {}
    assert changes(1, 3) == {"fixed": 1}
    assert changes(1, 2) == {"unknown": 1}
    assert changes(3, 4) == {"new": 1}
    assert changes(5, 6) == {"standing": 1}


# What goes wrong with the file


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"no database, and longer than the header of one" * 9, id="no-database"),
        pytest.param(b"SQLite format 3\x00" + b"\xff" * 4096, id="damaged"),
    ],
)
def test_a_file_that_is_no_history_is_told_and_left_alone(content: bytes) -> None:
    audit_file().parent.mkdir(parents=True)
    audit_file().write_bytes(content)

    assert "Move the file away" in refusal().hint
    assert audit_file().read_bytes() == content


def test_a_database_of_something_else_is_told() -> None:
    audit_file().parent.mkdir(parents=True)
    with sqlite3.connect(audit_file()) as database:
        database.execute(f"PRAGMA user_version = {len(audit_database.MIGRATIONS)}")
    database.close()

    assert "no such table" in refusal().message


def test_a_history_of_a_newer_version_is_refused_and_left_alone() -> None:
    keep([examined(SPF)])
    with sqlite3.connect(audit_file()) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = audit_file().read_bytes()

    assert "newer version" in refusal().message
    with pytest.raises(RemoteMailcfgError):
        save_audit([examined()], at=day(2))
    assert audit_file().read_bytes() == before


@pytest.fixture
def first_form() -> None:
    """Put the history in place that version 0.1.0 wrote."""
    audit_file().parent.mkdir(parents=True)
    with sqlite3.connect(audit_file()) as database:
        database.executescript((RECORDINGS / "audit-history-1.sql").read_text(encoding="utf-8"))
    database.close()


@pytest.mark.usefixtures("first_form")
def test_a_history_of_the_first_form_is_taken_over() -> None:
    counts = [(it.run, it.at, it.examined, it.failed, it.waived) for it in list_audits(9)]

    assert counts == [
        (5, day(5), 2, 0, 0),
        (4, day(4), 1, 0, 0),
        (3, day(3), 1, 1, 1),
        (2, day(2), 2, 0, 0),
    ]
    assert [it.findings["error"] for it in list_audits(9)] == [1, 0, 1, 2]
    assert load_standing(["a", "b"]) == {SPF.identity("a"): day(1), DEBUG.identity("a"): day(2)}
    with open_comparison(2, 3) as found:
        assert [it.finding for it in found.findings("waived")] == [DEBUG]
        assert [it.instance for it in found.findings("unknown")] == ["b"]
    with open_comparison(3, 5) as found:
        assert [it.finding for it in found.findings("new")] == [DEBUG]
    assert load_counts(["a"], limit=2) == {
        "a": ((day(4), {"warning": 1}), (day(5), {"warning": 1, "error": 1}))
    }


@pytest.mark.usefixtures("first_form")
def test_a_history_that_was_taken_over_goes_on() -> None:
    number = save_audit([examined(SPF)], at=day(6))

    assert number == 6
    with open_comparison() as found:
        assert [it.finding for it in found.findings("fixed")] == [DEBUG]
        assert [it.since for it in found.findings("standing")] == [day(1)]
    with sqlite3.connect(audit_file()) as database:
        names = database.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'old%'").fetchall()
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()
    assert names == []


def test_an_older_form_is_brought_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    keep([examined(SPF)])
    more = ("ALTER TABLE runs ADD COLUMN by TEXT", "CREATE TABLE more (id INTEGER)")
    monkeypatch.setattr(audit_database, "MIGRATIONS", (*audit_database.MIGRATIONS, more))

    keep([examined(SPF)])

    assert load_standing(["a"]) == {SPF.identity("a"): day(1)}
    with sqlite3.connect(audit_file()) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (3,)
        assert database.execute("SELECT count(by), count(*) FROM runs").fetchone() == (0, 2)
    database.close()


def test_a_form_that_cannot_be_brought_up_to_date_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep([examined(SPF)])
    wrong = ("CREATE TABLE more (id INTEGER)", "CREATE TABLE runs (id INTEGER)")
    with monkeypatch.context() as patched:
        patched.setattr(audit_database, "MIGRATIONS", (*audit_database.MIGRATIONS, wrong))
        assert "already exists" in refusal().message

    assert load_standing(["a"]) == {SPF.identity("a"): day(1)}


@pytest.fixture
def held() -> Iterator[None]:
    """Let another connection hold the history for writing."""
    keep([examined()])
    other = sqlite3.connect(audit_file(), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.close()


@pytest.mark.usefixtures("held")
def test_a_history_that_another_process_holds_too_long_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_database, "BUSY_SECONDS", 0.05)

    assert "Another process holds it" in refusal().hint


def test_a_history_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    keep([examined()])
    opened = sqlite3.connect

    def read_only(path: str, **options: object) -> sqlite3.Connection:
        return opened(f"{path}?mode=ro", **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3, "connect", read_only)

    with pytest.raises(RemoteMailcfgError) as caught:
        save_audit([], at=day(2))
    assert caught.value.code == "history-failed"
    assert "writable" in caught.value.hint


def test_a_folder_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    with pytest.raises(RemoteMailcfgError) as caught:
        save_audit([], at=BEGINNING)
    assert caught.value.code == "not-saved"


def test_an_audit_that_fails_half_way_is_not_kept() -> None:
    keep([examined(SPF)])
    twice = [examined(DEBUG), examined(DEBUG)]  # an instance is kept once a run

    with pytest.raises(RemoteMailcfgError) as caught:
        save_audit(twice, at=day(2))

    assert caught.value.code == "history-failed"
    assert [it.at for it in list_audits(20)] == [day(1)]
    assert load_standing(["a"]) == {SPF.identity("a"): day(1)}


# Two processes

WRITER = """
import sys
from datetime import UTC, datetime
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.store.audits import save_audit
name, number = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(number):
    save_audit([Examined(instance=name, error="timeout")], at=datetime.now(UTC))
"""


def test_two_processes_at_once_lose_nothing() -> None:
    number = 25
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"  # the history is not there yet
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0

    kept = list_audits(1000)
    assert len({it.run for it in kept}) == len(kept) == 2 * number
    assert sum(it.failed for it in kept) == 2 * number
    with sqlite3.connect(audit_file()) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_what_instances_counted_is_told_the_oldest_first() -> None:
    keep([examined(DEBUG)], [examined(DEBUG, SPF, name="b")], [examined(waived=[DEBUG])])
    save_audit([Examined(instance="a", error="unreachable")], at=day(9))

    assert load_counts(["a", "b", "c"], limit=5) == {
        "a": ((day(1), {"warning": 1}), (day(3), {})),
        "b": ((day(2), {"warning": 1, "error": 1}),),
        "c": (),
    }
    assert load_counts(["a"], limit=1) == {"a": ((day(3), {}),)}
