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
from collections.abc import Iterator, Sequence
from typing import Any

from harness.config.schema import TrackingConfig
from harness.tracking import store

#: The share key: what the link names.
KEY = "harness"
#: The experiment's tag that holds the view.
TAG = f"mlflow.sharedViewState.{KEY}"
#: What the runs' quality is measured by; charts of a metric that no run has stay hidden.
QUALITIES = ("test/accuracy", "test/bleu")
SPARSITY = "sparsity/prunable"
BYTES = "size/tflite_gzip_bytes"
_PARAMS = ("model.name", "sparsity.name", "seed")
_METRICS = (*QUALITIES, SPARSITY, BYTES, "params/nonzero", "time/train_seconds")
#: Curves worth a look before any other.
_CURVES = ("val/accuracy", "val/bleu", "val/loss", "train/loss")
#: Sections of the charts that follow, folded: metrics by the group in their name.
_GROUPS = ("test", "val", "train", "sparsity", "size", "params", "latency", "time")
_FIRST = "Sparsity against quality and size"
_SECOND = "Training"


def save_view(tracking: TrackingConfig) -> None:
    """Writes the view of an experiment; the same one again changes nothing but its time.

    Args:
        tracking: the store and the experiment, which exist.
    """
    client = store.client(tracking.uri)
    experiment = store.open_experiment(tracking.uri, tracking.experiment)
    client.set_experiment_tag(experiment, "mlflow.experimentKind", "custom_model_development")
    client.set_experiment_tag(experiment, TAG, encoded(state()))


def encoded(view: dict[str, Any]) -> str:
    """A view as the tag's value."""
    now = int(time.time() * 1000)
    packed = base64.b64encode(zlib.compress(json.dumps(view).encode(), 9)).decode()
    content = {"name": "Sparsity sweep", "createdAt": now, "updatedAt": now}
    return json.dumps({**content, "state": f"deflate;{packed}"})


def state() -> dict[str, Any]:
    """The state of MLflow's runs page: what is filtered, sorted, shown and drawn."""
    columns = ["attributes.`Dataset`"]
    columns = [*(f"params.`{name}`" for name in _PARAMS), *(f"metrics.`{m}`" for m in _METRICS)]
    return {
        "searchFilter": "tags.`harness.kind` = 'cell'",
        "orderByKey": f"metrics.`{SPARSITY}`",
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
        "columnOrder": [],
        "columnWidths": {},
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": list(_charts()),
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


def _charts() -> Iterator[dict[str, Any]]:
    for quality in QUALITIES:
        for x in (SPARSITY, BYTES):
            yield _chart(
                "SCATTER", _FIRST, f"{quality} {x}",
                xaxis={"key": x, "type": "METRIC"}, yaxis={"key": quality, "type": "METRIC"},
            )  # fmt: skip
        yield _chart(
            "PARALLEL", _FIRST, f"parallel {quality}", selectedParams=["sparsity.name"],
            selectedMetrics=[SPARSITY, BYTES, quality], showAllRuns=True,
        )  # fmt: skip
    for metric in _CURVES:
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
