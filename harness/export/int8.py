"""TensorFlow Lite files of 8-bit integers: weights, activations, inputs and outputs.

Post-training quantization with per-channel weights, after Jacob et al.,
https://arxiv.org/abs/1712.05877, and the specification,
https://ai.google.dev/edge/litert/models/quantization_spec.

Activations get the range that they have on the calibration examples, inputs a narrower one
where that costs less than it gains (Nagel et al., https://arxiv.org/abs/2106.08295, on setting
ranges by their squared error). MFCC need it: digital silence lies at -247, ten times as far out
as any sound, and would leave speech a tenth of the 256 values.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.errors import ExportError
from harness.export import tflite, tflite_weights
from harness.export.base import Samples, refusal
from harness.export.comparison import Comparison, agree, at_once, once, outputs_of
from harness.options import choice

if TYPE_CHECKING:
    import keras

#: The ranges of 8-bit activations are taken of so many training examples.
CALIBRATION_SAMPLES = 256
#: The input's range is chosen on so many of the calibration examples; of large ones fewer, but no
#: fewer than the second number, have values enough.
_TRIED = 128, 16


@choice
@dataclass
class TfliteInt8(tflite.TfliteFormat):
    """A file of 8-bit integers, of classifiers of real numbers; scored on the test set."""

    file: ClassVar[str] = "model_int8.tflite"
    scored: ClassVar[str | None] = "test_int8"

    kind: str = "tflite_int8"

    def check(self, dataset: Any) -> None:
        """Inputs are real numbers, and no front end stands before them."""
        super().check(dataset)
        if not dataset.real:
            raise refusal(
                self.kind,
                f"dataset={dataset.name}",
                "tflite there (8-bit integers are for classifiers of real numbers)",
            )
        if getattr(dataset, "features", None) == "waveform":
            raise refusal(
                self.kind,
                "dataset.features=waveform, but the front end has no 8-bit form",
                "tflite, or dataset.features=mfcc",
            )

    def needs(self, data: Any, count: int, seed: int) -> dict[str, np.ndarray]:
        """Training examples for calibration.

        Raises:
            ExportError: there are none.
        """
        if not data.num_train:
            raise ExportError(
                f"{self.kind}: no training examples to calibrate on; accepted: 1 or more"
            )
        batches = data.train(min(CALIBRATION_SAMPLES, data.num_train), seed=seed)
        return {"calibration": next(batches.as_numpy_iterator())[0]}

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, and runs it."""
        return to_int8(model, path, samples.inputs, samples.more["calibration"])

    def details(self, path: Path, model: Any) -> dict[str, float]:
        """`zeros`: the share of zeros among the file's kernels, at least the model's own."""
        return tflite_weights.zeros(path, model)


def to_int8(
    model: "keras.Model",
    path: Path,
    samples: np.ndarray,
    calibration: np.ndarray,
    more: Callable[[Any], None] = lambda converter: None,
) -> Comparison:
    """Writes a classifier as a TensorFlow Lite file of 8-bit integers, and runs it.

    Rounding to 256 values moves every output, so the check is another than for floats: the
    file must give the samples the classes that the model gives them.

    Args:
        model: A classifier of Keras' own layers, with real inputs.
        path: File to write.
        samples: Inputs to compare outputs on, [n, ...].
        calibration: Training examples, [n, ...], that the activations' ranges are taken of.
        more: Sets further attributes of the `tf.lite.TFLiteConverter`.

    Raises:
        ExportError: If the conversion fails or leaves floats, the file does not run, or too
            few samples get the model's class.
    """
    content = convert(model, _narrowed(model, calibration), path.name, more)
    _refuse_floats(content, path.name)
    outputs = tflite.run(content, samples, path.name)
    expected = outputs_of(model, samples)
    compared = agree(path.name, outputs, expected)
    tflite.write(path, content)
    return compared


def convert(
    model: "keras.Model",
    calibration: np.ndarray,
    name: str = "model_int8.tflite",
    more: Callable[[Any], None] = lambda converter: None,
) -> bytes:
    """A model as the bytes of a TensorFlow Lite file of 8-bit integers.

    An operation that has no integer form is left in floats by the converter.

    Raises:
        ExportError: If the converter refuses it.
    """

    import tensorflow as tf

    def quantize(converter: Any) -> None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = _OneByOne(calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        more(converter)

    return tflite.convert(model, name, quantize)


class _OneByOne:
    """Examples as the converter takes them; the same ones are equal."""

    def __init__(self, examples: np.ndarray):
        self._examples = examples

    def __call__(self) -> Iterator[list[np.ndarray]]:
        return ([example[np.newaxis]] for example in self._examples)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _OneByOne) and self._examples is other._examples

    def __hash__(self) -> int:
        return id(self._examples)


@once
def _narrowed(model: "keras.Model", calibration: np.ndarray) -> np.ndarray:
    """The examples, clipped to the range of inputs whose 256 values serve the model best.

    Either end moves inwards by eighths of the whole range, to where the model's outputs for
    inputs so rounded come nearest to those for the inputs themselves.
    """
    tried = calibration[: min(_TRIED[0], max(_TRIED[1], at_once(calibration)))]
    expected = outputs_of(model, tried)

    def error(low: float, high: float) -> float:
        step = (high - low) / 255
        rounded = low + step * np.rint((np.clip(tried, low, high) - low) / step)
        outputs = outputs_of(model, rounded.astype(tried.dtype))
        return float(np.square(outputs - expected).mean())

    low, high = float(calibration.min()), float(calibration.max())
    eighth = (high - low) / 8
    if not eighth:
        return calibration
    low = _best([low + moves * eighth for moves in range(7)], lambda end: error(end, high))
    ends = [high - moves * eighth for moves in range(7)]
    high = _best([end for end in ends if end - low > eighth / 2], lambda end: error(low, end))
    return np.clip(calibration, low, high)


def _best(ends: list[float], error: Callable[[float], float]) -> float:
    """The end with the least error; a search that found nothing better twice is over.

    Not at once: where few values are, the place of the grid matters beside its width.
    """
    best, least, in_vain = ends[0], error(ends[0]), 0
    for end in ends[1:]:
        found = error(end)
        in_vain = 0 if found < least else in_vain + 1
        if found < least:
            best, least = end, found
        if in_vain == 2:
            break
    return best


def _refuse_floats(content: bytes, name: str) -> None:
    import tensorflow as tf

    # Without the delegates, which would add tensors of their own.
    kind = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # announces that the interpreter will move
        interpreter = tf.lite.Interpreter(model_content=content, experimental_op_resolver_type=kind)
    tensors = interpreter.get_tensor_details()
    floats = [tensor["name"] for tensor in tensors if np.dtype(tensor["dtype"]).kind == "f"]
    if floats:
        raise ExportError(
            f"{name}: cannot be all integers: {len(floats)} of {len(tensors)} tensors stay floats,"
            f" {floats[-1]} among them; accepted: operations that have an integer form"
        )
