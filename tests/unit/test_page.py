"""The page of an audit as a file; `tests/live/test_audit_page.py` opens it in a browser."""

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from remote_mailcfg.audit.rules import BOOK, find_rule
from remote_mailcfg.errors import ConfigurationError
from remote_mailcfg.report.audit_report import AuditReport, Counted
from remote_mailcfg.report.page import render_html
from remote_mailcfg.report.page_data import MOST_RUNS, SIGNS
from remote_mailcfg.report.report_file import parse_reports
from tests.audit_fleet import AT, HOSTILE, NOT_EXAMINED, make_fleet

ROOT = Path(__file__).parent.parent.parent
SHOWN = re.sub("[\x07\x00\u2028\u202e]", "\ufffd", HOSTILE)
MOST_BYTES = 2_000_000


class Page(HTMLParser):
    """The elements of a page with their attributes, and the texts in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.elements[-1][0] if self.elements else "", data))

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for it, attributes in self.elements if it == tag]

    def texts_in(self, tag: str) -> list[str]:
        return [text for it, text in self.texts if it == tag and text.strip()]

    @property
    def policy(self) -> str:
        (found,) = (it["content"] for it in self.attributes("meta") if "http-equiv" in it)
        return found or ""

    @property
    def data(self) -> Any:
        return json.loads(self.texts_in("script")[0])


def page(report: AuditReport) -> Page:
    return Page(render_html(report))


# What it holds


def test_an_instance_has_its_findings_with_what_is_not_its_rules_own() -> None:
    report = make_fleet(1)
    (outcome,) = report.outcomes
    assert outcome.result
    first, *rest = outcome.result.examination.findings
    other = replace(first, remedy="Ask Kim.")
    examination = replace(outcome.result.examination, findings=(other, *rest))
    examined = replace(outcome.result.examined, examination=examination)
    changed = replace(outcome, result=replace(outcome.result, examined=examined))
    since = {it.identity(outcome.target.name): AT - timedelta(days=2) for it in rest}

    data = page(replace(report, outcomes=[changed], since=since)).data

    (instance,) = data["instances"]
    rule, severity, server, message, remedy, began, is_new = instance["findings"][0]
    assert data["rules"][rule]["id"] == first.rule
    assert data["severities"][severity] == first.severity
    assert server == ("" if first.server_id is None else f"5 '{first.server_name}'")
    assert (message, remedy, began, is_new) == (first.message, "Ask Kim.", "2026-11-27", 1)
    assert {(it[4], it[5], it[6]) for it in instance["findings"][1:]} == {("", "2026-11-25", 0)}


def test_an_instance_that_could_not_be_examined_says_why() -> None:
    report = make_fleet(2)

    instance = page(report).data["instances"][NOT_EXAMINED]

    error = report.outcomes[NOT_EXAMINED].error
    assert error
    assert instance["error"] == [error.code, error.message, error.hint]
    assert instance["findings"] == []


def test_a_bug_is_told_as_one() -> None:
    report = make_fleet(1)
    crashed = replace(report.outcomes[0], result=None, crash="somewhere")

    (instance,) = page(replace(report, outcomes=[crashed])).data["instances"]

    assert instance["error"][0] == "crashed"


def test_rules_that_were_skipped_are_named_with_the_reason() -> None:
    data = page(make_fleet(1)).data

    assert {data["rules"][rule]["group"] for rule, _ in data["instances"][0]["skipped"]} == {
        data["groups"].index("incoming")
    }
    assert data["instances"][0]["skipped"][0][1] == "the user may not read fetchmail.server"


def test_the_history_is_counted_by_run_and_severity() -> None:
    report = make_fleet(1)
    (target,) = (it.target for it in report.outcomes)
    past = (
        Counted(at=AT - timedelta(days=1), findings={"warning": 3}),
        Counted(at=AT, findings={"critical": 1, "info": 2}),
    )

    data = page(replace(report, history={target.name: past})).data

    assert data["runs"] == ["2026-11-26T06:00:00Z", "2026-11-27T06:00:00Z"]
    assert data["times"] == [AT.timestamp() - 86400, AT.timestamp()]
    assert data["instances"][0]["past"] == [[0, 0, 0, 3, 0], [1, 1, 0, 0, 2]]


def test_of_a_long_history_the_latest_runs_are_shown() -> None:
    report = make_fleet(1)
    (target,) = (it.target for it in report.outcomes)
    days = range(MOST_RUNS + 5, -1, -1)
    past = [Counted(at=AT - timedelta(days=it), findings={"error": it}) for it in days]

    data = page(replace(report, history={target.name: past})).data

    assert len(data["runs"]) == MOST_RUNS
    assert data["instances"][0]["past"][-1] == [MOST_RUNS - 1, 0, 0, 0, 0]
    assert data["instances"][0]["past"][0][:3] == [0, 0, MOST_RUNS - 1]


def test_an_audit_without_a_history_is_a_page_as_well() -> None:
    data = page(replace(make_fleet(2), history={})).data

    assert data["runs"] == []
    assert [it["past"] for it in data["instances"]] == [[], []]


def test_the_rules_that_found_something_are_told_without_a_script_the_worst_first() -> None:
    report = make_fleet(50)

    shown = [it["data-rule"] for it in page(report).attributes("button") if "data-rule" in it]

    found = {
        finding.rule
        for it in report.outcomes
        if it.result
        for finding in it.result.examination.findings
    }
    ranks = [list(SIGNS).index(find_rule(str(it)).severity) for it in shown]
    assert len(shown) == len(found)
    assert set(shown) == found
    assert ranks == sorted(ranks)


def test_a_page_has_every_instance_finding_and_rule_in_their_order() -> None:
    report = make_fleet(50)

    data = page(report).data

    assert [it["id"] for it in data["rules"]] == [rule.id for rule in BOOK]
    for shown, outcome in zip(data["instances"], report.outcomes, strict=True):
        found = outcome.result.examination.findings if outcome.result else ()
        assert shown["name"] == outcome.target.name
        assert [data["rules"][it[0]]["id"] for it in shown["findings"]] == [it.rule for it in found]


@pytest.mark.parametrize("instances", [0, 1])
def test_an_audit_that_found_nothing_says_so(instances: int) -> None:
    report = make_fleet(2)
    errors = [it for it in report.outcomes if it.error]

    text = render_html(replace(report, outcomes=errors[:instances]))

    assert "No rule found anything." in text
    assert "fails from" not in text  # no instance tells


# What it must not do


def test_what_is_hostile_is_only_text() -> None:
    shown = page(make_fleet(3, hostile=True))

    usual = page(make_fleet(3))
    assert {tag for tag, _ in shown.elements} == {tag for tag, _ in usual.elements}
    assert [tag for tag, _ in shown.elements].count("script") == 2
    assert shown.attributes("img") == []
    instance = shown.data["instances"][0]
    assert instance["name"] == SHOWN
    assert {it[3] for it in instance["findings"]} == {SHOWN}
    assert {it[4] for it in instance["findings"]} == {SHOWN}
    assert {it[1] for it in instance["skipped"]} == {SHOWN}
    assert instance["tags"] == [SHOWN]


def test_data_has_nothing_that_ends_a_script_or_begins_a_comment() -> None:
    text = render_html(make_fleet(1, hostile=True))

    data = text.partition('id="data">')[2].partition("</script>")[0]
    assert not re.search("[<>&\u2028\u2029\x00-\x1f]", data)


def test_a_page_needs_nothing_from_elsewhere() -> None:
    shown = page(make_fleet(2))

    assert not [it for _, it in shown.elements if "src" in it or "style" in it]
    addresses = [it["href"] for _, it in shown.elements if "href" in it]
    assert addresses == ["data:,", "#instances", "#rules"]
    assert not [name for _, it in shown.elements for name in it if name.startswith("on")]
    assert "url(" not in "".join(shown.texts_in("style"))


@pytest.mark.parametrize(("directive", "tag"), [("script-src", "script"), ("style-src", "style")])
def test_the_policy_allows_the_own_script_and_style_alone(directive: str, tag: str) -> None:
    shown = page(make_fleet(1))

    own = shown.texts_in(tag)[-1]
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    assert "default-src 'none'" in shown.policy
    assert f"{directive} 'sha256-{digest}';" in shown.policy
    assert "unsafe" not in shown.policy


@pytest.mark.parametrize(("size", "most"), [(1, 100_000), (50, 500_000), (1000, MOST_BYTES)])
def test_a_page_stays_small(size: int, most: int) -> None:
    assert len(render_html(make_fleet(size)).encode()) < most


# The extra, and the package


def test_without_its_extra_a_page_is_refused_with_what_else_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)

    with pytest.raises(ConfigurationError) as caught:
        parse_reports([f"html:{tmp_path}/a", "pdf:b", f"json:{tmp_path}/c"])

    first, second = caught.value.message.splitlines()
    assert "pip install 'remote-mailcfg[html]'" in first
    assert "the format is not one of" in second


def test_the_parts_of_a_page_are_in_the_wheel(tmp_path: Path) -> None:
    build = f"from hatchling.build import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True, capture_output=True)

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {it.removeprefix("remote_mailcfg/report/") for it in archive.namelist()}
    assert {"page.html.jinja", "page.css", "page.js"} <= names
