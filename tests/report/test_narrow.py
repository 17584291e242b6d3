"""The committed pages on a telephone: nothing of them is cut off."""

import pytest

from tests.settings import ROOT
from tests.tracking.browser import fresh_browser

PAGES = sorted(path.name for path in (ROOT / "results").glob("*.html"))
WIDTH = 420  # CSS pixels
#: Elements that reach beyond the window and are not within one that can be scrolled sideways.
CUT = """
    const scrolls = each => ["auto", "scroll"].includes(getComputedStyle(each).overflowX);
    const within = each => each && (scrolls(each) || within(each.parentElement));
    return [...document.body.querySelectorAll("*")]
        .filter(each => each.getBoundingClientRect().right > window.innerWidth + 1)
        .filter(each => !within(each.parentElement) && !scrolls(each))
        .map(each => each.outerHTML.slice(0, 120));
"""


@pytest.fixture(scope="module")
def telephone(tmp_path_factory):
    with fresh_browser(tmp_path_factory.mktemp("profile")) as driver:
        screen = {"width": WIDTH, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        yield driver


@pytest.mark.parametrize("name", PAGES)
def test_all_of_a_page_can_be_reached(telephone, name):
    telephone.get((ROOT / "results" / name).as_uri())
    assert telephone.execute_script("return window.innerWidth") == WIDTH
    assert telephone.execute_script(CUT) == []
    page = "return document.scrollingElement.scrollWidth"
    assert telephone.execute_script(page) <= WIDTH
    if name != "index.html":
        assert telephone.find_elements("tag name", "table")
