"""Whether a model still computes what it computed, on a small batch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from harness.pruning.errors import PruningError


def sample_for(model: Any) -> list[np.ndarray]:
    """A random batch of two for every input; whole-number inputs get zeros and ones.

    Raises:
        PruningError: an input is of open size.
    """
    random = np.random.default_rng(0)
    batch = []
    for tensor in model.inputs:
        shape = tensor.shape[1:]
        if None in shape:
            raise PruningError(
                f"input {tensor.name!r} has the open shape {tensor.shape}: give a sample to check "
                "the outputs on."
            )
        values = random.uniform(0, 2, (2, *shape))
        batch.append(values.astype(keras.backend.standardize_dtype(tensor.dtype)))
    return batch


def all_outputs(model: Any, inputs: Any) -> list[np.ndarray]:
    """All outputs in float32, as at inference."""
    if isinstance(inputs, list) and len(inputs) == 1:
        inputs = inputs[0]
    outputs = keras.tree.flatten(model(inputs, training=False))
    return [np.asarray(keras.ops.cast(one, "float32")) for one in outputs]


def difference(before: list[np.ndarray], after: list[np.ndarray]) -> float:
    """The largest difference of an output, relative to that output's largest value."""
    # NumPy's maximum, for Python's passes over a NaN behind a number
    return float(np.max([_difference(x, y) for x, y in zip(before, after, strict=True)]))


def _difference(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.abs(before - after).max() / max(float(np.abs(before).max()), 1e-30))


def tolerance(model: Any) -> float:
    """What rounding in another order may come to, in the model's precision."""
    low = any(layer.compute_dtype != "float32" for layer in model._flatten_layers())
    return 0.05 if low else 1e-3
