"""What a pruner holds for each pruned weight."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from harness.pruning.errors import PruningError
from harness.pruning.kernels import Kernel


class Weight:
    """A pruned weight: its kernel, its mask (one byte a weight) and its slots.

    Attributes:
        kernel: the kernel in the model.
        index: its place among the pruner's weights.
        axes: input-channel and output-channel axis.
        mask: bool variable of the kernel's shape, True where the weight is kept.
        slots: float32 variables of the kernel's shape, by name.
        note: what the pattern did about a shape that it does not divide.
        user_constraint: the constraint the variable had before, applied before the mask.
    """

    def __init__(self, kernel: Kernel, index: int, note: str) -> None:
        assert kernel.axes is not None
        self.kernel = kernel
        self.index = index
        self.axes = kernel.axes
        self.note = note
        self.mask: Any = None
        self.slots: dict[str, Any] = {}
        self.user_constraint: Any = None

    def create_variables(self, slots: Sequence[str]) -> None:
        """Creates mask and slots. Call it under the model's distribution strategy."""
        # Aggregation NONE lets each replica assign its own copy without talking to the others;
        # all compute the same masks from the same mirrored weights.
        options = {"trainable": False, "aggregation": tf.VariableAggregation.NONE}
        with tf.init_scope():
            self.mask = tf.Variable(tf.ones(self.shape, tf.bool), name="mask", **options)
            self.slots = {
                name: tf.Variable(tf.zeros(self.shape, tf.float32), name=name, **options)
                for name in slots
            }

    @property
    def shape(self) -> tuple[int, ...]:
        """The weight's shape."""
        return self.kernel.shape

    @property
    def path(self) -> str:
        """The kernel's unique path."""
        return self.kernel.path

    @property
    def variable(self) -> Any:
        """The Keras variable."""
        return self.kernel.variable

    @property
    def value(self) -> Any:
        """The weight's present value, a tensor in the variable's own dtype."""
        return tf.convert_to_tensor(self.kernel.variable._value)

    @staticmethod
    def cast(value: Any) -> Any:
        """`value` in float32, the type of scores and gradients."""
        return tf.cast(value, tf.float32)

    def count(self) -> int:
        """How many weights are on the mask."""
        return int(tf.math.count_nonzero(local(self.mask)))

    def count_nonzero(self) -> int:
        """How many weights are not zero."""
        return int(tf.math.count_nonzero(self.value))

    def count_off_mask(self, mask: Any = None) -> int:
        """How many weights are not zero although a mask, by default their own, says so."""
        kept = local(self.mask if mask is None else mask)
        return int(tf.math.count_nonzero(tf.not_equal(self.value, 0) & ~kept))

    def masked(self, value: Any) -> Any:
        """`value` with zeros where the mask is False."""
        # Selecting, not multiplying: an infinite weight off the mask becomes 0 and not NaN.
        return tf.where(self.mask, value, tf.zeros([], value.dtype))


def local(variable: Any) -> Any:
    """The present value of a variable; of a mirrored one, that of this process' first copy."""
    return tf.convert_to_tensor(variable)


def read_state(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """What `Pruner.save` wrote.

    Raises:
        PruningError: no such file, or not one that a pruner wrote.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise PruningError(f"no pruner state at {os.fspath(path)!r}.") from None
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise PruningError(
            f"{os.fspath(path)!r} is not a file that Pruner.save wrote: {error}"
        ) from None
