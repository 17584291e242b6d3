"""TensorFlow Lite files, checked against the model that they were made of."""

import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from harness.errors import ExportError
from harness.export.comparison import compare
from harness.export.quiet import captured


def to_tflite(model: keras.Model, path: Path, samples: np.ndarray, tolerance: float) -> float:
    """Writes a model as a float32 TensorFlow Lite file, and runs it.

    Conversions can go wrong in silence (some that change the weights' storage do), so the
    file gets its name only after its outputs have been compared.

    Args:
        model: A model of Keras' own layers (`harness.models.plain`), with one input and
            one output.
        path: File to write.
        samples: Inputs to compare outputs on, [n, ...].
        tolerance: Largest relative difference accepted.

    Returns:
        The largest difference of an output, relative to the largest output.

    Raises:
        ExportError: If the conversion fails, the file does not run, or the difference is
            beyond the tolerance.
    """
    content = convert(model)
    outputs = run(content, samples)
    error = compare("model.tflite", outputs, np.asarray(model.predict_on_batch(samples)), tolerance)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)
    return error


def convert(model: keras.Model) -> bytes:
    """A model as the bytes of a float32 TensorFlow Lite file.

    Raises:
        ExportError: If the converter refuses it; the message ends with the converter's.
    """
    with captured() as written:
        try:
            return tf.lite.TFLiteConverter.from_keras_model(model).convert()
        except Exception as error:  # the converter raises whatever its layers raise
            lines = [line for line in (str(error) or written()).splitlines() if line.strip()]
            reason = lines[-1].strip() if lines else type(error).__name__
            raise ExportError(
                f"model.tflite: {model.name} cannot be converted: {reason}"
            ) from error


def run(content: bytes, inputs: np.ndarray) -> np.ndarray:
    """Outputs of a TensorFlow Lite model with one input and one output.

    Raises:
        ExportError: If the runtime refuses the file.
    """
    try:
        with captured(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # announces that the interpreter will move
            interpreter = tf.lite.Interpreter(model_content=content)
            slot = interpreter.get_input_details()[0]
            interpreter.resize_tensor_input(slot["index"], inputs.shape)
            interpreter.allocate_tensors()
            interpreter.set_tensor(slot["index"], inputs.astype(slot["dtype"]))
            interpreter.invoke()
            return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    except (RuntimeError, ValueError) as error:
        raise ExportError(f"model.tflite: does not run: {str(error).splitlines()[0]}") from error
