"""TensorFlow's SavedModel, for its servers."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.errors import ExportError, first_line
from harness.export.base import Format, Samples
from harness.export.comparison import Comparison, compare, outputs_of
from harness.options import choice
from harness.system.quiet import captured


@choice
@dataclass
class SavedModel(Format):
    """A folder with the graph and its weights, whose endpoint is `serve`."""

    file: ClassVar[str] = "saved_model"
    scored: ClassVar[str | None] = "test_saved_model"
    scores_pairs: ClassVar[bool] = False  # its endpoint takes known translations, and makes none

    kind: str = "saved_model"

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the folder, and reads it back."""
        partial = path.with_name(f"{path.name}.partial")
        try:
            with captured():
                model.export(partial, verbose=False)
            outputs = self.runner(partial)(samples.inputs)
            expected = outputs_of(model, samples.inputs)
            compared = compare(path.name, outputs, expected, tolerance)
            shutil.rmtree(path, ignore_errors=True)
            partial.rename(path)
        except ExportError:
            raise
        except Exception as error:  # Keras raises whatever its layers raise
            said = f"{path.name}: {model.name} cannot be exported: {first_line(error)}"
            raise ExportError(said) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return compared

    def runner(self, path: Path) -> Callable[[Any], np.ndarray]:
        """Runs its endpoint."""
        import keras
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))  # its variables live as long as it does

        def run(inputs: Any) -> np.ndarray:
            return np.asarray(loaded.serve(keras.tree.map_structure(tf.convert_to_tensor, inputs)))

        return run
