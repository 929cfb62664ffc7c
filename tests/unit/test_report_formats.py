"""The reports of an audit, read back by what others read them with."""

import json
import os
import re
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from junitparser import Error, Failure, JUnitXml
from junitparser import Skipped as SkippedCase
from prometheus_client.parser import text_string_to_metric_families

from remote_mailcfg.audit.rules import BOOK
from remote_mailcfg.errors import ConfigurationError, LoginError, RemoteMailcfgError
from remote_mailcfg.fleet.runner import Outcome
from remote_mailcfg.model.examined import Examined
from remote_mailcfg.model.finding import Examination, Finding, Skipped
from remote_mailcfg.model.target import Target
from remote_mailcfg.operations.audit_instance import Audit
from remote_mailcfg.report.audit_report import AuditReport
from remote_mailcfg.report.report_file import FORMATS, ReportFile, parse_reports, write_report

#: From the npm package @microsoft/jest-sarif 1.0.0-beta.0 (Microsoft, MIT licence).
ROOT = Path(__file__).parent.parent.parent
SARIF = ROOT / "tests" / "schemas" / "sarif-2.1.0-rtm.5.json"
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BEFORE = datetime(2026, 2, 1, 6, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> ]]> \"q\" 'q' \\ | `x` \x07\n# ü 漢 [a](b) & *b*"
DEBUG = Finding(
    rule="smtp-debug",
    severity="warning",
    server_id=7,
    server_name=HOSTILE,
    message=HOSTILE,
    remedy="Switch it off.",
)
INFO = Finding(rule="duplicate-server", severity="info", message="Twice.", remedy="Remove one.")
SKIPPED = Skipped(rule="mails-wait", because=HOSTILE)
NORTH = Target(name=f"north {HOSTILE}", url="https://north.example")
SOUTH = Target(name="south", url="https://south.example")
WEST = Target(name="west", url="https://west.example")


def outcome(target: Target, *findings: Finding, skipped: tuple[Skipped, ...] = ()) -> Any:
    examination = Examination(findings=findings, skipped=skipped)
    return Outcome(target, Audit(Examined(instance=target.name, examination=examination), "error"))


REPORT = AuditReport(
    at=AT,
    rules=BOOK,
    outcomes=(
        outcome(NORTH, DEBUG, INFO, skipped=(SKIPPED,)),
        outcome(SOUTH),
        Outcome(WEST, error=LoginError("authentication-failed", HOSTILE)),
    ),
    since={DEBUG.identity(NORTH.name): BEFORE},
)


def render(form: str, report: AuditReport = REPORT) -> str:
    return FORMATS[form](report)


# json


def test_json_is_the_envelope_of_the_command() -> None:
    told = json.loads(render("json"))

    assert told["command"] == "audit"
    assert told["summary"] == {"total": 3, "ok": 2, "failed": 1}
    north, south, west = told["results"]
    assert [it["rule"] for it in north["data"]["findings"]] == ["smtp-debug", "duplicate-server"]
    assert south["data"] == {"findings": [], "skipped": []}
    assert west["error"]["code"] == "authentication-failed"


# sarif


def run_of_sarif() -> Any:
    (run,) = json.loads(render("sarif"))["runs"]
    return run


@pytest.mark.filterwarnings("ignore::DeprecationWarning:jsonschema")
def test_sarif_has_the_form_of_its_schema() -> None:
    schema = json.loads(SARIF.read_text())

    jsonschema.validate(json.loads(render("sarif")), schema, jsonschema.Draft4Validator)


def test_sarif_has_each_rule_with_its_help_and_each_finding_with_its_rule() -> None:
    run = run_of_sarif()
    rules = run["tool"]["driver"]["rules"]

    assert [it["id"] for it in rules] == [rule.id for rule in BOOK]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert [(it["ruleId"], it["level"]) for it in run["results"]] == [
        ("smtp-debug", "warning"),
        ("duplicate-server", "note"),
    ]


def test_sarif_names_the_instance_and_what_stays_the_same() -> None:
    first, second = run_of_sarif()["results"]

    assert first["locations"][0]["logicalLocations"][0]["name"] == NORTH.name
    assert first["partialFingerprints"]["identity/v1"] == DEBUG.identity(NORTH.name)
    assert first["properties"]["since"] == BEFORE.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert second["properties"]["since"] == AT.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_sarif_tells_the_same_finding_of_two_instances_apart_as_github_does() -> None:
    report = replace(REPORT, outcomes=(outcome(NORTH, DEBUG), outcome(SOUTH, DEBUG)))

    (run,) = json.loads(render("sarif", report))["runs"]

    hashes = {it["partialFingerprints"]["primaryLocationLineHash"] for it in run["results"]}
    assert len(hashes) == 2


