"""The page of an audit in a real Chromium: 1, 50 and 1,000 instances, by mouse and by keyboard."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from remote_mailcfg.model.finding import Finding
from remote_mailcfg.report.audit_report import AuditReport
from remote_mailcfg.report.page import render_html
from tests.audit_fleet import NOT_EXAMINED, make_fleet
from tests.live.debian import install

FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1366,1000",
)
FLEET: Final = make_fleet(50)
#: Measured: 0.7 s on an idle machine with two cores.
MOST_LOAD_SECONDS: Final = 10


@pytest.fixture(autouse=True)
def _nothing_is_left() -> None:
    """Ask no instance: these tests need none."""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    try:
        driver = install("chromedriver", "chromium", "chromium-driver", "fonts-dejavu-core")
        binary = install("chromium", "chromium")
    except RuntimeError as error:
        pytest.skip(str(error))
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()


class Page:
    """A page that is open in the browser, as a reader sees it."""

    def __init__(self, browser: webdriver.Chrome, path: Path) -> None:
        self.browser = browser
        browser.get(path.as_uri())

    def script(self, text: str, *arguments: object) -> Any:
        return self.browser.execute_script(text, *arguments)

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        found = "return [...document.querySelectorAll(arguments[0])].map((it) => it.textContent)"
        texts: list[str] = self.script(found, selector)
        return texts

    @property
    def shown(self) -> list[str]:
        return self.texts("tr.instance:not([hidden]) .name")

    @property
    def focused(self) -> WebElement:
        return self.browser.switch_to.active_element

    def press(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    def says(self, count: int, instances: int) -> None:
        """Wait until the page says how much of it is shown."""
        total = len(self.texts(".name"))
        findings = "finding" if count == 1 else "findings"
        of = "instance" if total == 1 else "instances"
        told = f"{count} {findings} on {instances} of {total} {of}"
        if not instances:
            told = "No instance fits the filter."
        waiting = WebDriverWait(self.browser, 10, poll_frequency=0.02)
        waiting.until(lambda _: self.texts("#status") == [told], f"it never said {told!r}")


Open = Callable[[AuditReport], Page]


@pytest.fixture
def opened(chromium: webdriver.Chrome, tmp_path: Path) -> Iterator[Open]:
    """Open a page; at the end of the test the browser has nothing to complain about."""

    def open_page(report: AuditReport) -> Page:
        path = tmp_path / "audit.html"
        path.write_text(render_html(report), encoding="utf-8")
        return Page(chromium, path)

    yield open_page
    assert chromium.get_log("browser") == []  # type: ignore[no-untyped-call]


def findings_of(report: AuditReport) -> dict[str, list[Finding]]:
    """Return by instance what was found, also where that is nothing."""
    return {
        it.target.name: list(it.result.examination.findings) if it.result else []
        for it in report.outcomes
    }


def not_examined(report: AuditReport) -> set[str]:
    return {it.target.name for it in report.outcomes if it.error}


def fitting(report: AuditReport, fits: Callable[[str, Finding], bool]) -> tuple[int, set[str]]:
    """Return how many findings fit, and the instances that have one or could not be examined."""
    kept = {
        name: [it for it in found if fits(name, it)] for name, found in findings_of(report).items()
    }
    shown = {name for name, found in kept.items() if found} | not_examined(report)
    return sum(len(found) for found in kept.values()), shown


def group_of(report: AuditReport, finding: Finding) -> str:
    return next(rule.group for rule in report.rules if rule.id == finding.rule)


# Sizes


@pytest.mark.parametrize("size", [1, 50, 1000])
def test_a_page_shows_every_instance_and_loads_nothing(opened: Open, size: int) -> None:
    report = make_fleet(size)

    page = opened(report)

    assert set(page.shown) == {it.target.name for it in report.outcomes}
    page.says(sum(len(it) for it in findings_of(report).values()), size)
    assert page.script("return performance.getEntriesByType('resource').length") == 0


def test_a_thousand_instances_are_there_soon_and_found_quickly(opened: Open) -> None:
    report = make_fleet(1000)

    page = opened(report)
    loaded = page.script("return performance.getEntriesByType('navigation')[0].loadEventEnd")
    page.find("#search").send_keys("accra-016")

    page.says(len(findings_of(report)["accra-016"]), 1)
    assert page.shown == ["accra-016"]
    assert loaded / 1000 < MOST_LOAD_SECONDS


@pytest.mark.parametrize("width", [360, 800, 1100, 1920])
@pytest.mark.parametrize("hostile", [False, True], ids=["usual", "hostile"])
def test_a_page_is_never_wider_than_its_window(opened: Open, width: int, hostile: bool) -> None:  # noqa: FBT001
    page = opened(make_fleet(3, hostile=hostile))
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.find("#all").click()
    page.script("for (const it of document.querySelectorAll('details')) it.open = true")

    wide, window = page.script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )

    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide == window


# What is hostile


def test_what_is_hostile_does_nothing(opened: Open) -> None:
    report = make_fleet(2, hostile=True)

    page = opened(report)
    page.find("#all").click()
    page.script("for (const it of document.querySelectorAll('details')) it.open = true")

    assert page.script("return window.hit ?? null") is None
    assert page.script("return document.images.length + document.scripts.length") == 2
    assert page.script("return [...document.links].map((it) => it.protocol)").count("https:") == 1
    assert "javascript:" not in page.script("return [...document.links].map((it) => it.protocol)")
    assert "<script>window.hit=1</script>" in page.texts(".finding")[0]


def test_the_browser_holds_the_page_to_its_policy(chromium: webdriver.Chrome, opened: Open) -> None:
    page = opened(make_fleet(1))

    with pytest.raises(Exception, match="TrustedHTML"):
        page.script("document.body.innerHTML = '<b>'")
    page.script("document.body.append(Object.assign(new Image(), {src: 'https://x.invalid/'}))")

    told = "\n".join(it["message"] for it in chromium.get_log("browser"))  # type: ignore[no-untyped-call]
    assert "TrustedHTML" in told
    assert "https://x.invalid/' violates the following Content Security Policy" in told


# Filters


@pytest.mark.parametrize("severity", ["critical", "error", "warning", "info"])
def test_severities_are_left_out_and_taken_in(opened: Open, severity: str) -> None:
    page = opened(FLEET)
    count, shown = fitting(FLEET, lambda _, it: it.severity == severity)

    for box in page.browser.find_elements(By.CSS_SELECTOR, f".tile:not(.{severity}) input"):
        box.click()

    page.says(count, len(shown))
    assert set(page.shown) == shown
    worst = page.texts("tr.instance:not([hidden]) .chip .sr")
    assert all(it.endswith(f"the worst is {severity}") for it in worst)
    assert worst


def test_a_group_is_chosen(opened: Open) -> None:
    page = opened(FLEET)
    count, shown = fitting(FLEET, lambda _, it: group_of(FLEET, it) == "queue")

    Select(page.find("#group")).select_by_visible_text("queue")

    page.says(count, len(shown))
    assert set(page.shown) == shown


def test_a_tag_is_chosen_and_leaves_its_instances_whole(opened: Open) -> None:
    page = opened(FLEET)
    shown = {it.target.name for it in FLEET.outcomes if "v1" in it.target.tags}
    count = sum(len(found) for name, found in findings_of(FLEET).items() if name in shown)

    Select(page.find("#tag")).select_by_visible_text("v1")

    page.says(count, len(shown))
    assert set(page.shown) == shown


@pytest.mark.parametrize("state", ["new", "standing"])
def test_what_is_new_is_told_from_what_stood(opened: Open, state: str) -> None:
    page = opened(FLEET)
    count, shown = fitting(FLEET, lambda name, it: FLEET.is_new(name, it) is (state == "new"))

    Select(page.find("#state")).select_by_visible_text(state)

    page.says(count, len(shown))
    assert set(page.shown) == shown


def test_every_word_of_a_search_is_found_in_the_instance_or_the_finding(opened: Open) -> None:
    page = opened(FLEET)
    titles = {rule.id: rule.title for rule in FLEET.rules}

    def fits(finding: Finding) -> bool:
        text = f"{finding} {titles[finding.rule]}".lower()
        return "465" in text and "port" in text

    kept = {
        name: [it for it in found if fits(it)]
        for name, found in findings_of(FLEET).items()
        if name.startswith("accra")
    }
    shown = [name for name, findings in kept.items() if findings]
    assert 0 < len(shown) < len(kept)

    page.find("#search").send_keys("ACCRA 465 port")

    page.says(sum(len(it) for it in kept.values()), len(shown))
    assert sorted(page.shown) == sorted(shown)


def test_reset_shows_everything_again(opened: Open) -> None:
    page = opened(FLEET)
    page.find("#search").send_keys("nowhere to be found")
    page.find(".tile.info input").click()
    page.says(0, 0)

    page.find("#reset").click()

    page.says(sum(len(it) for it in findings_of(FLEET).values()), 50)
    assert page.focused.get_attribute("id") == "search"


def test_a_rule_shows_where_it_found_something(opened: Open) -> None:
    page = opened(FLEET)
    button = page.find(".only")
    rule = str(button.get_attribute("data-rule"))
    count, shown = fitting(FLEET, lambda _, it: it.rule == rule)

    page.script("arguments[0].closest('details').open = true", button)
    button.click()

    page.says(count, len(shown - not_examined(FLEET)))
    assert page.focused.get_attribute("id") == "instances"


def test_the_worst_is_first_or_the_order_is_the_inventorys(opened: Open) -> None:
    page = opened(FLEET)
    worst_first = page.shown

    Select(page.find("#order")).select_by_visible_text("as in the inventory")

    assert page.shown == [it.target.name for it in FLEET.outcomes]
    blind = not_examined(FLEET)
    assert set(worst_first[: len(blind)]) == blind
    criticals = [
        sum(it.severity == "critical" for it in findings_of(FLEET)[name])
        for name in worst_first[len(blind) :]
    ]
    assert criticals == sorted(criticals, reverse=True)


# Details


def test_an_instance_opens_with_its_findings_and_its_history(opened: Open) -> None:
    page = opened(FLEET)
    name = page.shown[len(not_examined(FLEET))]

    page.find("#search").send_keys(name)
    page.says(len(findings_of(FLEET)[name]), 1)
    page.find("tr.instance:not([hidden])").click()

    text = "\n".join(page.texts(".sheet"))
    for finding in findings_of(FLEET)[name]:
        since = f"since {FLEET.began(name, finding):%Y-%m-%d}"
        parts = (finding.rule, finding.message, finding.remedy, since)
        assert [it for it in parts if it not in text] == []
    charts = page.browser.find_elements(By.CSS_SELECTOR, ".sheet svg[role=img]")
    assert [str(it.get_attribute("aria-label")).partition(":")[0] for it in charts] == [
        "critical",
        "error",
        "warning",
        "info",
    ]


def test_what_a_filter_leaves_out_of_an_open_instance_is_said(opened: Open) -> None:
    page = opened(FLEET)
    name = page.shown[len(not_examined(FLEET))]
    found = findings_of(FLEET)[name]
    kept = [it for it in found if it.severity == "error"]
    assert 0 < len(kept) < len(found) - 1
    page.find("#search").send_keys(name)
    page.says(len(found), 1)
    page.find("tr.instance:not([hidden])").click()

    for severity in ("critical", "warning", "info"):
        page.find(f".tile.{severity} input").click()

    page.says(len(kept), 1)
    assert len(page.texts(".finding")) == len(kept)
    left = f"{len(found) - len(kept)} more findings, left out by the filter."
    assert left in page.find(".sheet").text


def test_an_instance_that_could_not_be_examined_says_what_to_do(opened: Open) -> None:
    page = opened(make_fleet(2))
    name = make_fleet(2).outcomes[NOT_EXAMINED].target.name

    page.find(".tile.critical input").click()
    page.find(".name").click()

    assert page.shown[0] == name
    assert "Could not be examined" in page.find("td.failed").text
    assert "Check the key." in page.find(".sheet").text


def test_the_history_of_the_fleet_ends_with_what_stands(opened: Open) -> None:
    page = opened(FLEET)

    for tile in page.browser.find_elements(By.CSS_SELECTOR, ".tile"):
        count = tile.find_element(By.CSS_SELECTOR, ".tile-count").text
        told = str(tile.find_element(By.CSS_SELECTOR, "svg").get_attribute("aria-label"))
        assert f", {count} on 2026-11-27T06:00:00Z, at most " in told


# By keyboard, and for eyes


def test_a_page_is_used_by_keyboard_alone(opened: Open) -> None:
    page = opened(FLEET)
    page.press(Keys.TAB)
    assert page.focused.text == "To the instances"
    page.press(Keys.ENTER, Keys.TAB, Keys.TAB)
    first, second, *_, last = page.shown
    assert page.focused.text == first
    page.press(Keys.ARROW_DOWN)
    assert page.focused.text == second
    page.press(Keys.END)
    assert page.focused.text == last
    page.press(Keys.HOME, Keys.ARROW_UP)
    assert page.focused.text == first

    page.press(Keys.ENTER)

    button = page.focused
    assert button.get_attribute("aria-expanded") == "true"
    detail = page.find(f"#{button.get_attribute('aria-controls')}")
    assert detail.is_displayed()
    page.press(Keys.SPACE)
    assert button.get_attribute("aria-expanded") == "false"
    assert page.texts(".detail") == []


def test_filters_are_set_by_keyboard(opened: Open) -> None:
    page = opened(FLEET)
    count, shown = fitting(
        FLEET, lambda _, it: it.severity != "critical" and group_of(FLEET, it) == "sender"
    )

    page.press(Keys.TAB, Keys.TAB, Keys.TAB, Keys.SPACE)
    page.press(*[Keys.TAB] * 5, "sender")

    page.says(count, len(shown))


def test_what_has_focus_is_seen(opened: Open) -> None:
    page = opened(make_fleet(2))
    unseen = []
    for _ in range(20):
        page.press(Keys.TAB)
        style, width = page.script(
            "const it = getComputedStyle(document.activeElement);"
            "return [it.outlineStyle, parseFloat(it.outlineWidth)]"
        )
        if style == "none" or width < 2:
            unseen.append(page.focused.get_attribute("outerHTML"))

    assert unseen == []


def test_every_control_has_a_name(opened: Open) -> None:
    page = opened(make_fleet(2))
    page.find("#all").click()
    page.script("for (const it of document.querySelectorAll('details')) it.open = true")

    controls = page.browser.find_elements(By.CSS_SELECTOR, "button, input, select, a, svg")

    assert [it.get_attribute("outerHTML") for it in controls if not it.accessible_name] == []


def test_light_and_dark_differ_and_both_can_be_read(opened: Open) -> None:
    page = opened(FLEET)
    page.find("#all").click()
    for scheme in ("light", "dark"):
        emulated = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)
        contrasts = page.script(CONTRASTS)
        assert {"chip critical", "chip error", "chip warning", "chip info"} <= contrasts.keys()
        assert {name: ratio for name, ratio in contrasts.items() if ratio < 4.5} == {}
        colour = page.find("body").value_of_css_property("background-color")
        assert (sum(map(int, colour[5:-1].split(",")[:3])) > 384) is (scheme == "light")
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


#: By class or tag the least contrast of a text with what is behind it, as WCAG 2.1 counts it.
CONTRASTS: Final = """
const parse = (colour) => colour.match(/[0-9.]+/g).map(Number);
const light = (colour) => parse(colour).slice(0, 3).map((it) => it / 255)
  .map((it) => (it <= 0.03928 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4))
  .reduce((sum, it, i) => sum + it * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (element) => {
  for (let it = element; it; it = it.parentElement) {
    const colour = getComputedStyle(it).backgroundColor;
    if (parse(colour)[3] !== 0) return colour;
  }
};
const found = {};
for (const it of document.querySelectorAll("h1, h2, h3, p, code, dt, dd, a, th, .chip, .about, .quiet, .failed, .since, .tile-new, .span, button, select")) {
  if (!it.textContent.trim() || it.closest(".skip, noscript")) continue;
  const [a, b] = [light(getComputedStyle(it).color), light(behind(it))].sort((x, y) => y - x);
  const name = it.className || it.tagName;
  found[name] = Math.min(found[name] ?? 99, (a + 0.05) / (b + 0.05));
}
return found;
"""  # noqa: E501 - a line of another language


def test_a_page_is_printed_with_what_is_open_and_without_controls(opened: Open) -> None:
    page = opened(make_fleet(2))
    page.find("#all").click()
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})

    seen = {it: page.find(it).is_displayed() for it in (".fields", "#all", ".sheet", ".chip")}
    printed = page.browser.execute_cdp_cmd("Page.printToPDF", {})["data"]

    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert seen == {".fields": False, "#all": False, ".sheet": True, ".chip": True}
    assert base64.b64decode(printed).startswith(b"%PDF")
