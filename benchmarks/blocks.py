"""LSTM and Dense layers with zeros in blocks of 1×4, beside their dense twin in a stock runtime.

    python -m benchmarks.blocks [--quick]
    python -m benchmarks.blocks --reviews 128 256 512

Two LSTMs of 1,024 units over 16 steps and a Dense of 8,192, random weights, zeros in those runs of
four consecutive inputs that are least on average, as `sparsity=block_1x4` has them; batch 1, one
thread, all files in turns in one run. Targets: 2 times as fast at 80 %, 4 at 90 %, 6 at 95 %.
With `--reviews` also the net of the IMDB example, 100 words long, at each of these widths.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ExportError
from harness.export import sparse, tflite
from harness.export.timing import latency
from harness.export.timing.times import Latency
from harness.models import MODELS, build
from harness.models.layers.plain import plain
from harness.pruning import Block, OneShot, Pruner

#: Share of zeros -> how many times as fast it should be.
TARGETS: Mapping[float, float] = {0.8: 2.0, 0.9: 4.0, 0.95: 6.0}
BLOCK, STEPS, WORDS, TOLERANCE = 4, 16, 100, 1e-3
_FULL, _SMALL = (1024, 8192), (256, 512)


def network(units: int, outputs: int, sparsity: float) -> Any:
    """Two LSTMs and a Dense with so many zeros, all in blocks of 1×4.

    Args:
        units: of each LSTM, and the width of its inputs.
        outputs: of the Dense.
        sparsity: share of the blocks that are zeros.
    """
    import keras

    keras.utils.set_random_seed(0)
    lstms = [keras.layers.LSTM(units, return_sequences=more) for more in (True, False)]
    model = keras.Sequential([keras.Input((STEPS, units)), *lstms, keras.layers.Dense(outputs)])
    return in_blocks(model, sparsity)


def reviewer(units: int, sparsity: float) -> Any:
    """The IMDB example's network with an LSTM of so many units, likewise."""
    import keras

    keras.utils.set_random_seed(0)
    model = build(MODELS.find("imdb_lstm")(units=units), (WORDS,), 2)
    return plain(in_blocks(model, sparsity))


def in_blocks(model: Any, sparsity: float) -> Any:
    """The model with this share of its blocks zero."""
    if sparsity:
        Pruner(Block((BLOCK, 1)), OneShot(sparsity)).attach(model).detach()
    return model


def ratios(quick: bool = False) -> dict[float, float]:
    """How many times as fast as its dense twin each sparsity is, from one run.

    Args:
        quick: layers a quarter as wide, which gain less or nothing.

    Raises:
        ExportError: a file gives other outputs than its model, does not run, or no operation of it
            takes weights without their zeros.
    """
    units, outputs = _SMALL if quick else _FULL
    examples = np.random.default_rng(0).normal(size=(2, STEPS, units)).astype(np.float32)
    return _against_dense(timed(lambda share: network(units, outputs, share), examples))


def review_ratios(units: int) -> dict[float, float]:
    """The same of the IMDB example's network."""
    vocabulary = MODELS.find("imdb_lstm")().vocabulary_size
    examples = np.random.default_rng(0).integers(0, vocabulary, (2, WORDS)).astype(np.int32)
    return _against_dense(timed(lambda share: reviewer(units, share), examples))


def timed(make: Callable[[float], Any], examples: np.ndarray) -> Latency:
    """Times the dense network and each sparsity's, in turns; raises as `ratios`."""
    with tempfile.TemporaryDirectory() as folder:
        files = {"tflite": Path(folder) / "dense.tflite"}
        tflite.to_tflite(make(0.0), files["tflite"], examples, TOLERANCE)
        for share in TARGETS:
            path = files[f"{share:g}"] = Path(folder) / f"{share:g}.tflite"
            tflite.to_tflite(make(share), path, examples, TOLERANCE, sparse.sparsely)
        return sparsely_run(latency.measure(files, threads=[1]))


def sparsely_run(found: Latency) -> Latency:
    """The times of files, if all of them run, and the pruned ones, named by their share, sparsely.

    Raises:
        ExportError: one does not.
    """
    for kind, reason in found.failures.items():
        raise ExportError(f"{kind}: {reason}")
    for one in found.timings:
        if one.kind in map("{:g}".format, TARGETS) and not one.sparse:
            raise ExportError(f"{one.kind}: all operations run dense: {one.ops}")
    return found


def _against_dense(found: Latency) -> dict[float, float]:
    print(found)
    medians = {one.kind: one.median_ms for one in found.timings}
    return {share: medians["tflite"] / medians[f"{share:g}"] for share in TARGETS}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the ratios beside what was aimed at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small layers")
    parser.add_argument("--reviews", nargs="+", type=int, metavar="UNITS", help="the IMDB LSTM's")
    parsed = parser.parse_args(arguments)
    quick = parsed.quick
    for share, ratio in ratios(quick).items():
        aim = TARGETS[share]
        met = "" if quick else f", target {aim:g}×: {'met' if ratio >= aim else 'MISSED'}"
        print(f"zeros {share:.0%}: {ratio:.2f}× as fast as dense{met}")
    for units in parsed.reviews or ():
        print(f"IMDB LSTM, {units} units", flush=True)
        for share, ratio in review_ratios(units).items():
            print(f"zeros {share:.0%}: {ratio:.2f}× as fast as dense", flush=True)


if __name__ == "__main__":
    main()
