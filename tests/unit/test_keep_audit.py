"""A run is kept, and nothing but the history suffers where it cannot be."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from remote_mailcfg.audit.waivers import waive
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import Examination, Finding
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.keep_audit import keep_audit
from remote_mailcfg.store.audit_database import audit_file
from remote_mailcfg.store.audits import list_audits
from tests.canaries import SECRETS, leaks

FIRST = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
SECOND = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
SPF = Finding(
    rule="spf-missing", severity="error", subject="a.example", message="None.", remedy="Publish."
)
EXAMINATION = Examination(findings=(SPF,), skipped=())
RUN = [Examined(instance="a", examination=EXAMINATION, looked=frozenset({"spf-missing"}))]


def test_a_run_is_kept_and_what_it_found_stood_before_the_next() -> None:
    first, second = keep_audit(RUN, at=FIRST), keep_audit(RUN, at=SECOND)

    assert (first.standing, first.run, first.problem) == ({}, 1, None)
    assert (second.standing, second.run) == ({SPF.identity("a"): FIRST}, 2)


def test_only_what_did_not_stand_before_is_new() -> None:
    keep_audit(RUN, at=FIRST)
    other = replace(SPF, subject="b.example")
    run = [replace(RUN[0], examination=replace(EXAMINATION, findings=(SPF, other)))]

    kept = keep_audit(run, at=SECOND)

    assert run[0].without(kept.standing).findings == (other,)


def test_a_history_that_cannot_be_read_is_a_problem_and_everything_is_new() -> None:
    audit_file().parent.mkdir(parents=True)
    audit_file().write_bytes(b"no database" * 100)

    kept = keep_audit(RUN, at=FIRST)

    assert (kept.standing, kept.run) == ({}, None)
    assert kept.problem is not None
    assert kept.problem.code == "history-failed"


def test_a_run_that_cannot_be_kept_is_a_problem_and_what_stood_is_known() -> None:
    keep_audit(RUN, at=FIRST)

    kept = keep_audit([*RUN, *RUN], at=SECOND)  # an instance is kept once a run

    assert kept.standing.keys() == {SPF.identity("a")}
    assert kept.run is None
    assert kept.problem is not None


def test_no_secret_of_an_instance_is_kept() -> None:
    secrets: dict[str, Any] = SECRETS
    target = Target(name="a", url="https://a.example", login="ann", **secrets)
    examined = waive(EXAMINATION, target, (), today=date(2026, 11, 26), rules={"spf-missing"})

    keep_audit([examined], at=FIRST)

    assert b"https://a.example" in audit_file().read_bytes()
    assert leaks([repr(examined), audit_file().read_bytes().decode("latin-1")]) == []


def test_an_instance_that_cannot_be_kept_takes_no_other_with_it() -> None:
    too_large = replace(SPF, server_id=2**70)  # more than a number of SQLite holds
    bad = Examined(
        instance="b",
        examination=replace(EXAMINATION, findings=(SPF, too_large)),
        looked=frozenset({"spf-missing"}),
    )
    good = replace(RUN[0], instance="c")

    kept = keep_audit([*RUN, bad, good], at=FIRST)

    assert kept.crashes.keys() == {"b"}
    assert "OverflowError" in kept.crashes["b"]
    assert (kept.run, kept.problem) == (1, None)
    again = keep_audit([*RUN, good], at=SECOND)
    assert again.standing == {SPF.identity("a"): FIRST, SPF.identity("c"): FIRST}
    (_newest, first) = list_audits(2)
    assert (first.examined, first.failed, first.findings["error"]) == (2, 1, 2)
