"""TensorFlow Lite files of keyword spotters that take the sound itself.

A spotter trained on MFCC gets the front end as its first layer, with the same weights. Its
two operations, AudioSpectrogram and Mfcc, are custom ones of those names: the runtimes of
TensorFlow Lite bring them; one built without them refuses the file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.export import tflite
from harness.export.base import Samples, refusal
from harness.export.comparison import Comparison, compare, outputs_of
from harness.options import choice

if TYPE_CHECKING:
    import keras


@choice
@dataclass
class TfliteWaveform(tflite.TfliteFormat):
    """A keyword spotter of MFCC, with the front end in it."""

    file: ClassVar[str] = "model_waveform.tflite"
    scored: ClassVar[str | None] = None

    kind: str = "tflite_waveform"

    def check(self, dataset: Any) -> None:
        """The model takes MFCC, which the front end makes."""
        super().check(dataset)
        features = getattr(dataset, "features", None)
        if features == "mfcc":
            return
        given = f"dataset={dataset.name}"
        if features == "waveform":
            given = "dataset.features=waveform, whose tflite takes waveforms already"
        raise refusal(self.kind, given, "tflite, or speech with dataset.features=mfcc")

    def needs(self, data: Any, count: int, seed: int) -> dict[str, np.ndarray]:
        """The sounds that the compared inputs are made of."""
        return {"waveforms": data.waveforms(count)}

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, and runs it."""
        return to_waveform(model, path, samples.more["waveforms"], samples.inputs, tolerance)


def to_waveform(
    model: "keras.Model",
    path: Path,
    waveforms: np.ndarray,
    features: np.ndarray,
    tolerance: float,
) -> Comparison:
    """Writes a model of MFCC as a float32 file that takes waveforms, and runs it.

    Args:
        model: Takes [n, 49, 10, 1].
        path: File to write.
        waveforms: Sounds, [n, samples] in [-1, 1].
        features: What the data set made of the same sounds, [n, 49, 10, 1]: the file must
            give what the model gives for them.
        tolerance: Largest relative difference accepted.

    Raises:
        ExportError: If the conversion fails, the file does not run, or the difference is
            beyond the tolerance.
    """
    from harness.models.layers.front_end import with_front_end
    from harness.models.layers.plain import plain

    whole = plain(with_front_end(model, waveforms.shape[1]))
    content = tflite.convert(whole, path.name)
    outputs = tflite.run(content, waveforms, path.name)
    expected = outputs_of(model, features)
    compared = compare(path.name, outputs, expected, tolerance)
    tflite.write(path, content)
    return compared