def test_sarif_says_what_could_not_be_examined() -> None:
    (invocation,) = run_of_sarif()["invocations"]

    assert invocation["executionSuccessful"] is False
    (told,) = invocation["toolExecutionNotifications"]
    assert told["message"]["text"].startswith("west: authentication-failed: ")


# junit


def suites() -> dict[str, Any]:
    found = JUnitXml.fromstring(render("junit").encode())
    return {suite.name: suite for suite in found}


def test_junit_has_a_suite_for_each_instance_and_a_case_for_each_rule() -> None:
    north, south, west = suites().values()

    assert [case.name for case in north] == [rule.id for rule in BOOK]
    assert (north.tests, north.failures, north.errors, north.skipped) == (len(BOOK), 1, 0, 1)
    assert (south.failures, south.errors) == (0, 0)
    assert (west.tests, west.errors) == (1, 1)


def test_junit_fails_what_is_worse_than_info() -> None:
    north, *_ = suites().values()
    results = {case.name: case.result for case in north if case.result}

    (failure,) = results["smtp-debug"]
    assert isinstance(failure, Failure)
    assert failure.type == "warning"
    assert "Switch it off." in (failure.text or "")
    assert isinstance(results["mails-wait"][0], SkippedCase)
    assert "duplicate-server" not in results


def test_junit_says_what_could_not_be_examined() -> None:
    (case,) = suites()["west"]

    assert isinstance(case.result[0], Error)
    assert case.result[0].type == "authentication-failed"


def test_junit_says_of_a_rule_that_found_something_no_more_than_that() -> None:
    skipped = Skipped(rule=DEBUG.rule, because="it could not look everywhere")
    report = replace(REPORT, outcomes=(outcome(SOUTH, DEBUG, skipped=(skipped,)),))

    (suite,) = JUnitXml.fromstring(render("junit", report).encode())
    (results,) = (case.result for case in suite if case.name == DEBUG.rule)

    assert [type(it) for it in results] == [Failure]
    assert (suite.failures, suite.skipped) == (1, 0)


def test_junit_holds_nothing_that_xml_cannot() -> None:
    assert "\x07" not in render("junit")
    assert "<script>" not in render("junit")


# prometheus


def samples(text: str | None = None) -> dict[tuple[str, ...], float]:
    return {
        (it.name.removeprefix("remote_mailcfg_audit_"), *it.labels.values()): it.value
        for family in text_string_to_metric_families(text or render("prometheus"))
        for it in family.samples
    }


def test_prometheus_counts_findings_of_every_severity() -> None:
    found = samples()

    assert found["findings", NORTH.name, "warning"] == 1
    assert found["findings", NORTH.name, "critical"] == 0
    assert found["findings", "south", "error"] == 0
    assert found["rule_findings", NORTH.name, "smtp-debug", "warning"] == 1
    assert not [it for it in found if it[:2] == ("findings", "west")]


def test_prometheus_says_what_could_be_examined_and_when() -> None:
    found = samples()

    assert [found["examined", it.name] for it in (NORTH, SOUTH, WEST)] == [1, 1, 0]
    assert found[("timestamp_seconds",)] == AT.timestamp()


def test_prometheus_has_the_names_that_are_documented() -> None:
    told = re.findall(r"^# TYPE (\w+)", render("prometheus"), re.MULTILINE)
    documented = (ROOT / "docs" / "audit-reports.md").read_text()

    assert re.findall(r"^\| `(remote_mailcfg_\w+)`", documented, re.MULTILINE) == told


# markdown


def test_markdown_counts_by_instance_and_tells_each_finding() -> None:
    text = render("markdown")

    assert text.startswith("# Audit of outgoing mail, 2026-03-02T12:00:00Z\n")
    assert "| south | 0 | 0 | 0 | 0 |" in text
    assert "| west | ? | ? | ? | ? |" in text
    assert "- **warning** `smtp-debug`" in text
    assert "(since 2026-02-01). Next: Switch it off." in text
    assert "- skipped `mails-wait`: " in text
    assert "## south" not in text
    assert "Could not be examined: " in text


def test_markdown_tells_a_reason_once_that_many_rules_share() -> None:
    blind = [Skipped(rule=it, because="not known: no DNS") for it in ("spf-open", "spf-missing")]
    report = replace(REPORT, outcomes=(outcome(SOUTH, skipped=(*blind, SKIPPED)),))

    lines = [it for it in render("markdown", report).splitlines() if it.startswith("- skipped")]

    assert len(lines) == 2
    assert lines[0].startswith("- skipped `spf-open`, `spf-missing`: ")


def test_markdown_takes_nothing_of_a_text_for_its_own() -> None:
    text = render("markdown")

    assert "<script>" not in text
    assert "[a](b)" not in text
    assert "\n# ü" not in text
    assert r"\| \`x\`" in text


