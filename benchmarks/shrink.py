"""What dead channels taken out are worth in a stock runtime: MobileNetV1 at half the multiply-adds.

    python -m benchmarks.shrink [--sparsity 0.3] [--width 1.0] [--size 224] [--quick]

Full size, weights as initialised: time does not depend on their values. The dense network, the
pruned one with its dead channels in place, and the shrunk one, each a float32 TensorFlow Lite file
timed in a process of its own, in turns, by one thread (`harness.export.timing`).
Target: the shrunk one 1.5 times as fast as the dense one, or faster.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.export.timing import latency

TARGET = 1.5
SPARSITY = 0.3
_SIZE, _QUICK_SIZE = 224, 96


def ratios(sparsity: float = SPARSITY, width: float = 1.0, size: int = _SIZE) -> dict[str, float]:
    """Dense over shrunk.

    Args:
        sparsity: share of the channels that are taken out, of every layer alike.
        width: factor of the network's channels.
        size: of the images, pixels a side.

    Returns:
        `latency`, `multiply_adds`, `parameters` and `bytes`, each of the dense network over the
        shrunk one's; `latency_not_shrunk`, of the dense network over the pruned one whose dead
        channels are in place; `milliseconds` of the dense one; `busy`, 1 if the times are
        doubtful (`harness.export.timing.latency.Latency.busy`).
    """
    import keras

    from harness.export import tflite
    from harness.models import build
    from harness.models.layers.multiply_adds import count
    from harness.models.layers.plain import plain
    from harness.models.mobilenet_v1 import MobilenetV1
    from harness.pruning import OneShot, Pruner, TiedChannels, shrink

    keras.utils.set_random_seed(0)
    dense = plain(build(MobilenetV1(width=width), (size, size, 3), 1000))
    pruned = plain(dense)
    Pruner(TiedChannels(), OneShot(sparsity)).attach(pruned).detach(pruned)
    small = shrink(pruned).model
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, model in (("tflite", dense), ("pruned", pruned), ("shrunk", small)):
            files[name] = Path(folder, f"{name}.tflite")
            tflite.write(files[name], tflite.convert(model, name))
        measured = latency.measure(files, threads=[1])
        print(measured)
        lengths = {name: path.stat().st_size for name, path in files.items()}
    if measured.failures:
        raise SystemExit(f"not timed: {measured.failures}")
    times = {one.kind: one.median_ms for one in measured.timings}
    return {
        "latency": times["tflite"] / times["shrunk"],
        "latency_not_shrunk": times["tflite"] / times["pruned"],
        "multiply_adds": count(dense).dense / count(small).dense,
        "parameters": dense.count_params() / small.count_params(),
        "bytes": lengths["tflite"] / lengths["shrunk"],
        "milliseconds": times["tflite"],
        "busy": float(bool(measured.busy)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the ratios, and whether the target is met.

    Args:
        arguments: of the command line; by default this process's.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sparsity", type=float, default=SPARSITY)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--size", type=int, default=_SIZE)
    parser.add_argument("--quick", action="store_true", help="smaller images; no target")
    parsed = parser.parse_args(arguments)
    size = _QUICK_SIZE if parsed.quick else parsed.size
    found = ratios(parsed.sparsity, parsed.width, size)
    print(
        f"{found['multiply_adds']:.2f}× fewer multiply-adds, {found['parameters']:.2f}× fewer"
        f" parameters, {found['bytes']:.2f}× fewer bytes"
    )
    print(f"dead channels in place: {found['latency_not_shrunk']:.2f}× as fast as dense")
    full = (parsed.sparsity, parsed.width, size) == (SPARSITY, 1.0, _SIZE)
    met = f"; target {TARGET}×: {'met' if found['latency'] >= TARGET else 'missed'}" if full else ""
    print(f"taken out: {found['latency']:.2f}× as fast as dense{met}")


if __name__ == "__main__":
    main()
