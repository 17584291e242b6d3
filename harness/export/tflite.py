"""TensorFlow Lite files, checked against the model that they were made of.

A translation model becomes one file of two graphs (`harness.export.stepwise`), any other one of
one.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.errors import ExportError
from harness.export import stepwise
from harness.export.base import Format, Samples, refusal
from harness.export.comparison import Comparison, compare, kept, outputs_of
from harness.export.tflite_child import File
from harness.options import choice
from harness.system.quiet import captured

if TYPE_CHECKING:
    import keras


@dataclass
class TfliteFormat(Format):
    """A TensorFlow Lite file of any kind.

    Attributes:
        translates: whether translation models can have it, as two graphs.
    """

    translates: ClassVar[bool] = False

    def runner(self, path: Path) -> "Runner | stepwise.Stepper":
        """Runs the file, from real numbers (or ids) to real numbers."""
        return opened(path.read_bytes(), path.name)

    def check(self, dataset: Any) -> None:
        """Takes models of one input, or of pairs of texts."""
        pairs = self.translates and dataset.holds == "text pairs"
        if dataset.inputs != 1 and not pairs:
            raise refusal(
                self.kind,
                f"dataset={dataset.name}",
                "one of those of export=translation there, or [] (export=keras)",
            )


@choice
@dataclass
class Tflite(TfliteFormat):
    """A file of float32 numbers."""

    file: ClassVar[str] = "model.tflite"
    scored: ClassVar[str | None] = "test_tflite"
    translates: ClassVar[bool] = True

    kind: str = "tflite"

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, and runs it."""
        return to_tflite(model, path, samples.inputs, tolerance)


def to_tflite(
    model: "keras.Model",
    path: Path,
    samples: np.ndarray,
    tolerance: float,
    options: Callable[[Any], None] = lambda converter: None,
) -> Comparison:
    """Writes a model as a float32 TensorFlow Lite file, and runs it.

    Conversions can go wrong in silence (some that change the weights' storage do), so the
    file gets its name only after its outputs have been compared.

    Args:
        model: A model of Keras' own layers (`harness.models.layers.plain`), with one input and
            one output; or GNMT.
        path: File to write.
        samples: Inputs to compare outputs on, [n, ...]; of GNMT sentences and translations.
        tolerance: Largest relative difference accepted.
        options: Sets a `tf.lite.TFLiteConverter`'s attributes.

    Raises:
        ExportError: If the conversion fails, the file does not run, or the difference is
            beyond the tolerance.
    """
    content = convert(model, path.name, options)
    outputs = run(content, samples, path.name)
    compared = compare(path.name, outputs, expected(model, samples), tolerance)
    write(path, content)
    return compared


def expected(model: "keras.Model", inputs: Any) -> np.ndarray:
    """What a file of a model is to give: its outputs, of a translation model by log-softmax."""
    from harness.models.layers.gnmt_graphs import takes_turns

    outputs = outputs_of(model, inputs)
    if takes_turns(model):
        import tensorflow as tf

        return tf.nn.log_softmax(outputs).numpy()
    return outputs


def write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