# All of them


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "markdown"])
def test_no_text_of_an_instance_misleads_in_a_log_that_shows_the_report(form: str) -> None:
    name = "Main\nnext: rm\r\n::error::x\x85error: a\u2028##vso[x]y\u202e ##[error]z"
    finding = replace(DEBUG, server_name=name, message=name)
    skipped = Skipped(rule="mails-wait", because=name)
    failed: Outcome[Audit] = Outcome(WEST, error=LoginError("authentication-failed", name))
    report = replace(REPORT, outcomes=(outcome(NORTH, finding, skipped=(skipped,)), failed))

    text = render(form, report)

    ours = "  next: Switch it off."
    lines = [it for it in re.split("[\n\r\x85\u2028\u2029]", text) if it.partition("</")[0] != ours]
    assert [it for it in lines if re.match(r"\W*(next|error) *:", it)] == []
    assert [it for it in lines if re.match(r"\s*::", it) or re.search(r"##\w*\[", it)] == []
    assert "\u202e" not in text


# Files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "reports"
    path.mkdir()
    return path


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_is_written_for_others_to_read(form: str, folder: Path) -> None:
    (wanted,) = parse_reports([f"{form}:{folder}/report"])

    write_report(REPORT, wanted)

    assert wanted.path.read_text() == render(form)
    assert stat.S_IMODE(wanted.path.stat().st_mode) & 0o644 == 0o644
    assert [it.name for it in folder.iterdir()] == ["report"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_takes_the_place_of_the_one_before(form: str, folder: Path) -> None:
    wanted = ReportFile(form, folder / "report")
    write_report(replace(REPORT, outcomes=()), wanted)
    wanted.path.chmod(0o640)

    write_report(REPORT, wanted)

    assert wanted.path.read_text() == render(form)
    assert stat.S_IMODE(wanted.path.stat().st_mode) == 0o640


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_takes_the_place_of_an_empty_file(form: str, folder: Path) -> None:
    (folder / "report").touch()

    write_report(REPORT, ReportFile(form, folder / "report"))

    assert (folder / "report").read_text() == render(form)


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_takes_the_place_of_nothing_else(form: str, folder: Path) -> None:
    path = folder / "report"
    others = [render(other) for other in FORMATS if other != form]
    quoted = f"Notes\n\n{render(form)}" if form in {"json", "prometheus", "markdown"} else "notes"
    for text in (*others, quoted, '{"name": "remote-mailcfg"}', "<title>Home</title>"):
        path.write_text(text)

        with pytest.raises(ConfigurationError, match="exists and is not of this kind"):
            parse_reports([f"{form}:{path}"])
        with pytest.raises(RemoteMailcfgError) as caught:
            write_report(REPORT, ReportFile(form, path))

        assert caught.value.code == "not-saved"
        assert path.read_text() == text


def test_a_report_that_cannot_be_written_leaves_nothing(folder: Path) -> None:
    path = folder / "report"
    path.mkdir()

    with pytest.raises(RemoteMailcfgError, match="is a folder") as caught:
        write_report(REPORT, ReportFile("json", path))

    assert caught.value.code == "not-saved"
    assert [it.name for it in folder.iterdir()] == ["report"]


@pytest.mark.parametrize("form", FORMATS)
def test_half_a_character_of_a_server_stops_no_report(form: str, folder: Path) -> None:
    finding = replace(DEBUG, message="half \ud83d of one")
    report = replace(REPORT, outcomes=(outcome(SOUTH, finding),))

    write_report(report, ReportFile(form, folder / "report"))

    assert (folder / "report").read_text(encoding="utf-8")


def test_a_device_is_not_replaced_by_a_report() -> None:
    with pytest.raises(ConfigurationError, match="give a file"):
        parse_reports([f"json:{os.devnull}"])


def test_everything_that_is_wrong_with_reports_is_told_at_once(folder: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_reports(["pdf:a", "json", f"json:{folder}", "json:nowhere/a", "json:b", "sarif:./b"])

    lines = caught.value.message.splitlines()
    assert len(lines) == 5
    for line, told in zip(
        lines,
        (
            "the format is not one of",
            "give a file",
            "give a file",
            "nowhere is not a folder",
            "already",
        ),
        strict=True,
    ):
        assert told in line


# An instance that cannot be rendered


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "prometheus", "markdown", "html"])
def test_an_instance_that_breaks_a_report_takes_no_other_with_it(form: str, tmp_path: Path) -> None:
    strange: Any = object()
    broken = replace(DEBUG, message=strange, severity=strange, subject=strange)
    bad = outcome(Target(name="bad", url="https://bad.example"), broken)
    path = tmp_path / "report"

    report = write_report(
        replace(REPORT, outcomes=(outcome(SOUTH, INFO), bad)), ReportFile(form, path)
    )

    south, crashed = report.outcomes
    assert (south.crash, south.result is None) == (None, False)
    assert crashed.crash is not None
    assert crashed.crash.startswith("Please report this bug")
    assert "south" in path.read_text(encoding="utf-8")
