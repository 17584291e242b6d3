"""A metric has one home, which every place that shows it reads."""

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from harness import metrics, tasks
from harness.metrics import HIGHER, LOWER, METRICS, find
from harness.models.base import MODELS
from tests.settings import ROOT


def test_names_are_unique_and_what_is_said_of_a_metric_fits():
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert re.fullmatch(r"[a-z0-9_]+/[a-z0-9_]+", metric.name)
        assert metric.better in (HIGHER, LOWER, "")
        assert metric.by, metric.name
        for other in filter(None, (metric.of, metric.instead)):
            assert find(other)
        if {metrics.SIZE, metrics.COST, metrics.SUMMARY} & set(metric.shown):
            assert metric.heading, metric.name
            assert metric.column, metric.name
        if metrics.VIEW in metric.shown:
            assert metric.width


def test_values_are_computed_from_what_was_measured():
    summary = SimpleNamespace(
        total_params=10, trainable_params=9, prunable_params=8, nonzero_params=5,
        sparsity=0.4999999, sparsity_of_all=0.4,
    )  # fmt: skip
    assert metrics.measured(metrics.PRUNED, summary) == {
        "params/total": 10.0,
        "params/trainable": 9.0,
        "params/prunable": 8.0,
        "params/nonzero": 5.0,
        "sparsity/prunable": 0.5,
        "sparsity/all": 0.4,
    }
    fitted = SimpleNamespace(seconds=1.23456, step_ms=None, validating=0.12345)
    assert metrics.measured(metrics.FITTED, fitted) == {
        "time/train_seconds": 1.235,
        "time/validate_seconds": 0.123,
    }
    assert metrics.measured(metrics.PERMUTED, None) == {}


def test_a_files_own_score_is_shown_as_its_models_whatever_its_format():
    values = {"test/bleu": 27.0, "test_packed/bleu": 26.5, "test_packed/chrf": 50.0}
    values |= {"test_dynamic/accuracy": 0.5, "test_dynamic/accuracy_difference": -0.1}
    shown = {m.label: m.text(value) for m, value in metrics.present(metrics.PAGE, values)}
    assert shown == {
        "test BLEU, tokenised": "27.00",
        "test BLEU, tokenised, file packed": "26.50",
        "test accuracy, file dynamic": "50.00%",
    }
    assert [m.name for m, _ in metrics.present(metrics.FIRST, values)] == ["test/bleu"]


def test_a_files_bytes_are_shown_whatever_its_format():
    values = {f"size/weights_{end}": 1000.0 for end in metrics.WEIGHTS}
    values |= {"size/weights_max_error": 0.0, "latency/weights_speedup": 2.0}
    values |= {"size/best_bytes": 900.0, "latency/weights_all_threads_speedup": 3.0}
    shown = {m.label: m.text(value) for m, value in metrics.present(metrics.PAGE, values)}
    assert shown == {
        "fewest bytes of any format, compressed": "900",
        "file weights, bytes": "1,000",
        "file weights, gzip -9": "1,000",
        "× as fast as dense, file weights": "2.00",
    }
    columns = [metric.column for metric in metrics.of_files(metrics.kinds(values), values)]
    times = ("weights_speedup", "weights_all_threads_speedup")
    assert columns == [*(f"weights_{end}" for end in metrics.WEIGHTS), *times]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("test/accuracy", 0.98765, "98.77%"),
        ("test/bleu", 26.774, "26.77"),
        ("params/nonzero", 3_274_634, "3,274,634"),
        ("time/train_seconds", 1234.56, "1,234.6"),
    ],
)
def test_a_value_is_written_as_its_metric_says(name, value, text):
    assert find(name).text(value) == text


def test_every_model_has_a_quality_and_asking_for_it_loads_nothing_heavy():
    assert {tasks.quality(name).better for name in MODELS.names()} == {HIGHER}
    assert tasks.quality("gnmt") == find("test/bleu")
    assert tasks.quality("no model of ours") == find("test/accuracy")
    code = (
        "import sys; from harness import tasks; tasks.quality('gnmt');"
        "heavy = {'tensorflow', 'keras', 'mlflow', 'pandas', 'matplotlib'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=600)
