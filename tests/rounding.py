"""How far float32 may be from float64: as far as the computation carries a rounding, measured.

A tolerance that was tuned on one processor holds that processor's order of summing. What every
processor shares is the computation: how much it makes of a rounding can be measured in float64,
where no processor's own roundings show.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np

#: Of float32: half the distance of two neighbours, relative to them.
ROUNDING = 2.0**-24
Arrays = Sequence[np.ndarray]


def in_float64(model: keras.Model) -> keras.Model:
    """A copy of a Functional or Sequential model that computes in float64, weights included."""

    def clone(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        exact = {**config, "dtype": "float64"} if "dtype" in config else config
        return type(layer).from_config(exact)

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


def amplified(compute: Callable[[Arrays], Arrays], inputs: Arrays, draws: int = 3) -> list[float]:
    """What one rounding of every input does to each output: the largest change in norm.

    Args:
        compute: in float64.
        inputs: of `compute`; those of whole numbers are left alone.
        draws: random roundings tried.
    """
    rng = np.random.default_rng(0)
    exact = compute(inputs)
    found = np.zeros(len(exact))
    for _ in range(draws):
        shaken = [
            one * (1 + ROUNDING * rng.choice([-1, 1], one.shape)) if one.dtype.kind == "f" else one
            for one in inputs
        ]
        changes = zip(compute(shaken), exact, strict=True)
        found = np.maximum(found, [np.linalg.norm(moved - still) for moved, still in changes])
    return list(found)
