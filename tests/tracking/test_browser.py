"""What a researcher sees: `harness ui` on a real sweep, in a browser that is new to MLflow.

MLflow documents neither the saved view nor its state, so this is what pins them to the
version in use. Nothing is clicked to get there.
"""

import json
import signal
import socket
import subprocess

import pytest

from harness.config import compose
from harness.config.label import run_name
from tests.runs import by_sparsity, runs
from tests.settings import TINY, command, environment, harness
from tests.tracking.browser import fresh_browser, text, visit, wait_for, wait_until

#: By sparsity, as the view sorts them: 2:4 prunes less than 50 %, for one layer has no fours.
SPARSITIES = ("sparsity=dense",), ("sparsity=structured_2x4",)
SPARSITIES += (("sparsity=random", "sparsity.target=0.75"),)
NAMES = [run_name(compose([*TINY, *each]), [*TINY, *each]) for each in SPARSITIES]


@pytest.fixture(scope="module")
def served(swept, tmp_path_factory):
    """The address of `harness ui`, its two links, and what `--open` opened."""
    folder = tmp_path_factory.mktemp("opened")
    opener = folder / "opener"
    opener.write_text(f'#!/bin/sh\necho "$1" > {folder / "link"}\n')
    opener.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        command("ui", "tiny.yaml", "--open", "--port", str(port)),
        cwd=swept.folder,
        env={**environment(), "BROWSER": f"{opener} %s"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        runs_line, charts_line, assistant, stop = (process.stdout.readline() for _ in range(4))
        assert "assistant" in assistant
        assert "Ctrl-C stops it" in stop
        links = [line.rpartition(" ")[2].strip() for line in (runs_line, charts_line)]
        yield f"http://127.0.0.1:{port}", links, (folder / "link").read_text().strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with fresh_browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def cells(swept):
    return by_sparsity(swept.uri)


@pytest.fixture(scope="module")
def pages(served, swept, cells):
    """The addresses of the sweep's run and of a pruned cell's."""
    (parent,) = runs(swept.uri, "sweep")
    experiment = parent.client.get_run(parent.id).info.experiment_id
    start = f"{served[0]}/#/experiments/{experiment}/runs"
    return f"{start}/{parent.id}", f"{start}/{cells['random'].id}"


def test_the_link_lands_on_the_sweeps_table(served, browser, cells):
    _, (link, _), opened = served
    assert opened == link
    visit(browser, link)
    shown = wait_for(browser, *NAMES, "test/accuracy", "size/tflite_gzip_bytes", "Sort: sparsity")
    rows = [browser.find_element("link text", name).rect["y"] for name in NAMES]
    assert rows == sorted(rows), "dense first, then by sparsity"
    assert "sweep · tiny" not in shown, "the parent has no numbers for a row among the cells"
    lines = shown.splitlines()
    for run in cells.values():
        assert f"{run.metrics['test/accuracy']:g}" in lines
        assert f"{run.metrics['size/tflite_gzip_bytes']:.0f}" in lines
    columns = ("test/accuracy", "sparsity/prunable", "size/tflite_gzip_bytes")
    heads = {
        cell.get_attribute("col-id"): cell.rect["x"]
        for cell in browser.find_elements("css selector", ".ag-header-cell")
    }
    places = [heads[f"metrics.`{name}`"] for name in columns]
    assert places == sorted(places), "the columns stand in the view's order"
    assert places[-1] + 100 < browser.get_window_size()["width"], "in sight"


def test_the_other_link_lands_on_its_charts(served, browser):
    visit(browser, served[1][1])
    title = "sparsity/prunable vs. test/accuracy"
    wait_for(browser, *NAMES, "Sparsity against quality and size", title, "Training")

    def drawn(driver):
        plots = driver.find_elements("css selector", ".js-plotly-plot")
        points = [len(plot.find_elements("css selector", ".point")) for plot in plots]
        return points if points.count(3) >= 2 else None

    wait_until(browser, drawn, "two scatter charts with a point a run")


def test_a_runs_page_says_what_it_is(browser, pages, cells):
    visit(browser, f"{pages[1]}?workflowType=machine_learning")
    run = cells["random"]
    accuracy = f"{run.metrics['test/accuracy']:.2%}"
    shown = wait_for(browser, "Description", "random 75%", f"test accuracy {accuracy}")
    fingerprint = run.tags["harness.data_fingerprint"]
    assert f"mnist train ({fingerprint[:16]})" in shown
    assert "sweep · tiny" in shown, "its parent"
    assert "harness run" in shown, "its source"
    assert "0.75" in shown.splitlines(), "sparsity, not rounded to noise"


def test_a_runs_metrics_are_grouped(browser, pages):
    visit(browser, f"{pages[1]}/model-metrics?workflowType=machine_learning")
    groups = ("test", "train", "val", "size", "sparsity", "sparsity/layer", "params", "time")
    lines = wait_for(browser, *groups).splitlines()
    assert set(groups) <= set(lines)
    assert sum(line.startswith("sparsity/layer") for line in lines) == 1, "one group, all layers"


def test_a_runs_files_can_be_looked_at(browser, pages):
    visit(browser, f"{pages[1]}/artifacts/model?workflowType=machine_learning")
    names = ("curves", "config.yaml", "predictions.csv", "model.keras", "model.tflite")
    shown = wait_for(browser, *names, "Model schema", "[-1,28,28,1]", "[-1,10]")
    assert "Register model" in shown
    visit(browser, f"{pages[1]}/artifacts/curves/loss.png?workflowType=machine_learning")

    def picture(driver):
        images = driver.find_elements("css selector", "img[src^='blob:'], img[src*='loss.png']")
        return any(int(image.get_property("naturalWidth")) > 300 for image in images)

    wait_until(browser, picture, "picture of the loss")


def test_the_sweeps_run_shows_its_table(browser, pages, swept):
    visit(browser, f"{pages[0]}?workflowType=machine_learning")
    wait_for(browser, "A small net on digits", "harness sweep tiny", "Child runs", *NAMES)
    visit(browser, f"{pages[0]}/artifacts/table/table.md?workflowType=machine_learning")
    wait_for(browser, "random 75%", "2 by 4", "How to reproduce")


def test_no_page_needed_anything_but_the_server(served, browser):
    addresses = set()
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            addresses.add(message["params"]["request"]["url"])
    asked = {address for address in addresses if address.startswith(("http", "ws"))}
    assert any(address.startswith(f"{served[0]}/static-files/") for address in asked)
    assert {address for address in asked if not address.startswith(f"{served[0]}/")} == set()
    assert "Something went wrong" not in text(browser)


def test_a_server_that_runs_already_only_gets_a_link(served, tmp_path):
    done = harness("ui", "tracking=server", f"tracking.uri={served[0]}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"tiny, runs:   {served[1][0]}",
        f"tiny, charts: {served[1][1]}",
    ]
    done = harness("ui", "no_such_sweep", "--uri", served[0], cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("harness: received no_such_sweep")
    assert done.stderr.endswith("accepted: tiny\n")
    assert not list(tmp_path.iterdir())
