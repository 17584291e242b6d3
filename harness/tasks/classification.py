"""One class for each example: images, words heard, texts."""

from collections.abc import Mapping
from typing import Any

from harness import models
from harness.config import Config
from harness.evaluation import accuracy
from harness.tasks import Scores, Table
from harness.training import objective


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

    def evaluate(self, model: Any, data: Any, config: Config) -> Scores:
        """Accuracy on the test split."""
        return _Scores(accuracy.evaluate(model, data.test(config.training.batch_size)))

    def samples(self, data: Any, count: int) -> Any:
        """Inputs of the first test examples."""
        return next(data.test(count).as_numpy_iterator())[0]


class _Scores:
    def __init__(self, measured: accuracy.Accuracy):
        self._measured = measured

    def metrics(self, prefix: str) -> dict[str, float]:
        return self._measured.metrics(prefix)

    def tables(self) -> Mapping[str, Table]:
        pairs = zip(self._measured.labels, self._measured.predictions, strict=True)
        rows = [[number, int(label), int(found)] for number, (label, found) in enumerate(pairs)]
        return {"predictions.csv": Table(("example", "label", "prediction"), rows)}

    def tags(self) -> Mapping[str, str]:
        return {}
