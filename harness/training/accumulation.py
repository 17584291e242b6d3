"""A batch in parts: computed one after the other, for one update of the weights."""

from typing import Any

import keras
import tensorflow as tf


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
