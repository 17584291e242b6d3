"""Renews the pictures of MLflow in the README: docs/images/mlflow-*.png.

    harness sweep demo
    python -m scripts.screenshots sqlite:///mlflow.db

Needs chromium and chromium-driver (apt-get install chromium-driver) and the `dev` extra.
"""

import io
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from tests.tracking.browser import fresh_browser, wait_for

IMAGES = Path(__file__).parents[1] / "docs" / "images"
_PORT = 5077
_CELL = "mnist_cnn · random 75% · seed 1"


def main(uri: str) -> None:
    """Serves the demo's runs and takes a picture of each page worth one."""
    command = [sys.executable, "-m", "harness", "ui", "demo", "--uri", uri, "--port", str(_PORT)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        links = [server.stdout.readline().rpartition(" ")[2].strip() for _ in range(2)]
        with tempfile.TemporaryDirectory() as profile, fresh_browser(Path(profile)) as driver:
            driver.set_window_size(1360, 900)
            _close_the_assistant(driver, links[0])
            _take(driver, "runs", links[0], _CELL, "test/accuracy")
            _take(driver, "charts", links[1], _CELL, "sparsity/prunable vs. test/accuracy")
            driver.get(links[0])
            wait_for(driver, _CELL)
            driver.find_element("link text", _CELL).click()
            wait_for(driver, "Description", "About this run")
            page = f"{driver.current_url.partition('?')[0]}?workflowType=machine_learning"
            _take(driver, "run", page, "Description", "About this run")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def _close_the_assistant(driver: Any, link: str) -> None:
    """MLflow opens its chat beside the first page that a new browser sees, once."""
    driver.get(link)
    wait_for(driver, _CELL, "MLflow Assistant")
    driver.execute_script(
        "for (const key of Object.keys(localStorage))"
        " if (key.includes('assistant.panelOpen')) localStorage.setItem(key, 'false')"
    )


def _take(driver: Any, name: str, address: str, *words: str) -> None:
    driver.get("about:blank")
    driver.get(address)
    wait_for(driver, *words)
    time.sleep(5)  # charts move into place
    # the charts' toolbars, which a browser without a mouse shows all the time
    driver.execute_script(
        "document.querySelectorAll('.modebar').forEach((bar) => { bar.style.display = 'none' })"
    )
    picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    # few colours: a page of text is a tenth of the bytes, and looks the same
    picture.quantize(128).save(IMAGES / f"mlflow-{name}.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
