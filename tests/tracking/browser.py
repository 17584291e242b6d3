"""A headless Chromium that nobody has used before, and what it shows."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1700,1100",
)
#: Seconds for a page to show something, on a machine that does other work.
PATIENCE = 90


@contextmanager
def fresh_browser(profile: Path) -> Iterator[Any]:
    """A browser with an empty profile; skips the test where there is none."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("chromium and chromedriver are missing: apt-get install chromium-driver")
    os.environ["SE_OFFLINE"] = "true"  # the driver is there: nothing is to be looked up
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    service = webdriver.ChromeService(programs[1])
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def visit(driver: Any, address: str) -> None:
    """Opens a page anew: an address that differs after its # would be the same page."""
    driver.get("about:blank")
    driver.get(address)


def text(driver: Any) -> str:
    """What the page shows."""
    return str(driver.find_element("tag name", "body").text)


def wait_for(driver: Any, *words: str) -> str:
    """Waits until the page shows all of these; returns all that it shows."""
    from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    waiting = WebDriverWait(driver, PATIENCE, ignored_exceptions=[StaleElementReferenceException])
    try:
        waiting.until(lambda driver: all(word in text(driver) for word in words))
    except TimeoutException:
        shown = text(driver)
        missing = [word for word in words if word not in shown]
        pytest.fail(f"{driver.current_url} does not show {missing}; it shows:\n{shown}")
    return text(driver)


def wait_until(driver: Any, condition: Any, what: str) -> Any:
    """Waits until `condition(driver)` is true, and returns it."""
    from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    waiting = WebDriverWait(driver, PATIENCE, ignored_exceptions=[StaleElementReferenceException])
    try:
        return waiting.until(condition)
    except TimeoutException:
        pytest.fail(f"{driver.current_url}: no {what}; it shows:\n{text(driver)}")
