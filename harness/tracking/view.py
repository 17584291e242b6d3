"""The view of an experiment that its link opens: columns, order, filter and charts.

A browser that is new to MLflow shows a table with no metrics and the first runs only. What
"Share" saves in MLflow's UI, an experiment tag with the state of the page, is written here
instead. MLflow documents neither the tag nor the state; they are those of the version that
pyproject.toml pins, and tests/tracking/test_browser.py opens them in a browser.
"""

import base64
import json
import time
import zlib
from collections.abc import Iterator
from typing import Any

from harness import metrics
from harness.config.schema import TrackingOptions
from harness.tracking import store

#: The share key: what the link names.
KEY = "harness"
#: The experiment's tag that holds the view.
TAG = f"mlflow.sharedViewState.{KEY}"
#: Columns of a run's recipe, and of its model's size.
_RECIPE, _SIZE = "tags.`harness.config.training.name`", "metrics.`params/total`"
#: What is drawn against quality.
SPARSITY = "sparsity/prunable"
BYTES = metrics.size("tflite", "gzip_bytes")
#: Sections of the charts that follow, folded: metrics by the group in their name.
_GROUPS = ("test", "val", "train", "sparsity", "size", "params", "time")
_FIRST = "Sparsity against quality and size"
_SECOND = "Training"


def save_view(tracking: TrackingOptions, quality: str, description: str = "") -> None:
    """Writes the view of an experiment, and makes the experiment where it is missing.

    Args:
        tracking: the store and the experiment.
        quality: the metric that measures its runs' quality, such as `test/accuracy`.
        description: Markdown for the experiment's description box; "" leaves it as it is.
    """
    client = store.client(tracking.uri)
    experiment = store.open_experiment(tracking.uri, tracking.experiment)
    tags = {"mlflow.experimentKind": "custom_model_development", TAG: encoded(state(quality))}
    if description:
        tags["mlflow.note.content"] = description

    def write() -> None:
        for key, value in tags.items():
            client.set_experiment_tag(experiment, key, value)

    store.raced(tracking.uri, write)  # of two writers of a new tag, MLflow fails one


def encoded(view: dict[str, Any]) -> str:
    """A view as the tag's value."""
    now = int(time.time() * 1000)
    packed = base64.b64encode(zlib.compress(json.dumps(view).encode(), 9)).decode()
    content = {"name": "Sparsity sweep", "createdAt": now, "updatedAt": now}
    return json.dumps({**content, "state": f"deflate;{packed}"})


def state(quality: str) -> dict[str, Any]:
    """The state of MLflow's runs page: what is filtered, sorted, shown and drawn."""
    # MLflow's own widths cut these names off
    columns = [metrics.find(quality), *metrics.shown(metrics.VIEW)]
    widths = {f"metrics.`{metric.name}`": metric.width for metric in columns}
    # what tells runs of several recipes and sizes of one model apart
    widths |= {"params.`seed`": 70, "params.`model.name`": 120, _RECIPE: 130, _SIZE: 110}
    widths["attributes.`Dataset`"] = 200
    name, created = "attributes.`Run Name`", "runDateAndNestInfo"
    return {
        "searchFilter": "tags.`harness.kind` = 'cell'",
        "orderByKey": f"metrics.`{SPARSITY}`",
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(widths),
        "columnOrder": [name, *widths, created, "duration"],
        "columnWidths": {name: 250, **widths, created: 130, "duration": 80},
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": list(_charts(quality)),
        "compareRunSections": list(_sections()),
        "isAccordionReordered": True,  # or MLflow sorts the sections by name
        "viewMaximized": False,
        "runListHidden": False,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "globalLineChartConfig": {
            "xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": "",
        },
    }  # fmt: skip


def _sections() -> Iterator[dict[str, Any]]:
    for name in (_FIRST, _SECOND, *_GROUPS):
        yield {
            "uuid": f"harness-{name}",
            "name": name,
            "display": name in (_FIRST, _SECOND),
            "isReordered": False,
            "deleted": False,
            "isGenerated": False,
        }


def _charts(quality: str) -> Iterator[dict[str, Any]]:
    for x in (SPARSITY, BYTES):
        yield _chart(
            "SCATTER", _FIRST, x,
            xaxis={"key": x, "type": "METRIC"}, yaxis={"key": quality, "type": "METRIC"},
        )  # fmt: skip
    yield _chart(
        "PARALLEL", _FIRST, "parallel", selectedParams=[],
        selectedMetrics=[SPARSITY, BYTES, quality], showAllRuns=True,
    )  # fmt: skip
    for metric in (quality.replace("test/", "val/"), "val/loss", "train/loss"):
        yield _chart(
            "LINE", _SECOND, metric, metricKey=metric, selectedMetricKeys=[metric],
            lineSmoothness=0, xAxisScaleType="linear", scaleType="linear", range={},
            xAxisKey="step", selectedXAxisMetricKey="", yAxisKey="metric", yAxisExpressions=[],
            ignoreOutliers=False, useGlobalXaxisKey=True, useGlobalLineSmoothing=True,
        )  # fmt: skip


def _chart(kind: str, section: str, name: str, **content: Any) -> dict[str, Any]:
    return {
        "uuid": f"harness-{name}",
        "type": kind,
        "metricSectionId": f"harness-{section}",
        "runsCountToCompare": 100,
        "deleted": False,
        "isGenerated": False,
        **content,
    }
