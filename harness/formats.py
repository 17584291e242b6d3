"""What some export formats need of a data set, and are measured by on it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from harness.config import Config

if TYPE_CHECKING:
    import numpy as np

    from harness.evaluation.accuracy import Accuracy
    from harness.export import Artifact, Samples

#: The ranges of 8-bit activations are taken of so many training examples.
CALIBRATION = 256


def samples(inputs: "np.ndarray", examples: Any, config: Config) -> "Samples":
    """What the cell's formats are compared on and calibrated with.

    Args:
        inputs: The first test examples, [n, ...].
        examples: The `harness.data.base.Data` that they are of.
        config: Of the cell.
    """
    from harness.export import Samples

    calibration = waveforms = None
    if "tflite_int8" in config.export.formats:
        count = min(CALIBRATION, examples.num_train)
        batches = examples.train(count, seed=config.seed)
        calibration = next(batches.as_numpy_iterator())[0]
    if "tflite_waveform" in config.export.formats:
        waveforms = examples.waveforms(len(inputs))
    return Samples(inputs, calibration, waveforms)


def of_int8(
    exported: Iterable["Artifact"], examples: Any, config: Config, scores: "Accuracy"
) -> dict[str, float]:
    """How well the 8-bit file does on the test set; nothing if there is none.

    Args:
        exported: The cell's files.
        examples: The `harness.data.base.Data` to test on.
        config: Of the cell.
        scores: The Keras model's, for the difference.
    """
    from harness.evaluation.accuracy import evaluate_function
    from harness.export.tflite import Runner

    for artifact in exported:
        if artifact.kind == "tflite_int8":
            runner = Runner(artifact.path.read_bytes(), artifact.path.name)
            found = evaluate_function(runner, examples.test(config.training.batch_size))
            difference = round(found.accuracy - scores.accuracy, 6)
            return {**found.metrics("test_int8"), "test_int8/accuracy_difference": difference}
    return {}
