"""What every data set offers, and the one that fits in memory.

The training stream is infinite and its batch at global step t is a pure function of
(seed, t): a run that resumes at any step sees exactly the batches it would have seen, at
once, without replaying or storing an iterator.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from harness.errors import ConfigError, DataError

_LAST_STEP = np.iinfo(np.int64).max


class Data(Protocol):
    """A data set split three ways, as the training and evaluation stages read it.

    The datasets yield (inputs, labels): float32 [batch, *input_shape] and int64 [batch].
    """

    name: str
    fingerprint: str
    source: str
    input_shape: tuple[int, ...]
    num_classes: int

    @property
    def num_train(self) -> int:
        """Number of training examples."""

    def steps_per_epoch(self, batch_size: int) -> int:
        """How many whole batches the training examples make; refuses to make none."""

    def train(self, batch_size: int, seed: int, start_step: int = 0) -> Any:
        """Infinite `tf.data.Dataset` of training batches, from global step `start_step` on."""

    def validation(self, batch_size: int) -> Any:
        """Finite `tf.data.Dataset` of every validation example, the last batch short."""

    def test(self, batch_size: int) -> Any:
        """Finite `tf.data.Dataset` of every test example, the last batch short."""


@dataclass(frozen=True)
class Split:
    """Examples in memory: inputs [n, …], as small as they come, and int64 labels [n]."""

    inputs: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ArrayData:
    """A `Data` held in memory as uint8 and scaled to [0, 1] batch by batch.

    Every epoch visits the training examples once in an order of its own; when the batch
    size does not divide their number, the few left over differ from epoch to epoch. Data sets
    that are prepared otherwise override `_prepared`, and `_varied` if training varies them.
    """

    name: str
    fingerprint: str
    source: str
    num_classes: int
    train_split: Split
    validation_split: Split
    test_split: Split

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.train_split.inputs.shape[1:]

    @property
    def num_train(self) -> int:
        """Number of training examples."""
        return len(self.train_split)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Whole batches in an epoch; see `whole_batches`."""
        return whole_batches(self.name, self.num_train, batch_size)

    def train(self, batch_size: int, seed: int, start_step: int = 0) -> Any:
        """Infinite stream of batches; the one at step t depends on (seed, t) alone.

        Args:
            batch_size: Examples in a batch (the global batch, under a strategy).
            seed: Decides order and variation; an integer in [0, 2**62).
            start_step: Global step of the first batch.

        Raises:
            ConfigError: If a batch does not fit in the training split.
        """
        import tensorflow as tf

        order = batch_order(self.name, self.num_train, batch_size, seed)
        inputs = tf.constant(self.train_split.inputs)
        labels = tf.constant(self.train_split.labels)
        varied = self._varied(seed)

        def batch(step: Any) -> tuple[Any, Any]:
            index = order(step)
            return varied(tf.gather(inputs, index), step), tf.gather(labels, index)

        return steps_from(start_step, batch)

    def validation(self, batch_size: int) -> Any:
        """Every validation example in a fixed order, the last batch short."""
        return self._finite(self.validation_split, batch_size)

    def test(self, batch_size: int) -> Any:
        """Every test example in a fixed order, the last batch short."""
        return self._finite(self.test_split, batch_size)

    def _prepared(self, inputs: Any) -> Any:
        """What the model sees of a batch of held inputs, in TensorFlow."""
        import tensorflow as tf

        return tf.cast(inputs, tf.float32) / 255.0

    def _varied(self, seed: int) -> Callable[[Any, Any], Any]:
        """What it sees of them in training: a function of (inputs, step)."""
        return lambda inputs, step: self._prepared(inputs)

    def _finite(self, split: Split, batch_size: int) -> Any:
        import tensorflow as tf

        examples = tf.data.Dataset.from_tensor_slices((split.inputs, split.labels))
        batches = examples.batch(batch_size).map(
            lambda inputs, labels: (self._prepared(inputs), labels), num_parallel_calls=2
        )
        return batches.prefetch(tf.data.AUTOTUNE)


def whole_batches(name: str, count: int, batch_size: int) -> int:
    """Batches of an epoch; what fills none is left over.

    Args:
        name: Of the data set, for a refusal.
        count: Number of training examples.
        batch_size: Examples in a batch.

    Raises:
        ConfigError: If there is none.
    """
    if count < batch_size:
        raise ConfigError(
            f"training.batch_size={batch_size}: {name} has {count} training"
            " examples; choose a batch size up to that"
        )
    return count // batch_size


