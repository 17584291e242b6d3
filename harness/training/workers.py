"""Training steps over several processes, where Keras' `fit` cannot go.

Keras 3.15's `fit` does not work under `MultiWorkerMirroredStrategy`: it builds the metrics from
a batch that is still spread over the workers, and averages the scalars of a step over an axis
that they do not have (`reduce_per_replica` in its TensorFlow trainer). Its `train_step` is
sound, so it is run here, step by step, with the same callbacks.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import keras
import tensorflow as tf

from harness.training.requests import Requests


def is_distributed(model: keras.Model) -> bool:
    """Whether a model was built over several processes."""
    return isinstance(model.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy)


def train(model: keras.Model, batches: Any, span: tuple[int, int, int], callbacks: Any) -> None:
    """One segment of training, in each process at the same time.

    Args:
        model: compiled.
        batches: of the global size, the same in every process; each takes its own share.
        span: the segment's number, how many there are, and its steps.
        callbacks: Keras callbacks.
    """
    number, segments, steps = span
    strategy = model.distribute_strategy
    build_metrics(model, batches)
    options = tf.data.Options()
    sharding = tf.data.experimental.AutoShardPolicy.DATA  # by files, batches would be others
    options.experimental_distribute.auto_shard_policy = sharding

    @tf.function
    def step(iterator: Any) -> Any:
        logs = strategy.run(model.train_step, args=(next(iterator),))
        return {name: strategy.reduce("MEAN", value, axis=None) for name, value in logs.items()}

    shares = iter(strategy.experimental_distribute_dataset(batches.with_options(options)))
    around = keras.callbacks.CallbackList(callbacks, model=model, epochs=segments, steps=steps)
    model.stop_training = False
    around.on_train_begin()
    model.reset_metrics()
    around.on_epoch_begin(number)
    logs: Any = {}
    for batch in range(steps):
        logs = step(shares)
        around.on_train_batch_end(batch, logs)
        if model.stop_training:
            break
    around.on_epoch_end(number, logs)
    around.on_train_end(logs)


def validate(model: keras.Model, batches: Any) -> dict[str, float]:
    """Loss and metrics of a finite data set, all of it in every process."""
    replicas = model.distribute_strategy.num_replicas_in_sync

    @tf.function
    def forward(inputs: Any, labels: Any) -> Any:
        outputs = model(inputs, training=False)
        # Keras divides a loss by the replicas, whose losses it adds up.
        loss = model.compute_loss(inputs, labels, outputs, training=False) * replicas
        return loss, outputs

    total = examples = 0.0
    hits = keras.metrics.SparseCategoricalAccuracy()
    for inputs, labels in batches:
        loss, outputs = forward(inputs, labels)
        total += float(loss) * len(labels)
        examples += len(labels)
        hits.update_state(labels, outputs)
    return {"loss": total / examples, "accuracy": float(hits.result())}


def unite(model: keras.Model) -> None:
    """Gives every process the mean of what the processes' moving averages have become."""
    strategy = model.distribute_strategy
    averages = [v for v in model.non_trainable_variables if "float" in v.dtype]

    @tf.function
    def means() -> Any:
        copies = strategy.run(lambda: [tf.convert_to_tensor(v.value) for v in averages])
        return [strategy.reduce("MEAN", copy, axis=None) for copy in copies]

    if averages:
        for variable, mean in zip(averages, means(), strict=True):
            variable.assign(mean)


def build_metrics(model: keras.Model, batches: Any) -> None:
    """Makes the variables of loss and metrics, which Keras makes in a phase's first step."""
    inputs, labels = next(iter(batches.take(1)))
    outputs = model(inputs, training=False)
    model.compute_loss(inputs, labels, outputs, training=False)
    model.compute_metrics(inputs, labels, outputs)
    model.reset_metrics()


class Agreed(Requests):
    """What any of the processes is asked for, all do, at the same step.

    Args:
        requests: of this process.
        model: over several processes.
        due: whether they ask each other now; the same in all of them, each time that they ask
            `wanted`.
    """

    def __init__(self, requests: Requests, model: keras.Model, due: Callable[[], bool]) -> None:
        self._own, self._due = requests, due
        self._wanted = self._ending = False
        strategy = model.distribute_strategy

        @tf.function
        def anyone(asked: Any) -> Any:
            return strategy.reduce("SUM", strategy.run(lambda: tf.identity(asked)), axis=None)

        self._anyone = anyone

    def wanted(self) -> bool:
        """As `Requests`."""
        own = self._own.wanted()  # which also notes that a step has ended
        if self._due():
            asked = tf.constant([own, self._own.ending()], tf.float32)
            self._wanted, self._ending = (bool(one) for one in self._anyone(asked).numpy())
        return self._wanted

    def ending(self) -> bool:
        """As `Requests`."""
        return self._ending

    def stepping(self) -> AbstractContextManager[None]:
        """As `Requests`."""
        return self._own.stepping()

    def deferred(self) -> AbstractContextManager[None]:
        """As `Requests`."""
        return self._own.deferred()

    def checkpointed(self) -> None:
        """As `Requests`.

        Raises:
            KeyboardInterrupt: one of the processes is to end, and so they all do.
        """
        self._wanted = False
        try:
            self._own.checkpointed()
        except KeyboardInterrupt:
            if self._ending:
                raise
            return  # asked for since: the others must hear of it first
        if self._ending:
            raise KeyboardInterrupt
