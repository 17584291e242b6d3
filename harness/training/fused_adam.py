"""Adam in one pass over the weights."""

from typing import Any

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, computed by TensorFlow's fused kernel.

    Keras writes the update as a dozen elementwise operations, each of which goes through
    memory for every weight; for nets of many weights and small batches that is a good part of
    a step (`benchmarks/gnmt.py`). Arguments, variables and updates are those of the Keras
    optimizer, to rounding. Sparse gradients, `amsgrad` and half precision are left to Keras.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates one variable and its two moments."""
        dense = not isinstance(gradient, tf.IndexedSlices)
        if not dense or self.amsgrad or variable.dtype != tf.float32:
            super().update_step(gradient, variable, learning_rate)
            return
        place = self._get_variable_index(variable)
        step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, tf.float32)
        beta1, beta2 = (tf.constant(beta, tf.float32) for beta in (self.beta_1, self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=beta1**step,
            beta2_power=beta2**step,
            lr=tf.cast(learning_rate, tf.float32),
            beta1=beta1,
            beta2=beta2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )
