"""Tasks: what a cell's stages are about, by what its model takes.

Classifying images, words or texts is one task, translating another. A task says how the
model is built for the data, what training minimizes, what the test is, and on which inputs
exported files are compared. Nothing heavy is imported until a task is asked.

Adding a task is adding a module with a class and a line to `TASKS`.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.config import Config

#: what a model takes (`ModelOptions.takes`) -> the class of its task
TASKS = {"text pairs": "harness.tasks.translation.Translation"}
#: Exported files are compared with the model on so many test examples.
EXPORT_SAMPLES = 64
_OTHERS = "harness.tasks.classification.Classification"


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


class Task(Protocol):
    """What the stages of a cell ask."""

    def require(self) -> None:
        """Refuses to begin without the packages that the end will need.

        Raises:
            HarnessError: names the one that is missing.
        """

    def build(self, config: Config, data: Any) -> Any:
        """The cell's model for these data, with fresh weights."""

    def objective(self, label_smoothing: float) -> Any:
        """What training minimizes and watches, a `harness.training.objective.Objective`."""

    def evaluate(self, model: Any, data: Any, config: Config) -> Scores:
        """Scores a model on the test split."""

    def samples(self, data: Any, config: Config) -> Any:
        """What exported files are compared on, `harness.export.Samples`."""

    def rescore(
        self, exported: Sequence[Any], data: Any, config: Config, scores: Any
    ) -> dict[str, float]:
        """Metrics of exported files that do not give what the model gives.

        Args:
            exported: `harness.export.Artifact`s.
            data: as for `evaluate`.
            config: the cell.
            scores: what `evaluate` returned for the model itself.
        """


def of(config: Config) -> Task:
    """The task of a cell."""
    module, _, name = TASKS.get(config.model.takes, _OTHERS).rpartition(".")
    task: Task = getattr(importlib.import_module(module), name)()
    return task
