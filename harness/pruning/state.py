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
from harness.pruning.removal.span import Span


class Weight:
    """A pruned weight: its kernel, its mask (one byte a weight) and its slots.

    Attributes:
        kernel: the kernel in the model.
        index: its place among the pruner's weights.
        axes: input-channel and output-channel axis.
        mask: bool variable of the kernel's shape, True where the weight is kept.
        slots: float32 variables of the kernel's shape, by name.
        note: what the pattern did about a shape that it does not divide.
        span: the channels along its axes, for a pattern that ties them to those of others.
        user_constraint: the constraint the variable had before, applied before the mask.
        held_gradient: float32 variable, the gradient of the last compiled step; None unless a
            method wants it at a refresh.
    """

    def __init__(self, kernel: Kernel, index: int, note: str, span: Span | None = None) -> None:
        assert kernel.axes is not None
        self.kernel = kernel
        self.index = index
        self.axes = kernel.axes
        self.note = note
        self.span = span
        self.mask: Any = None
        self.slots: dict[str, Any] = {}
        self.user_constraint: Any = None
        self.held_gradient: Any = None

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

    def hold(self, gradient: Any) -> None:
        """Keeps a step's gradient for the refresh that follows it."""
        if self.held_gradient is None:
            with tf.init_scope():
                zeros = tf.zeros(self.shape, tf.float32)
                self.held_gradient = tf.Variable(zeros, trainable=False, name="gradient")
        self.held_gradient.assign(gradient)

    @property
    def shape(self) -> tuple[int, ...]:
        """The weight's shape."""
        return self.kernel.shape

    @property
    def follows(self) -> bool:
        """Whether it dies with the channels of others, and is not counted itself."""
        return self.span is not None and self.span.follows

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


def arrays_of(step: Any, weights: Sequence[Weight], pattern: Any) -> dict[str, np.ndarray]:
    """A pruner's step and the variables of its weights as NumPy arrays, and what its pattern is."""
    arrays = {name: local(variable).numpy() for name, variable in _variables(weights).items()}
    step = np.asarray(local(step).numpy(), np.int64)
    return {"step": step, "pattern": np.asarray(repr(pattern)), **arrays}


def assign_arrays(
    step: Any, weights: Sequence[Weight], pattern: Any, state: dict[str, np.ndarray]
) -> None:
    """Assigns what `arrays_of` returned; a state that tells no pattern is taken by its shapes.

    Raises:
        PruningError: it is of another pruner or model.
    """
    state = dict(state)
    theirs = str(state.pop("pattern", repr(pattern)))
    if theirs != repr(pattern):
        raise PruningError(
            f"this state is not of this pruner and model: its masks are {theirs}, and this "
            f"pruner's {pattern}; attach without it to prune anew."
        )
    variables = _variables(weights)
    missing, extra = {"step", *variables} - state.keys(), state.keys() - {"step", *variables}
    if missing or extra:
        raise PruningError(
            "this state is not of this pruner and model: it lacks "
            f"{sorted(missing)[:5]} and has {sorted(extra)[:5]} beyond."
        )
    for name, variable in variables.items():
        shape, path = tuple(variable.shape), weights[int(name.split("/")[1])].path
        if np.shape(state[name]) != shape:
            raise PruningError(
                "this state is not of this pruner and model: "
                f"{name} has shape {np.shape(state[name])}, {path} has {shape}."
            )
    step.assign(int(state["step"]))
    for name, variable in variables.items():
        variable.assign(np.asarray(state[name], variable.dtype.as_numpy_dtype))


def _variables(weights: Sequence[Weight]) -> dict[str, Any]:
    # By place, not by path: Keras renames models that are built or loaded again.
    return {
        f"{name}/{weight.index:04d}": variable
        for weight in weights
        for name, variable in {"mask": weight.mask, **weight.slots}.items()
    }


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