def batch_order(name: str, count: int, batch_size: int, seed: int) -> Callable[[Any], Any]:
    """Which examples are in the batch of a step: a function of (seed, step) alone.

    Every epoch visits the examples once in an order of its own, without storing one.

    Args:
        name: Of the data set, for a refusal.
        count: Number of training examples.
        batch_size: Examples in a batch.
        seed: An integer in [0, 2**62).

    Returns:
        A function for `steps_from`: int64 step -> int64 [batch_size] example numbers.

    Raises:
        ConfigError: If a batch does not fit in the training split.
    """
    import tensorflow as tf

    steps_per_epoch = whole_batches(name, count, batch_size)
    last = tf.constant(count - 1, tf.int64)
    key = [seed & 0x7FFFFFFF, seed >> 31 & 0x7FFFFFFF]  # the kernel keeps 32 bits of each

    def order(step: Any) -> Any:
        epoch = step // steps_per_epoch
        first = (step % steps_per_epoch) * batch_size
        return tf.raw_ops.RandomIndexShuffle(
            index=first + tf.range(batch_size, dtype=tf.int64),
            seed=tf.stack([key[0], key[1], epoch]),
            max_index=last,
        )

    return order


def steps(start_step: int) -> Any:
    """The infinite `tf.data.Dataset` of the global steps from `start_step` on, int64."""
    import tensorflow as tf

    return tf.data.Dataset.range(start_step, _LAST_STEP)


def steps_from(start_step: int, batch: Callable[[Any], tuple[Any, Any]]) -> Any:
    """The infinite `tf.data.Dataset` of `batch(step)`, prepared ahead, in order."""
    import tensorflow as tf

    batches = steps(start_step).map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.prefetch(tf.data.AUTOTUNE)


def stratified(labels: np.ndarray, fractions: list[float], seed: int) -> list[np.ndarray]:
    """Splits example numbers so that every part has every class in the same proportion.

    Args:
        labels: Class of each example, [n].
        fractions: Share of each part but the first, which takes what is left.
        seed: Decides which examples go where.

    Returns:
        The example numbers of each part (the first, then one a fraction), ascending.

    Raises:
        DataError: If a part would be empty.
    """
    # RandomState's stream is frozen by NumPy's policy; that of newer generators is not, and
    # a split that moved with NumPy's version would leak test examples into training.
    rng = np.random.RandomState(seed)
    parts: list[list[np.ndarray]] = [[] for _ in range(len(fractions) + 1)]
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        start = 0
        for part, fraction in enumerate(fractions, start=1):
            stop = start + round(fraction * len(members))
            parts[part].append(members[start:stop])
            start = stop
        parts[0].append(members[start:])
    split = [np.sort(np.concatenate(part)) for part in parts]
    if not all(len(part) for part in split):
        sizes = ", ".join(str(len(part)) for part in split)
        raise DataError(f"{len(labels)} examples are too few to split: parts of {sizes}")
    return split


def data_folder(data_dir: str | None, layout: str, *, or_file: bool = False) -> Path:
    """The folder given as `dataset.data_dir`.

    Args:
        data_dir: The setting.
        layout: What the folder should hold, for a refusal.
        or_file: Whether it may be a file, too.

    Raises:
        DataError: None was given, or there is no such folder.
    """
    if data_dir is None:
        raise DataError(f"dataset.data_dir: none received; accepted: {layout}")
    path = Path(data_dir).expanduser()
    if not path.is_dir() and not (or_file and path.exists()):
        found = "a file" if path.is_file() else "no such folder"
        raise DataError(f"dataset.data_dir={path}: {found}; accepted: {layout}")
    return path


def need_no_folder(data_dir: str | None, source: str, reading: Sequence[str]) -> None:
    """Refuses a folder where the data come with a package: it would not be looked at.

    Args:
        data_dir: The setting.
        source: `dataset.source`, which reads none.
        reading: The sources that read one.

    Raises:
        DataError: One was given.
    """
    if data_dir is not None:
        meant = " or ".join(f"dataset.source={name}" for name in reading)
        raise DataError(
            f"dataset.data_dir: received {data_dir} with dataset.source={source}, which reads no "
            f"folder; did you mean {meant}?"
        )


def digest(parts: Iterable[tuple[str, bytes]]) -> str:
    """sha256 of named contents: the fingerprint of a data set small enough to read whole."""
    total = hashlib.sha256()
    for name, content in parts:
        # Lengths keep ("ab", "c") and ("a", "bc") apart.
        total.update(f"{len(name)}:{name}:{len(content)}:".encode())
        total.update(content)
    return total.hexdigest()
