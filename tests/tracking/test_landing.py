"""Which experiment `harness ui` leads to, and with which view."""

import base64
import json
import zlib

import pytest
from mlflow import MlflowClient

from harness.config.schema import TrackingOptions
from harness.tracking.backends import NoRunsError
from harness.tracking.landing import find_landing
from harness.tracking.view import TAG, save_view, state
from tests.tracking.test_runs import by_client_only


@pytest.fixture
def store(store_uri):
    """Three experiments, of which two have runs of the harness and one its view."""
    client = MlflowClient(tracking_uri=store_uri)
    for start, name in enumerate(("old", "new", "other")):
        experiment = client.create_experiment(name)
        kind = {"harness.kind": "cell"} if name != "other" else {}
        client.create_run(experiment, start_time=1_700_000_000_000 + start, tags=kind)
    save_view(TrackingOptions("local", store_uri, "old"), "test/accuracy", "**What it is**")
    return store_uri


def test_the_newest_is_found_or_the_one_that_is_named(store, monkeypatch):
    newest, named = find_landing(store, None), find_landing(store, "old")
    assert (newest.name, newest.viewed) == ("new", False)
    assert (named.name, named.viewed) == ("old", True)
    by_client_only(monkeypatch)
    assert [find_landing(store, None), find_landing(store, "old")] == [newest, named]


def test_the_links(store):
    found = find_landing(store, "old")
    start = f"http://h:1/#/experiments/{found.experiment}/runs"
    view = "viewStateShareKey=harness"
    assert found.link("http://h:1") == f"{start}?{view}&workflowType=machine_learning"
    charts = f"{start}?{view}&compareRunsMode=CHART&workflowType=machine_learning"
    assert found.link("http://h:1", charts=True) == charts
    without = find_landing(store, "new").link("http://h:1")
    assert without.endswith("/runs?workflowType=machine_learning")


def test_what_is_not_there_is_refused_in_a_line(store):
    with pytest.raises(NoRunsError, match=r"received none, of which .* accepted: new, old"):
        find_landing(store, "none")


def test_a_store_without_runs(store_uri):
    with pytest.raises(NoRunsError, match=r"there are no runs at .* yet; `harness sweep demo`"):
        find_landing(store_uri, None)


def test_the_view_is_kept_as_mlflow_reads_it(store):
    experiment = MlflowClient(tracking_uri=store).get_experiment_by_name("old")
    assert experiment.tags["mlflow.note.content"] == "**What it is**"
    assert len(experiment.tags[TAG]) < 5000, "MLflow cuts longer ones"
    method, _, packed = json.loads(experiment.tags[TAG])["state"].partition(";")
    assert method == "deflate"
    unpacked = json.loads(zlib.decompress(base64.b64decode(packed)))
    assert unpacked == state("test/accuracy")
    sections = {section["uuid"] for section in unpacked["compareRunSections"]}
    charts = unpacked["compareRunCharts"]
    assert {chart["metricSectionId"] for chart in charts} <= sections
    assert len({chart["uuid"] for chart in charts}) == len(charts)
    assert "metrics.`test/bleu`" in state("test/bleu")["selectedColumns"]
