"""The page of an audit in a real Chromium: it works without an error, by mouse and by keyboard."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from remote_mailcfg.report.page import render_html
from tests.audit_fleet import make_fleet

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1300,1400",
)
SIZES = (1, 50, 1000)
DEADLINE_SECONDS = 30


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_left() -> None:
    """Leave the server under test alone: a page asks it nothing."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Start Debian's Chromium; install it where it is not there."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        wanted = ["chromium", "chromium-driver"]
        for command in (["update"], ["install", "-y", "--no-install-recommends", *wanted]):
            subprocess.run(["apt-get", "-qq", *command], check=True, capture_output=True)
    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(params=SIZES, ids=str)
def page(request: pytest.FixtureRequest, browser: Chrome, tmp_path: Path) -> Iterator[Chrome]:
    """Open the page of a fleet, hostile texts in it; afterwards the browser has told no error."""
    path = tmp_path / "audit.html"
    path.write_text(render_html(make_fleet(request.param, hostile=True)))
    browser.get(path.as_uri())
    until(browser, "return document.querySelectorAll('tr.instance').length")
    assert len(browser.find_elements(By.CSS_SELECTOR, "tr.instance")) == request.param
    yield browser
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert browser.execute_script("return window.hit") is None


def until(browser: Chrome, script: str) -> None:
    WebDriverWait(browser, DEADLINE_SECONDS).until(lambda it: it.execute_script(script))


def shown(browser: Chrome) -> int:
    count = browser.execute_script(
        "return document.querySelectorAll('tr.instance:not([hidden])').length"
    )
    assert isinstance(count, int)
    return count


def status(browser: Chrome) -> str:
    return browser.find_element(By.ID, "status").text


def test_a_search_leaves_what_fits_and_reset_brings_back_the_rest(page: Chrome) -> None:
    total = shown(page)
    before = status(page)
    search = page.find_element(By.ID, "search")

    search.send_keys("no-such-word-anywhere")
    until(page, "return document.getElementById('status').textContent.startsWith('No instance')")
    assert shown(page) == 0

    page.find_element(By.ID, "reset").click()
    assert (shown(page), status(page)) == (total, before)


def test_a_severity_that_is_not_wanted_is_left_out(page: Chrome) -> None:
    for box in page.find_elements(By.NAME, "severity"):
        box.click()

    until(
        page,
        "return !document.getElementById('status').textContent.includes('finding')"
        " || document.getElementById('status').textContent.startsWith('0 findings')",
    )
    chips = page.execute_script(
        "return document.querySelectorAll('tr:not([hidden]) td .chip').length"
    )
    assert chips == 0


def test_a_group_narrows_the_page(page: Chrome) -> None:
    total = shown(page)

    Select(page.find_element(By.ID, "group")).select_by_visible_text("servers")

    until(page, "return document.getElementById('status').textContent !== ''")
    assert shown(page) <= total


def test_details_open_and_close_by_keyboard(page: Chrome) -> None:
    name = page.find_element(By.CSS_SELECTOR, "tr.instance .name")
    page.execute_script("arguments[0].focus()", name)

    name.send_keys(Keys.ENTER)
    until(page, "return document.querySelector('tr.detail')")
    assert name.get_attribute("aria-expanded") == "true"
    name.send_keys(Keys.ENTER)

    assert page.find_elements(By.CSS_SELECTOR, "tr.detail") == []


def test_arrows_go_from_instance_to_instance(page: Chrome) -> None:
    names = page.find_elements(By.CSS_SELECTOR, "tr.instance .name")
    page.execute_script("arguments[0].focus()", names[0])

    names[0].send_keys(Keys.ARROW_DOWN)

    expected = names[min(1, len(names) - 1)]
    assert page.switch_to.active_element == expected


def test_a_thousand_instances_are_filtered_at_once(browser: Chrome, tmp_path: Path) -> None:
    path = tmp_path / "audit.html"
    path.write_text(render_html(make_fleet(1000)))
    browser.get(path.as_uri())
    search = browser.find_element(By.ID, "search")

    began = time.monotonic()
    search.send_keys("accra-032")
    until(browser, "return document.querySelectorAll('tr.instance:not([hidden])').length === 1")

    assert time.monotonic() - began < 5
