"""The smaller Keras model that is left once dead channels are taken out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.errors import ExportError
from harness.export.base import Format, Samples, refusal
from harness.export.comparison import Comparison, compare, outputs_of
from harness.export.keras_file import reading, to_keras
from harness.options import choice


@choice
@dataclass
class KerasShrunk(Format):
    """`model.keras` without the channels that are zero: fewer weights, the same outputs."""

    file: ClassVar[str] = "model_shrunk.keras"
    scored: ClassVar[str | None] = "test_keras_shrunk"

    kind: str = "keras_shrunk"

    def check(self, dataset: Any) -> None:
        """Channels are followed through models of one input."""
        refuse_pairs(self.kind, dataset)

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the smaller model, and reads it back."""
        return in_its_place(
            model, path.name, samples, tolerance,
            lambda small: to_keras(small, path, samples.inputs, tolerance),
        )  # fmt: skip

    def details(self, path: Path, model: Any) -> dict[str, float]:
        """What is left to do."""
        return left(self.model(path))

    def model(self, path: Path) -> Any:
        """The smaller model."""
        import keras

        with reading(path.name):
            return keras.saving.load_model(path, compile=False)

    def runner(self, path: Path) -> Callable[[Any], np.ndarray]:
        """Runs it."""
        model = self.model(path)
        return lambda inputs: np.asarray(model(inputs, training=False))


def left(model: Any) -> dict[str, float]:
    """`multiply_adds`, all done, and `parameters` of a smaller model."""
    from harness.models.layers.multiply_adds import count

    told: dict[str, float] = {"parameters": model.count_params()}
    counted = count(model)
    return told if counted.uncounted else {**told, "multiply_adds": counted.dense}


def refuse_pairs(kind: str, dataset: Any) -> None:
    """Refuses the data of translation.

    Raises:
        ConfigError: names the format and the data set.
    """
    if dataset.inputs != 1:
        accepted = "packed there, for channels are followed through models of one input"
        raise refusal(kind, f"dataset={dataset.name}", accepted)


def in_its_place(
    model: Any,
    name: str,
    samples: Samples,
    tolerance: float,
    write: Callable[[Any], Comparison],
) -> Comparison:
    """Writes a file of the smaller model that does what a model does.

    Args:
        model: of Keras' own layers.
        name: what to call the file in a refusal.
        samples: to compare outputs on.
        tolerance: the largest difference accepted between the two models.
        write: writes the file of the smaller one, and compares it with that.

    Returns:
        The worse of both comparisons.

    Raises:
        ExportError: there is nothing to take out, the outputs changed, or the file is no good.
    """
    from harness.pruning import PruningError, shrink

    try:
        small = shrink(model, samples.inputs).model
    except PruningError as error:
        raise ExportError(f"{name}: {error}") from error
    outputs, expected = (outputs_of(one, samples.inputs) for one in (small, model))
    compared = compare(name, outputs, expected, tolerance)
    return max(compared, write(small), key=lambda one: one.error)
