"""Float32 TensorFlow Lite files whose kernels have few values each, which compress well.

The file is as large as without, and runs as fast; what it saves, gzip, zstd or xz find. Clustered
is what the converter made of the model, batch normalizations folded in, so that a kernel of the
file has so many values, not a channel of it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.export import tflite, tflite_weights
from harness.export.base import Samples
from harness.export.clustering import CLUSTERS, cluster
from harness.export.comparison import Comparison, agree
from harness.options import choice


@choice
@dataclass
class TfliteClustered(tflite.TfliteFormat):
    """A file of float32 numbers, `clusters` of them a kernel beside zero."""

    file: ClassVar[str] = "model_clustered.tflite"
    scored: ClassVar[str | None] = "test_clustered"
    reads: ClassVar[tuple[str, ...]] = ("clusters",)
    translates: ClassVar[bool] = True

    kind: str = "tflite_clustered"
    clusters: int = CLUSTERS

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, and runs it."""
        content = clustered(tflite.convert(model, path.name), self.clusters)
        expected = tflite.expected(model, samples.inputs)
        compared = agree(path.name, tflite.run(content, samples.inputs, path.name), expected)
        tflite.write(path, content)
        return compared

    def details(self, path: Path, model: Any) -> dict[str, float]:
        """`zeros`: the share of zeros among the file's kernels, at least the model's own."""
        return tflite_weights.zeros(path, model)


def clustered(content: bytes, k: int) -> bytes:
    """A float32 file with k values a kernel beside zero; small kernels are left as they are."""
    changed = bytearray(content)
    for kernel in tflite_weights.kernels(changed):
        if kernel.dtype == np.float32 and kernel.size >= tflite_weights.LEAST_SIZE:
            indices, book = cluster(kernel, k)
            kernel[:] = book[indices]
    return bytes(changed)