def convert(
    model: "keras.Model",
    name: str = "model.tflite",
    options: Callable[[Any], None] = lambda converter: None,
) -> bytes:
    """A model as the bytes of a TensorFlow Lite file, float32 unless `options` say otherwise.

    Args:
        model: See `to_tflite`.
        name: What to call the file in a refusal.
        options: Sets a `tf.lite.TFLiteConverter`'s attributes.

    Raises:
        ExportError: If the converter refuses it; the message ends with the converter's.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert import deduplicate_readonly_buffers, mlir_sparsify

    from harness.models.layers.front_end import takes_waveforms

    sparse = tf.lite.Optimize.EXPERIMENTAL_SPARSITY
    with captured() as written, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it does by default
        try:
            with _converter(model) as converter:
                # The runtimes bring the front end's operations, as custom ones.
                converter.allow_custom_ops = takes_waveforms(model)
                options(converter)
                asked = converter.optimizations
                # The converter's last steps, here by themselves: the rest takes most of the time,
                # and a file with zeros and one without them have it in common.
                converter.optimizations = [each for each in asked if each != sparse]
                content: bytes = kept(model, _settings(converter), converter.convert)
                if sparse in asked:
                    content = deduplicate_readonly_buffers(mlir_sparsify(content))
        except Exception as error:  # the converter raises whatever its layers raise
            lines = [line for line in (str(error) or written()).splitlines() if line.strip()]
            reason = lines[-1].strip() if lines else type(error).__name__
            raise ExportError(f"{name}: {model.name} cannot be converted: {reason}") from error
    return content


def _settings(converter: Any) -> tuple[Any, ...]:
    """What formats set of a converter: two alike make the same file of a model."""
    target = converter.target_spec
    return (
        *(tuple(map(str, each)) for each in (target.supported_ops, target.supported_types)),
        *(tuple(map(str, converter.optimizations)), converter.representative_dataset),
        *(converter.inference_input_type, converter.inference_output_type),
    )


def with_inputs(model: "keras.Model", inputs: Any = None) -> "keras.Model":
    """A model that knows its inputs, which a subclassed one read from a file does not.

    Without them TensorFlow refuses it: "input shapes have not been set".

    Args:
        model: Any; one that knows its inputs is returned as it is.
        inputs: A batch that it takes, [n, ...]; by default floats of the shape that the file
            remembers.

    Raises:
        ExportError: If neither is known.
    """
    import keras

    known = (getattr(model, name, None) for name in ("inputs", "_saved_model_inputs_spec"))
    if any(one is not None for one in known):
        return model
    if inputs is not None:
        named = keras.backend.standardize_dtype
        slots = keras.tree.map_structure(
            lambda one: keras.Input(one.shape[1:], dtype=named(one.dtype)), inputs
        )
    else:
        shape = (getattr(model, "_build_shapes_dict", None) or {}).get("input_shape")
        if not isinstance(shape, list | tuple) or not all(isinstance(n, int) for n in shape[1:]):
            raise ExportError(
                f"{model.name} does not know the shape of its inputs: give a batch of them, such "
                "as size_of(model, inputs)."
            )
        slots = keras.Input(tuple(shape[1:]))
    return keras.Model(slots, model(slots, training=False))


@contextmanager
def _converter(model: "keras.Model") -> Iterator[Any]:
    """For any batch size, but for recurrent layers: their loops only convert for a known one."""
    import keras
    import tensorflow as tf

    from harness.models.layers import gnmt_graphs

    if gnmt_graphs.takes_turns(model):
        signatures = gnmt_graphs.Graphs(model).signatures()
        with tempfile.TemporaryDirectory() as folder:  # which it reads when it converts
            tf.saved_model.save(tf.Module(), folder, signatures)
            yield tf.lite.TFLiteConverter.from_saved_model(folder, list(signatures))
        return
    layers = model._flatten_layers()  # nested ones too
    if any(isinstance(layer, keras.layers.RNN) for layer in layers):
        (slot,) = model.inputs
        one = keras.Input(batch_shape=(1, *slot.shape[1:]), dtype=slot.dtype)
        model = keras.Model(one, model(one, training=False))
    yield tf.lite.TFLiteConverter.from_keras_model(model)


def run(content: bytes, inputs: Any, name: str = "model.tflite") -> np.ndarray:
    """Outputs of a TensorFlow Lite model for a batch of inputs, [n, ...].

    The first goes through it alone, as devices run it: kernels differ by the size of a batch, and
    what is refused or wrong of one need not be of many.

    Raises:
        ExportError: If the runtime refuses the file or the inputs, or dies of them.
    """
    file = opened(content, name)
    if isinstance(file, stepwise.Stepper) or len(inputs) < 2:
        return file(inputs)
    return np.concatenate([file(inputs[:1]), file(inputs[1:])])


def opened(content: bytes, name: str = "model.tflite") -> "Runner | stepwise.Stepper":
    """What runs a file: of one graph, or of a translation model's two.

    Args:
        content: the file's bytes.
        name: what to call it in a refusal.

    Raises:
        ExportError: If the runtime refuses the file, or dies of it.
    """
    file = File(content, name)
    return stepwise.Stepper(file) if file.signatures else Runner(file)


class Runner:
    """Runs a TensorFlow Lite model of one input and one output, batch by batch.

    Inputs and outputs are real numbers: for a model of 8-bit integers they are quantized on
    the way in and scaled back on the way out, as its input and output tensors say.

    Args:
        file: of one graph.

    Example:
        >>> logits = opened(Path("model_int8.tflite").read_bytes())(images)
    """

    def __init__(self, file: File):
        self._file = file
        (self._input,), (self._output,) = file.inputs, file.outputs

    def __call__(self, inputs: Any) -> np.ndarray:
        """Outputs for a batch, [n, ...].

        Raises:
            ExportError: If the model does not run on such inputs, or its interpreter dies.
        """
        values = _quantized(np.asarray(inputs), self._input)
        return _real(self._file.run(values), self._output)


def _quantized(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    scale, zero = tensor["quantization"]
    if not scale:
        return values.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.rint(values / scale) + zero, limits.min, limits.max).astype(tensor["dtype"])


def _real(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    scale, zero = tensor["quantization"]
    return (values.astype(np.float32) - zero) * scale if scale else values
