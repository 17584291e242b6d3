"""A file that goes wrong on all examples after it went well on a few takes nothing with it."""

from types import SimpleNamespace

import keras
import pytest

from harness import metrics
from harness.cell.shipping import BEST, FAILED, ship
from harness.config import compose
from harness.errors import ExportError
from tests.training import small


class Task:
    """Scores files, of which one does not run to its end."""

    quality = "test/accuracy"

    def __init__(self, wrong):
        self.wrong = wrong

    def samples(self, examples, config):
        return next(iter(small.data().test(10)))[0].numpy()

    def rescore(self, artifact, examples, config, scores):
        if artifact.kind == self.wrong:
            raise ExportError("it strays on the test split", 0.25)
        return {f"test_{artifact.kind}/accuracy": 0.75}


@pytest.mark.parametrize("wrong", ["tflite_float16", "tflite"])
def test_it_has_no_bytes_and_a_reason(tmp_path, wrong):
    keras.utils.set_random_seed(0)
    formats = "export.formats=[tflite,tflite_float16]"
    config = compose([formats, "export.compress=[gzip]"])
    scores = SimpleNamespace(metrics=lambda split: {"test/accuracy": 0.5})
    heard = []
    shipped = ship(Task(wrong), small.model(), None, config, scores, tmp_path, heard.append)
    (right,) = {"tflite", "tflite_float16"} - {wrong}
    assert [each.kind for each in shipped.artifacts] == ["keras", right]
    (failure,) = shipped.failures
    assert (failure.kind, failure.reason, failure.correlation) == (
        wrong,
        "it strays on the test split",
        0.25,
    )
    assert shipped.tags[f"{FAILED}{wrong}"] == failure.reason
    assert shipped.tags[BEST] == right
    assert metrics.kinds(shipped.metrics) == ["keras", right]
    assert f"size/{wrong}_bytes" not in shipped.metrics
    assert shipped.metrics[f"size/{right}_bytes"] > 0
    # the float32 weights are weighed compressed in one file: `tflite`, where that is there
    assert ("size/keras_gzip_bytes" in shipped.metrics) == (wrong == "tflite")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model.keras", {"tflite": "model.tflite"}.get(right, "model_float16.tflite")}
    assert f"scoring {wrong}" in heard
