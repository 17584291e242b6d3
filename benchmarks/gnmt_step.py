"""GNMT as TensorFlow Lite files, zeros in blocks of 1×4, beside its dense twin in a stock runtime.

    python -m benchmarks.gnmt_step [--quick]

The published model (4 layers of 1,024 units, 36,548 subwords), random weights; embeddings, LSTM
kernels and projection without those runs of four consecutive inputs that are least on average, as
`sparsity=block_1x4` has them; the attention stays dense. A sentence of 25 words to 25, one
hypothesis, one thread, all files in turns in one run. Each file is compared with its model first.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.blocks import TARGETS, in_blocks, sparsely_run
from harness.export.base import FORMATS, Samples
from harness.export.timing import latency
from harness.export.timing.times import Latency

TOLERANCE = 1e-3
#: Layers, units and subwords.
_FULL, _SMALL = (4, 1024, 36_548), (2, 128, 1000)
_BOS = 2


def network(sizes: tuple[int, int, int], sparsity: float) -> Any:
    """GNMT with so many zeros, all in blocks of 1×4.

    Args:
        sizes: layers, units and subwords.
        sparsity: share of the blocks of each pruned weight that are zeros.
    """
    import keras

    from harness.models import build
    from harness.models.gnmt import Gnmt
    from harness.models.layers.plain import plain

    layers, units, vocabulary = sizes
    keras.utils.set_random_seed(0)
    model = plain(build(Gnmt("gnmt", layers, units), (None,), vocabulary))
    return in_blocks(model, sparsity)


def measured(quick: bool = False) -> Latency:
    """The times of all files, the dense ones' first.

    Args:
        quick: a model of an eighth of the units, which gains less or nothing.

    Raises:
        ExportError: a file gives other outputs than its model or does not run, or no operation of
            a sparse one takes weights without their zeros.
    """
    sizes = _SMALL if quick else _FULL
    pair = np.random.default_rng(0).integers(4, sizes[-1], (2, 2, 6), np.int32)
    pair[1, :, 0] = _BOS
    samples = Samples(tuple(pair))
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: Path(folder) / f"{kind}.tflite" for kind in ("tflite", "tflite_dynamic")}
        model = network(sizes, 0.0)
        for kind, path in files.items():
            FORMATS.find(kind)().write(model, path, samples, TOLERANCE)
        for share in TARGETS:
            path = files[f"{share:g}"] = Path(folder) / f"{share:g}.tflite"
            model = network(sizes, share)
            FORMATS.find("tflite_sparse")().write(model, path, samples, TOLERANCE)
        del model
        return sparsely_run(latency.measure(files, threads=[1]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the ratios beside what was aimed at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small model")
    quick = parser.parse_args(arguments).quick
    found = measured(quick)
    print(found)
    timings = {one.kind: one for one in found.timings}
    dense = timings["tflite"]
    for share, aim in TARGETS.items():
        one = timings[f"{share:g}"]
        ratio = dense.median_ms / one.median_ms
        met = "" if quick else f", target {aim:g}×: {'met' if ratio >= aim else 'MISSED'}"
        print(f"zeros {share:.0%}: a sentence {ratio:.2f}× as fast as dense{met}")
        for part, ms in one.parts.items():
            print(f"zeros {share:.0%}: {part} {dense.parts[part] / ms:.2f}× as fast")


if __name__ == "__main__":
    main()
