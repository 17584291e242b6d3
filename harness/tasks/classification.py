"""One class for each example: images, words heard, texts."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness import models
from harness.config import Config
from harness.export import Samples
from harness.tasks import EXPORT_SAMPLES, Table, accuracy
from harness.training import objective

#: The ranges of 8-bit activations are taken of so many training examples.
CALIBRATION_SAMPLES = 256


class Classification:
    """A model of logits, one for each class."""

    def require(self) -> None:
        """Nothing beyond the harness's own packages."""

    def build(self, config: Config, data: Any) -> Any:
        """The cell's model, a logit for each of the data's classes."""
        return models.build(config.model, data.input_shape, data.num_classes)

    def objective(self, label_smoothing: float) -> objective.Objective:
        """Cross-entropy and accuracy."""
        return objective.classification(label_smoothing)

    def evaluate(self, model: Any, data: Any, config: Config) -> "ClassScores":
        """Accuracy on the test split."""
        return ClassScores(accuracy.evaluate(model, data.test(config.training.batch_size)))

    def samples(self, data: Any, config: Config) -> Samples:
        """Test examples, and what some formats need besides."""
        calibration = waveforms = None
        if "tflite_int8" in config.export.formats:
            count = min(CALIBRATION_SAMPLES, data.num_train)
            calibration = _first_inputs(data.train(count, seed=config.seed))
        if "tflite_waveform" in config.export.formats:
            waveforms = data.waveforms(EXPORT_SAMPLES)
        return Samples(_first_inputs(data.test(EXPORT_SAMPLES)), calibration, waveforms)

    def rescore(
        self, exported: Sequence[Any], data: Any, config: Config, scores: "ClassScores"
    ) -> dict[str, float]:
        """How well the 8-bit model does on the test set, if there is one, beside the floats."""
        from harness.export.tflite import Runner

        metrics: dict[str, float] = {}
        for artifact in exported:
            if artifact.kind == "tflite_int8":
                runner = Runner(artifact.path.read_bytes(), artifact.path.name)
                found = accuracy.evaluate_function(runner, data.test(config.training.batch_size))
                difference = round(found.accuracy - scores.measured.accuracy, 6)
                metrics = found.metrics("test_int8")
                metrics["test_int8/accuracy_difference"] = difference
        return metrics


class ClassScores:
    """`harness.tasks.accuracy.Accuracy` as the scores of a task."""

    def __init__(self, measured: accuracy.Accuracy):
        self.measured = measured

    def metrics(self, prefix: str) -> dict[str, float]:
        """Loss and accuracy."""
        return self.measured.metrics(prefix)

    def tables(self) -> Mapping[str, Table]:
        """Label and prediction of each test example."""
        pairs = zip(self.measured.labels, self.measured.predictions, strict=True)
        rows = [[number, int(label), int(found)] for number, (label, found) in enumerate(pairs)]
        return {"predictions.csv": Table(("example", "label", "prediction"), rows)}

    def tags(self) -> Mapping[str, str]:
        """None."""
        return {}


def _first_inputs(batches: Any) -> Any:
    return next(batches.as_numpy_iterator())[0]
