"""One class for each example: images, words heard, texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.config import Config
from harness.export import Artifact
from harness.options import choice
from harness.tasks.base import Table, Task, tested
from harness.tasks.scores import accuracy

if TYPE_CHECKING:
    from harness.training.objective import Objective


@choice
@dataclass
class Classification(Task):
    """A model of logits, one for each class."""

    quality: ClassVar[str] = "test/accuracy"

    name: str = "classification"

    def objective(self, label_smoothing: float) -> "Objective":
        """Cross-entropy and accuracy."""
        from harness.training import objective

        return objective.classification(label_smoothing)

    def evaluate(self, model: Any, data: Any, config: Config) -> "ClassScores":
        """Accuracy on the test split."""
        return ClassScores(accuracy.evaluate(model, tested(data, config)))

    def rescore(
        self, artifact: Artifact, data: Any, config: Config, scores: "ClassScores"
    ) -> dict[str, float]:
        """How well the file does on the test set, beside the model itself."""
        formats = {each.kind: each for each in config.export.chosen()}
        each = formats.get(artifact.kind)
        if each is None or each.scored is None:
            return {}
        found = accuracy.evaluate_function(each.runner(artifact.path), tested(data, config))
        difference = round(found.accuracy - scores.measured.accuracy, 6)
        return {**found.metrics(each.scored), f"{each.scored}/accuracy_difference": difference}


class ClassScores:
    """`harness.tasks.scores.accuracy.Accuracy` as the scores of a task."""

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
