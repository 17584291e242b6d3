"""What every task offers: what a cell's stages are about, by what its model takes.

A task is one file of this folder: a dataclass below `Task`, announced by
`@harness.options.choice`. TensorFlow is imported where a stage needs it, not before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from harness.config import Config
from harness.errors import ExportError
from harness.metrics import Metric, find
from harness.models.base import MODELS
from harness.options import UNNAMED, Options, Room

if TYPE_CHECKING:
    from harness.export import Artifact, Samples
    from harness.training.objective import Objective

TASKS = Room("task", "harness.tasks", tag="name")
#: Exported files are compared with the model on so many test examples, spread over the split.
EXPORT_SAMPLES = 64


@dataclass(frozen=True)
class Table:
    """Rows for a CSV file."""

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Scores(Protocol):
    """What a trained model is worth, and what it said."""

    def metrics(self, prefix: str) -> dict[str, float]:
        """The numbers, by name: `<prefix>/loss` and so on."""

    def tables(self) -> Mapping[str, Table]:
        """What it said example by example: file name -> table."""

    def tags(self) -> Mapping[str, str]:
        """How the numbers were computed, where that has a name."""


@dataclass
class Task(Options):
    """What the stages of a cell ask.

    Attributes:
        takes: what the models of the task take (`ModelOptions.takes`); the task of none in
            particular is that of all the others.
        quality: the metric that cells are compared by.
        signature: the graph that other devices are to time, where files have several.
        name: of the task.
    """

    room: ClassVar[Room] = TASKS
    takes: ClassVar[tuple[str, ...]] = ()
    quality: ClassVar[str]
    signature: ClassVar[str] = ""

    name: str = UNNAMED

    def require(self) -> None:
        """Refuses to begin without the packages that the end will need.

        Raises:
            HarnessError: names the one that is missing.
        """

    def build(self, config: Config, data: Any) -> Any:
        """The cell's model for these data, with fresh weights."""
        from harness import models

        return models.build(config.model, data.input_shape, data.num_classes)

    def objective(self, label_smoothing: float) -> "Objective":
        """What training minimizes and watches."""
        raise NotImplementedError

    def evaluate(self, model: Any, data: Any, config: Config) -> Scores:
        """Scores a model on the test split."""
        raise NotImplementedError

    def inputs(self, data: Any, count: int) -> Any:
        """The model's inputs for test examples of the whole split: exported files run on them."""
        return data.sampled(count)

    def samples(self, data: Any, config: Config) -> "Samples":
        """Those inputs, and what the cell's formats need besides."""
        from harness.export import Samples

        more: dict[str, Any] = {}
        lacking: dict[str, str] = {}
        for each in config.export.chosen():
            try:
                more |= each.needs(data, EXPORT_SAMPLES, config.seed)
            except ExportError as error:
                lacking[each.kind] = str(error)
        return Samples(self.inputs(data, EXPORT_SAMPLES), more, lacking)

    def rescore(
        self, artifact: "Artifact", data: Any, config: Config, scores: Any
    ) -> dict[str, float]:
        """Metrics of an exported file on the test split; none of one that is not scored.

        Args:
            artifact: the file.
            data: as for `evaluate`.
            config: the cell.
            scores: what `evaluate` returned for the model itself.

        Raises:
            ExportError: the file does not run on all of the split.
        """
        return {}


def tested(data: Any, config: Config) -> Any:
    """The test split, in batches of `evaluation.batch_size`."""
    return data.test(config.evaluation.batch_size or config.training.batch_size)


def of(config: Config) -> Task:
    """The task of a cell."""
    return _for(config.model.takes)()


def quality(model: str) -> Metric:
    """The metric by which cells of a model are compared; that of classification if it is unknown.

    Nothing heavy is imported: reports ask this.
    """
    takes = MODELS.find(model).takes if model in MODELS.names() else ""
    return find(_for(takes).quality)


def _for(takes: str) -> type[Task]:
    fitting = [task for _, task in TASKS if takes in task.takes]
    return (fitting or [task for _, task in TASKS if not task.takes])[0]
