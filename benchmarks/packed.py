"""What a packed model weighs beside the dense float32 one gzipped, and beside its entropy.

    python -m benchmarks.packed

Weights are random (Student's t, 5 degrees of freedom), of the shapes of MobileNetV1 1.0 with the
zeros of magnitude pruning in all but depthwise kernels: bytes at a sparsity depend on little else.
Targets: 12 times smaller or more at 80 %, 20 times at 90 %, 5 % over the entropy or less.
"""

import gzip
import time

import numpy as np

from harness.export import container
from harness.export.packed import quantize

CHANNELS = (
    *((32, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512)),
    *[(512, 512)] * 5,
    *((512, 1024), (1024, 1024)),
)
CLASSES, LEAST_SIZE = 1000, 1024


def weights(sparsity: float) -> list[np.ndarray]:
    """Kernels, and of each normalization a factor and an offset a channel."""
    rng = np.random.default_rng(0)
    found: list[np.ndarray] = []

    def kernel(*shape: int, pruned: bool = True) -> None:
        values = (rng.standard_t(5, shape) * 0.05).astype(np.float32)
        if pruned and sparsity:
            values *= np.abs(values) > np.quantile(np.abs(values), sparsity)
        found.append(values)

    def normalization(channels: int) -> None:
        found.append(rng.normal(1, 0.2, channels).astype(np.float32))
        found.append(rng.normal(0, 0.5, channels).astype(np.float32))

    kernel(3, 3, 3, 32)
    normalization(32)
    for before, after in CHANNELS:
        kernel(3, 3, before, 1, pruned=False)
        normalization(before)
        kernel(1, 1, before, after)
        normalization(after)
    kernel(1, 1, CHANNELS[-1][1], CLASSES)
    found.append(rng.normal(0, 0.1, CLASSES).astype(np.float32))
    return found


def arrays(sparsity: float) -> dict[str, np.ndarray]:
    """As `harness.export.packed` has them."""
    found: dict[str, np.ndarray] = {}
    for number, values in enumerate(weights(sparsity)):
        if values.ndim > 1 and values.size >= LEAST_SIZE:
            found[f"{number}"], found[f"{number}/scale"] = quantize(values)
        else:
            found[f"{number}"] = values
    return found


def main() -> None:
    """Prints a line a sparsity."""
    dense = len(gzip.compress(b"".join(values.tobytes() for values in weights(0.0)), 9))
    print(f"dense float32, gzip -9: {dense:,} bytes")
    for sparsity in (0.0, 0.5, 0.8, 0.9, 0.95):
        given = arrays(sparsity)
        start = time.perf_counter()
        content = container.pack({}, given)
        packed = time.perf_counter()
        _, read = container.unpack(content)
        seconds = packed - start, time.perf_counter() - packed
        assert all(read[name].tobytes() == values.tobytes() for name, values in given.items())
        over = len(content) / container.bound(given) - 1
        print(
            f"{sparsity:4.0%}  {len(content):>9,} bytes  {dense / len(content):5.1f}× smaller"
            f"  {over:5.2%} over the entropy  {seconds[0]:.1f} s to write, {seconds[1]:.1f} to read"
        )


if __name__ == "__main__":
    main()
