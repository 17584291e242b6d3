"""A batch in parts: computed one after the other, for one update of the weights.

On one device Keras is given the parts as batches, and its optimizer updates on every n-th. Where
replicas share a batch it cannot, for it updates in a branch, which its strategies cannot enter; and
in float16 it is not to, for its loss scaling drops a part whose gradients overflow and counts on
with the next, so that updates would come in the middle of batches from then on. There a step takes
the whole batch, and goes through each replica's shares of its parts by itself.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

import keras
import tensorflow as tf

from harness.training.options import TrainingOptions
from harness.training.replicated import place


@keras.saving.register_keras_serializable("harness")
class RateOfUpdates(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate by updates, for an optimizer that counts parts of batches.

    Keras gives schedules the count of the batches it was called with, not of the updates.

    Args:
        rate: a schedule by updates.
        parts: batches an update.
    """

    def __init__(self, rate: Any, parts: int):
        super().__init__()
        self.rate, self.parts = rate, parts

    def __call__(self, step: Any) -> Any:
        """The rate of the update that a batch belongs to."""
        return self.rate(step // self.parts)

    def get_config(self) -> dict[str, Any]:
        """What Keras writes of it."""
        return {"rate": keras.saving.serialize_keras_object(self.rate), "parts": self.parts}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "RateOfUpdates":
        """What Keras has written."""
        return cls(keras.saving.deserialize_keras_object(config["rate"]), config["parts"])


def in_parts(batches: Any, parts: int) -> Any:
    """A data set of the equal parts of each batch, in order.

    Args:
        batches: tensors or structures of tensors, whose first side `parts` divides.
        parts: of a batch; 1 leaves it whole.
    """
    if parts == 1:
        return batches

    def split(*batch: Any) -> Any:
        def apart(tensor: Any) -> Any:
            shape = tf.shape(tensor)
            whole = tf.reshape(tensor, tf.concat([[parts, shape[0] // parts], shape[1:]], 0))
            size = tensor.shape[0]
            whole.set_shape([parts, size and size // parts, *tensor.shape[1:]])
            return whole

        return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(apart, batch))

    return batches.flat_map(split)


def within_steps(model: keras.Model, training: TrainingOptions) -> tuple[int, TrainingOptions]:
    """Parts that each step takes by itself (1 where Keras does), and the recipe as Keras has it."""
    scaled = model.dtype_policy.name == "mixed_float16"  # as Keras decides whether to scale losses
    if training.parts == 1 or not (shared(model) or scaled):
        return 1, training
    return training.parts, dataclasses.replace(training, gradient_accumulation=None)


def shared(model: keras.Model) -> bool:
    """Whether a model was built under a strategy, whose replicas share its batches."""
    with model.distribute_strategy.scope():
        return bool(tf.distribute.has_strategy())


def by_replica(batches: Any, parts: int, replicas: int) -> Any:
    """Batches whose share for each replica, a stretch of it, has its shares of all parts in turn.

    Args:
        batches: as `in_parts`; `parts` times `replicas` divides their first side.
        parts: of a batch; 1 leaves it as it is.
        replicas: how many get equal stretches of each batch, one after the other.
    """
    if parts == 1:
        return batches

    def move(tensor: Any) -> Any:
        shape = tf.shape(tensor)
        sides = [parts, replicas, shape[0] // (parts * replicas)]
        split = tf.reshape(tensor, tf.concat([sides, shape[1:]], 0))
        moved = tf.reshape(tf.transpose(split, [1, 0, *range(2, tensor.shape.rank + 2)]), shape)
        moved.set_shape(tensor.shape)
        return moved

    return batches.map(lambda *batch: tf.nest.map_structure(move, batch))


@contextmanager
def in_parts_of_steps(model: keras.Model, parts: int) -> Iterator[None]:
    """Within the block the model's `train_step` goes through a batch in parts, for one update.

    Activations of one part are there at a time; gradients are averaged in the type of the weights.

    Args:
        model: compiled.
        parts: of each step's data, of equal sizes; 1 changes nothing.
    """
    if parts == 1:
        yield
        return
    gathered = _Gathered(model.optimizer.apply_gradients, parts)
    place(model.optimizer, "apply_gradients", gathered)
    place(model, "train_step", _stepping(model.train_step, gathered, parts))
    try:
        yield
    finally:
        del vars(model)["train_step"], vars(model.optimizer)["apply_gradients"]


class _Gathered:
    """An optimizer's `apply_gradients`, called for each part, that updates after the last.

    Replicas trace in threads of their own, so what has been gathered is kept by thread.
    """

    def __init__(self, original: Any, parts: int) -> None:
        self.original, self.parts = original, parts
        self.kept = local()

    def begin(self) -> None:
        """Begins a step."""
        self.kept.sums, self.kept.count = [], 0

    def __call__(self, grads_and_vars: Any) -> Any:
        pairs = list(grads_and_vars)
        found = [None if one is None else tf.convert_to_tensor(one) for one, _ in pairs]
        kept = self.kept
        if kept.count:
            found = [b if a is None else a + b for a, b in zip(kept.sums, found, strict=True)]
        kept.sums, kept.count = found, kept.count + 1
        if kept.count < self.parts:
            return None
        means = [None if one is None else one / self.parts for one in found]
        return self.original(zip(means, (variable for _, variable in pairs), strict=True))


def _stepping(step: Any, gathered: _Gathered, parts: int) -> Any:
    @tf.autograph.experimental.do_not_convert
    def train_step(data: Any) -> Any:
        gathered.begin()
        logs: Any = {}
        for number in range(parts):

            def part(tensor: Any, number: int = number) -> Any:
                size = tf.shape(tensor)[0] // parts
                return tensor[number * size : (number + 1) * size]

            # One after the other: in parallel they would need the memory of all.
            before = [one for one in gathered.kept.sums if one is not None]
            with tf.control_dependencies(before):
                share = tf.nest.map_structure(part, data)
            logs = step(share)
        return logs

    return train_step
