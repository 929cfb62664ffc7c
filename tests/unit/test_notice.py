"""What of an audit is told to somebody, and when there is nothing to tell."""

from dataclasses import replace

import pytest

from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import Examination, Finding, Severity
from remote_mailcfg.report.notice import MOST_LINES, make_notice

FINDING = Finding(
    rule="smtp-debug", severity="warning", message="Server 6 writes a log.", remedy="Switch it off."
)
FAILED = Examined(instance="training", error="timeout")


def examined(*findings: Finding, name: str = "national") -> Examined:
    examination = Examination(findings=findings, skipped=())
    return Examined(instance=name, examination=examination)


def of(severity: Severity, subject: str = "") -> Finding:
    return replace(FINDING, severity=severity, subject=subject, message=f"{severity} {subject}")


def test_new_findings_are_told_the_worst_first_and_instances_that_failed() -> None:
    run = [examined(of("warning"), of("critical", "x")), FAILED, examined(name="c")]
    notice = make_notice(run, known=(), threshold="info")

    assert notice is not None
    assert notice.title == "remote-mailcfg audit: 2 new findings, 1 instance not examined"
    assert notice.body == (
        "2 instances examined, findings in all: 1 critical, 1 warning.\n"
        "\n"
        "New:\n"
        "- critical national: critical x [smtp-debug]\n"
        "- warning national: warning  [smtp-debug]\n"
        "\n"
        "Not examined:\n"
        "- training: timeout"
    )


def test_what_was_known_is_counted_and_not_told() -> None:
    old, new = of("error", "old"), of("error", "new")
    notice = make_notice(
        [examined(old, new)], known={old.identity("national")}, threshold="warning"
    )

    assert notice is not None
    assert notice.title == "remote-mailcfg audit: 1 new finding"
    assert "2 error" in notice.body
    assert "old" not in notice.body


@pytest.mark.parametrize(
    ("findings", "known", "threshold"),
    [
        pytest.param([], [], "info", id="no-finding"),
        pytest.param([of("error")], [of("error").identity("national")], "info", id="nothing-new"),
        pytest.param([of("info")], [], "warning", id="less-than-the-threshold"),
    ],
)
def test_where_nothing_is_new_there_is_no_notice(
    findings: list[Finding], known: list[str], threshold: Severity
) -> None:
    assert make_notice([examined(*findings)], known=known, threshold=threshold) is None


def test_an_instance_that_could_not_be_examined_is_told_alone() -> None:
    notice = make_notice([FAILED], known=(), threshold="error")

    assert notice is not None
    assert notice.title == "remote-mailcfg audit: 1 instance not examined"
    assert notice.body.startswith("0 instances examined, findings in all: none.")


def test_of_many_findings_the_first_are_told_and_the_number_of_the_others() -> None:
    many = [of("error", str(number)) for number in range(MOST_LINES + 3)]
    notice = make_notice([examined(*many)], known=(), threshold="error")

    assert notice is not None
    lines = notice.body.splitlines()
    assert len([line for line in lines if line.startswith("- ")]) == MOST_LINES
    assert lines[-1] == "… and 3 more"


def test_a_control_character_is_made_visible() -> None:
    evil = replace(FINDING, message="\x1b[2J\rgone")
    notice = make_notice([examined(evil)], known=(), threshold="info")

    assert notice is not None
    assert "\x1b" not in notice.body
    assert "\r" not in notice.body
