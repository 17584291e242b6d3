"""A net, data and recipe small enough to train in a test, with everything that is random."""

import keras
import numpy as np

from harness.data.base import ArrayData, Split
from harness.models.layers.standard import BatchNorm
from harness.training.optimizer.adam import AdamOptions
from harness.training.options import PhaseOptions, TrainingOptions


def data(count: int = 44) -> ArrayData:
    """Images of two classes that a small net can tell apart."""
    rng = np.random.RandomState(0)

    def split(size: int) -> Split:
        labels = np.arange(size) % 2
        noise = rng.randint(0, 100, (size, 6, 6, 1))
        return Split((noise + 100 * labels[:, None, None, None]).astype(np.uint8), labels)

    return ArrayData("blobs", "0", "made here", ("a", "b"), split(count), split(10), split(10))


def model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            BatchNorm(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.4),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(2),
        ]
    )


def phase(epochs: float | None = 3, **options: object) -> PhaseOptions:
    return PhaseOptions(epochs=epochs, optimizer=AdamOptions(learning_rate=0.01), **options)


def recipe(**options: object) -> TrainingOptions:
    given = {"name": "small", "batch_size": 8, "log_every": 2, "jit_compile": "never"} | options
    return TrainingOptions(**given)


class StubPruner:
    """Zeroes the smallest half of one kernel every third step, and holds it there between."""

    def __init__(self, kernel: keras.Variable):
        self.kernel = kernel
        self.mask = np.ones(kernel.shape, np.float32)
        self.steps = 0

    def callback(self) -> keras.callbacks.Callback:
        pruner = self

        class Prune(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                pruner.after_step()

        return Prune()

    def after_step(self) -> None:
        self.steps += 1
        weights = self.kernel.numpy()
        if self.steps % 3 == 0:
            self.mask = (np.abs(weights) > np.median(np.abs(weights))).astype(np.float32)
        self.kernel.assign(weights * self.mask)

    def progress(self) -> tuple[float, float]:
        return 0.5, float(1 - self.mask.mean())

    def get_state(self) -> dict[str, np.ndarray]:
        return {"mask": self.mask, "steps": np.array(self.steps)}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        self.mask, self.steps = state["mask"], int(state["steps"])
