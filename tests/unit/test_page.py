"""The page of an audit: no text is taken for the page's own, and nothing else is needed."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from remote_mailcfg.audit.rules import BOOK
from remote_mailcfg.report.audit_report import AuditReport
from remote_mailcfg.report.page import render_html
from tests.audit_fleet import AT, HOSTILE, make_fleet

MEBIBYTE = 1024 * 1024


class Elements(HTMLParser):
    """Every element of a page, with its attributes and what stands in scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[str] = []
        self._in_raw = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self.raw.append("")
            self._in_raw = True

    def handle_endtag(self, tag: str) -> None:
        self._in_raw = False if tag in {"script", "style"} else self._in_raw

    def handle_data(self, data: str) -> None:
        if self._in_raw:
            self.raw[-1] += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def hostile() -> str:
    return render_html(make_fleet(3, hostile=True))


def data_of(page: str) -> Any:
    _style, data, _script = Elements(page).raw
    return json.loads(data)


def test_nothing_of_a_text_becomes_an_element(hostile: str) -> None:
    harmless = Elements(render_html(make_fleet(3)))
    page = Elements(hostile)

    assert len(page.named("script")) == 2
    assert page.named("img") == []
    names = {name for name, _ in page.found}
    assert names == {name for name, _ in harmless.found}
    assert not [it for _, attributes in page.found for it in attributes if it.startswith("on")]


def test_the_texts_are_all_there_for_the_script_to_show(hostile: str) -> None:
    texts = json.dumps(data_of(hostile), ensure_ascii=False)

    assert HOSTILE[:40] in texts
    assert "\x07" not in texts


def test_the_policy_allows_the_pages_own_style_and_script_alone(hostile: str) -> None:
    page = Elements(hostile)
    (policy,) = [it["content"] for it in page.named("meta") if it.get("http-equiv")]
    style, _data, script = page.raw

    assert policy is not None
    assert "default-src 'none'" in policy
    for kind, text in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_nothing_from_elsewhere_is_needed(hostile: str) -> None:
    for name, attributes in Elements(hostile).found:
        for attribute in ("src", "href", "action", "data"):
            address = attributes.get(attribute) or ""
            assert address.startswith(("#", "data:")) or not address, (name, address)
    assert not re.search(r"@import|url\(", hostile)


@pytest.mark.parametrize(("size", "most"), [(1, 0.2), (50, 2), (1000, 4)], ids=str)
def test_a_page_stays_small(size: int, most: float) -> None:
    assert len(render_html(make_fleet(size)).encode()) < most * MEBIBYTE


def test_the_page_has_every_instance_finding_and_rule() -> None:
    report = make_fleet(50)
    data = data_of(render_html(report))

    assert [it["name"] for it in data["instances"]] == [it.target.name for it in report.outcomes]
    assert [it["id"] for it in data["rules"]] == [rule.id for rule in BOOK]
    findings = sum(len(it["findings"]) for it in data["instances"])
    assert findings == sum(
        len(it.result.examination.findings) for it in report.outcomes if it.result
    )


def test_an_instance_that_could_not_be_examined_says_why() -> None:
    data = data_of(render_html(make_fleet(2)))

    _, failed = data["instances"]
    assert failed["error"][0] == "authentication-failed"


def test_an_audit_that_found_nothing_is_a_page_as_well() -> None:
    page = render_html(AuditReport(at=AT, rules=BOOK, outcomes=()))

    assert "No rule found anything." in page
    assert "0 instances" in page
