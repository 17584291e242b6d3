"""A pruned model in nearly the fewest bytes that its zeros and 8-bit values can take.

Kernels are rounded to 8-bit integers, a scale an output channel, symmetric
(https://ai.google.dev/edge/litert/models/quantization_spec), so that a zero stays a zero; what
the rounding made of them is kept bit for bit, as are all other weights in float32. Of a batch
normalization only what inference needs is kept: one factor and one offset a channel. The rest is
`harness.export.container`.

    from harness.export.packed import load

    model = load("model.packed")  # a keras.Model, in float32
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.errors import ExportError
from harness.export import container, entropy, tflite
from harness.export.base import Format, Samples
from harness.export.comparison import Comparison, agree, outputs_of
from harness.export.keras_file import number_shared, reading
from harness.export.zeros import is_kernel, told
from harness.options import choice

if TYPE_CHECKING:
    import keras

#: Smaller kernels are kept in float32: their scales would weigh as much.
_LEAST_SIZE = 1024
#: What turns a kernel's integers into its weights: scales, or the values that they number.
SCALE, BOOK = "/scale", "/book"


@choice
@dataclass
class Packed(Format):
    """A file of our own, for any model: mask and 8-bit values, entropy coded."""

    file: ClassVar[str] = "model.packed"
    scored: ClassVar[str | None] = "test_packed"

    kind: str = "packed"

    def check(self, dataset: Any) -> None:
        """Needs the package that codes."""
        entropy.require()

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, reads it back and runs what it holds."""
        content = self.content(model)
        outputs = outputs_of(_loaded(content, path.name), samples.inputs)
        expected = outputs_of(model, samples.inputs)
        compared = self.accept(path.name, outputs, expected, tolerance)
        tflite.write(path, content)
        return compared

    def accept(
        self, name: str, outputs: np.ndarray, expected: np.ndarray, tolerance: float
    ) -> Comparison:
        """Rounding moves every output, so what must stay are the samples' classes.

        Raises:
            ExportError: they do not.
        """
        return agree(name, outputs, expected)

    def content(self, model: "keras.Model") -> bytes:
        """The container's bytes."""
        return pack(model)

    def runner(self, path: Path) -> Callable[[Any], np.ndarray]:
        """Runs the model that it holds."""
        model = load(path)
        return lambda inputs: np.asarray(model(inputs, training=False))

    def model(self, path: Path) -> "keras.Model":
        """The model that it holds."""
        return load(path)

    def details(self, path: Path, model: "keras.Model") -> dict[str, float]:
        """`bound_bytes`: the entropy of masks and values; `zeros`, at least the model's own."""
        _, arrays = container.unpack(path.read_bytes(), path.name)
        kernels = [
            (array.size, int(np.count_nonzero(array)))
            for name, array in arrays.items()
            if name.isdigit() and is_kernel(array.shape)  # others are scales and books
        ]
        return {"bound_bytes": container.bound(arrays), **told(path.name, model, kernels)}


def pack(
    model: "keras.Model",
    rounding: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None,
    beside: str = SCALE,
    exact: bool = False,
) -> bytes:
    """The container of a model of Keras' own layers (`harness.models.layers.plain`).

    Args:
        model: to be packed.
        rounding: makes int8 of a kernel, and what turns them into weights; None for `quantize`.
        beside: what that is, `SCALE` or `BOOK`.
        exact: whether every weight is kept as it is, in float32.
    """
    config = json.loads(model.to_json())
    number_shared(config, {})
    return container.pack({"model": config}, _arrays(model, rounding, beside, exact))


def bound(model: "keras.Model") -> float:
    """Bytes of a model's masks and 8-bit values by their entropy (`container.bound`).

    Args:
        model: as for `pack`.
    """
    return container.bound(_arrays(model))


def _arrays(
    model: "keras.Model",
    rounding: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None,
    beside: str = SCALE,
    exact: bool = False,
) -> dict[str, np.ndarray]:
    """The weights by number, kernels as 8-bit integers with what turns them into weights."""
    arrays: dict[str, np.ndarray] = {}
    settled = {} if exact else _settled_normalizations(model)
    for number, weight in enumerate(model.weights):
        # numbers, for names may repeat
        key, value = str(number), np.asarray(settled.get(id(weight), weight.numpy()), np.float32)
        if not exact and value.ndim >= 2 and value.size >= _LEAST_SIZE:
            arrays[key], arrays[f"{key}{beside}"] = (rounding or quantize)(value)
        else:
            arrays[key] = value
    return arrays


def load(path: Path | str) -> "keras.Model":
    """The model that a container holds, in float32.

    Raises:
        ConfigError: the package that decodes is not installed.
        ExportError: it is no container, was cut short or altered, or Keras cannot read its model.
    """
    entropy.require()
    path = Path(path)
    return _loaded(path.read_bytes(), path.name)


def quantize(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """8-bit integers and their scales, one an output channel; zeros stay zeros.

    Args:
        value: float32, the output channels last, or before a last axis of one (depthwise).
    """
    axis = value.ndim - 1 if value.shape[-1] > 1 else value.ndim - 2
    others = tuple(each for each in range(value.ndim) if each != axis)
    largest = np.abs(value).max(axis=others, keepdims=True)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.rint(value / scale).astype(np.int8), scale


def _loaded(content: bytes, name: str) -> "keras.Model":
    import keras

    from harness.models.layers import gnmt_layers  # noqa: F401  registers them

    header, arrays = container.unpack(content, name)
    with reading(name):
        model = keras.models.model_from_json(json.dumps(header["model"]))
    values = []
    for number in range(len(model.weights)):
        value = arrays[str(number)]
        scale, book = (arrays.get(f"{number}{beside}") for beside in (SCALE, BOOK))
        if scale is not None:
            value = value.astype(np.float32) * scale
        values.append(value if book is None else book[value])
    try:
        model.set_weights(values)
    except ValueError as error:
        raise ExportError(f"{name}: its weights are not those of its model: {error}") from error
    return model


def _settled_normalizations(model: "keras.Model") -> dict[int, np.ndarray]:
    """Weights of batch normalizations: mean 0, variance 1, and what does the same.

    By the identity of each, for paths may repeat.
    """
    import keras

    found: dict[int, np.ndarray] = {}
    for layer in model._flatten_layers():
        if type(layer) is not keras.layers.BatchNormalization or not (layer.scale and layer.center):
            continue
        mean, variance = (
            np.asarray(one, np.float64) for one in (layer.moving_mean, layer.moving_variance)
        )
        factor = np.asarray(layer.gamma, np.float64) / np.sqrt(variance + layer.epsilon)
        found[id(layer.beta)] = np.asarray(layer.beta, np.float64) - mean * factor
        found[id(layer.gamma)] = factor * np.sqrt(1 + layer.epsilon)
        found[id(layer.moving_mean)] = np.zeros_like(mean)
        found[id(layer.moving_variance)] = np.ones_like(mean)
    return found
