"""Classification: how a file of 8-bit integers is scored beside its model."""

from dataclasses import replace

import pytest

from harness.config import compose
from harness.errors import ExportError
from harness.export import Artifact, int8
from harness.export.comparison import Comparison
from harness.export.size import measure
from harness.models.layers.plain import plain
from harness.tasks.classification import Classification, ClassScores
from harness.tasks.scores.accuracy import evaluate
from tests.training import small


def rescored(path, scores):
    artifact = Artifact("tflite_int8", path, measure(path), Comparison(0.0, 1.0, 1.0))
    return Classification().rescore(artifact, small.data(), compose(["export=tflite_int8"]), scores)


def test_the_difference_of_an_8_bit_file_is_shown_without_rounding_errors(tmp_path):
    data, model = small.data(), small.model()
    calibration = next(data.train(40, 0).as_numpy_iterator())[0]
    path = tmp_path / "model_int8.tflite"
    path.write_bytes(int8.convert(plain(model), calibration))
    measured = replace(evaluate(model, data.test(10)), accuracy=1 / 3)
    metrics = rescored(path, ClassScores(measured))
    difference = metrics["test_int8/accuracy"] - 1 / 3
    assert metrics["test_int8/accuracy_difference"] == round(difference, 6) != difference


def test_a_file_that_does_not_run_is_named(tmp_path):
    path = tmp_path / "model_int8.tflite"
    path.write_bytes(b"no model")
    scores = ClassScores(evaluate(small.model(), small.data().test(10)))
    with pytest.raises(ExportError, match=r"^model_int8\.tflite: "):
        rescored(path, scores)
