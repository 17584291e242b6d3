"""The zeros that a file keeps of a pruned model: counted, and refused if some were lost."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from harness.errors import ExportError

#: Smaller kernels may become the same by rounding, and files hold the same once.
_LEAST_SIZE = 64


def is_kernel(shape: Sequence[int] | np.ndarray) -> bool:
    """Whether such weights are multiplied or looked up, by two axes or more, and no bias."""
    return int(np.sum(np.asarray(shape) > 1)) >= 2


def told(name: str, model: Any, kernels: Iterable[tuple[int, int]]) -> dict[str, float]:
    """`zeros`: their share among the kernels of a file; nothing if it has none.

    Args:
        name: what to call the file in a refusal.
        model: that it was written of.
        kernels: the size of each kernel in it, and how many of its weights are not zero.

    Raises:
        ExportError: there are fewer zeros than in the model's kernels.
    """
    sizes, left = np.asarray([*kernels], np.int64).reshape(-1, 2).sum(axis=0).tolist()
    expected = _of_model(model)
    if sizes - left < expected:
        raise ExportError(
            f"{name}: {sizes - left:,} zeros are left of the {expected:,} in the model's kernels;"
            " accepted: files that keep them all"
        )
    return {"zeros": round(1 - left / sizes, 6)} if sizes else {}


def _of_model(model: Any) -> int:
    """Zeros that a file of the model has at least.

    The same kernel counts once and one of nothing else not at all: a converter may do that too.
    """
    found: dict[bytes, int] = {}
    for weight in model.trainable_weights:
        size = math.prod(weight.shape)
        if is_kernel(weight.shape) and size >= _LEAST_SIZE and not weight.path.endswith("bias"):
            value = weight.numpy()
            left = int(np.count_nonzero(value))
            found[value.tobytes()] = size - left if left else 0
    return sum(found.values())
