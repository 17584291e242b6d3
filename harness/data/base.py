"""What every data set offers: its options, what is found by them, and the one held in memory.

A data set is one file of `images`, `speech` or `text`: a dataclass below `DatasetOptions`,
announced by `@harness.options.choice`. TensorFlow is imported where one is read, not before.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.data.stream import ahead, batch_order, steps_from, whole_batches
from harness.errors import ConfigError, DataError
from harness.options import NOTHING, UNNAMED, Options, Room, decides, one_of

DATASETS = Room(
    "dataset", "harness.data.images", "harness.data.speech", "harness.data.text", tag="name"
)


class Data:
    """A data set split three ways, as the training and evaluation stages read it.

    The `tf.data` streams yield (inputs, labels): float32 [batch, *input_shape] and int64 [batch].
    What a data set is made of, in memory or on disk, is its splits; `_stream` and `_finite` say
    how batches come of them.

    Attributes:
        name: of the data set.
        fingerprint: of its content.
        source: where it came from, in words.
        classes: name of each class.
        train_split: the examples to train on.
        validation_split: those to watch training by.
        test_split: those that the result is measured on.
    """

    name: str
    fingerprint: str
    source: str
    classes: tuple[str, ...]
    train_split: Any
    validation_split: Any
    test_split: Any

    @property
    def input_shape(self) -> tuple[Any, ...]:
        """Shape of one example."""
        raise NotImplementedError

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def num_train(self) -> int:
        """Number of training examples."""
        return len(self.train_split)

    def steps_per_epoch(self, batch_size: int) -> int:
        """How many whole batches the training examples make.

        Raises:
            ConfigError: none.
        """
        return whole_batches(self.name, self.num_train, batch_size)

    def train(self, batch_size: int, seed: int, start_step: int = 0) -> Any:
        """Infinite stream of batches; the one at step t depends on (seed, t) alone.

        Every epoch visits the training examples once in an order of its own; when the batch
        size does not divide their number, the few left over differ from epoch to epoch.

        Args:
            batch_size: examples in a batch (the global batch, under a strategy).
            seed: decides order and variation; an integer in [0, 2**62).
            start_step: global step of the first batch.

        Raises:
            ConfigError: a batch does not fit in the training split.
        """
        return ahead(self._stream(batch_size, seed, start_step))

    def validation(self, batch_size: int) -> Any:
        """Every validation example in a fixed order, the last batch short."""
        return ahead(self._finite(self.validation_split, batch_size))

    def test(self, batch_size: int) -> Any:
        """Every test example in a fixed order, the last batch short."""
        return ahead(self._finite(self.test_split, batch_size))

    def sampled(self, count: int) -> Any:
        """The inputs of so many test examples, or of all, evenly spread: splits lie by class."""
        numbers = spread(len(self.test_split), count)
        return next(ahead(self._finite(self.test_split, count, numbers)).as_numpy_iterator())[0]

    def _stream(self, batch_size: int, seed: int, start_step: int) -> Any:
        """The training batches from a step on (`harness.data.stream`)."""
        raise NotImplementedError

    def _finite(self, split: Any, batch_size: int, numbers: np.ndarray | None = None) -> Any:
        """Every example of a split once, or those of these numbers, and no other is read."""
        raise NotImplementedError


@dataclass
class DatasetOptions(Options):
    """A data set and where it lies.

    `data_dir` is a path, so it decides nothing: the fingerprint of what is found there does.

    Attributes:
        holds: what its examples are, in the word that the models have for what they take
            (`ModelOptions.takes`).
        sources: what `source` may be.
        packaged: those that come with a package, so that there is no folder to name.
        inputs: how many a model of such data has.
        real: whether they are real numbers.
    """

    room: ClassVar[Room] = DATASETS
    holds: ClassVar[str]
    sources: ClassVar[tuple[str, ...]]
    packaged: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[int] = 1
    real: ClassVar[bool] = True

    name: str = UNNAMED
    source: str = UNNAMED
    data_dir: str | None = decides(NOTHING, default=None)
    split_seed: int = 0

    def check(self) -> None:
        """Refuses options out of range; looks at no file.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """
        one_of("dataset.source", self.source, self.sources)

    def check_folder(self) -> None:
        """Refuses a folder that nothing would look into.

        Raises:
            ConfigError: the data come with a package.
        """
        if self.data_dir is not None and self.source in self.packaged:
            others = [source for source in self.sources if source not in self.packaged]
            raise ConfigError(
                f"dataset.data_dir: received {self.data_dir!r} with dataset.source={self.source},"
                f" which comes with a package; accepted: null, or source={' or '.join(others)}"
            )

    def check_batch(self, batch_size: int) -> None:
        """Refuses batches that can hold no example.

        Args:
            batch_size: `training.batch_size`.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """

    def check_shared(self, by: str, without: str) -> None:
        """Refuses batches that cannot be computed in equal shares.

        Args:
            by: the setting that asks for shares, e.g. `strategy=mirrored`.
            without: the setting that does not.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """

    def require(self) -> None:
        """Refuses files that are missing or laid out differently; needs no TensorFlow.

        Raises:
            DataError: what was found, what is expected, what to do.
        """
        raise NotImplementedError

    def fingerprint(self) -> str:
        """sha256 over the data's content (not its place); needs no TensorFlow.

        Raises:
            DataError: the files are not there, or cannot be read.
        """
        raise NotImplementedError

    def load(self) -> Data:
        """The data set, split into train, validation and test.

        Raises:
            DataError: the files are not there, or not as they should be.
        """
        raise NotImplementedError

    def shape(self) -> tuple[tuple[Any, ...], int] | None:
        """Shape of an example and number of classes; None if only the files tell."""
        return None

    def largest_batch(
        self, batch_size: int, shape: tuple[Any, ...]
    ) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
        """Shapes of the inputs and of the labels of the largest batch that training sees.

        Args:
            batch_size: `training.batch_size`, or a part of it.
            shape: of an example.
        """
        return [(batch_size, *shape)], (batch_size,)


@dataclass(frozen=True)
class Split:
    """Examples in memory: inputs [n, …], as small as they come, and int64 labels [n]."""

    inputs: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def taken(self, index: np.ndarray) -> "Split":
        """Some of them, by their numbers."""
        return Split(self.inputs[index], self.labels[index])


@dataclass(frozen=True)
class ArrayData(Data):
    """A `Data` held in memory as uint8 and scaled to [0, 1] batch by batch.

    Data sets that are prepared otherwise override `_prepared`, and `_varied` if training
    varies them.
    """

    name: str
    fingerprint: str
    source: str
    classes: tuple[str, ...]
    train_split: Split
    validation_split: Split
    test_split: Split

    @property
    def input_shape(self) -> tuple[Any, ...]:
        """Shape of one example."""
        return self.train_split.inputs.shape[1:]

    def _stream(self, batch_size: int, seed: int, start_step: int) -> Any:
        import tensorflow as tf

        order = batch_order(self.name, self.num_train, batch_size, seed)
        varied = self._varied(seed)
        inputs = tf.constant(self._trained())
        labels = tf.constant(self.train_split.labels)

        def batch(step: Any) -> tuple[Any, Any]:
            index = order(step)
            return varied(tf.gather(inputs, index), step), tf.gather(labels, index)

        return steps_from(start_step, batch)

    def _finite(self, split: Split, batch_size: int, numbers: np.ndarray | None = None) -> Any:
        import tensorflow as tf

        held = Split(self._held(split), split.labels)
        held = held if numbers is None else held.taken(numbers)
        examples = tf.data.Dataset.from_tensor_slices((held.inputs, held.labels))
        return examples.batch(batch_size).map(
            lambda inputs, labels: (self._prepared(inputs), labels), num_parallel_calls=2
        )

    def _held(self, split: Split) -> np.ndarray:
        """What a split's batches are taken of."""
        return split.inputs

    def _trained(self) -> np.ndarray:
        """What training batches are taken of."""
        return self._held(self.train_split)

    def _prepared(self, inputs: Any) -> Any:
        """What the model sees of a batch of held inputs, in TensorFlow."""
        import tensorflow as tf

        return tf.cast(inputs, tf.float32) / 255.0

    def _varied(self, seed: int) -> Callable[[Any, Any], Any]:
        """What it sees of them in training: a function of (inputs, step)."""
        return lambda inputs, step: self._prepared(inputs)


def spread(total: int, count: int) -> np.ndarray:
    """Up to `count` of the numbers below `total`, evenly spread, both ends among them."""
    return np.linspace(0, total - 1, min(count, total), dtype=np.int64)


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


def digest(parts: Iterable[tuple[str, bytes]]) -> str:
    """sha256 of named contents: the fingerprint of a data set small enough to read whole."""
    total = hashlib.sha256()
    for name, content in parts:
        # Lengths keep ("ab", "c") and ("a", "bc") apart. A file's name need not be UTF-8.
        begin = f"{len(name)}:{name}:{len(content)}:"
        total.update(begin.encode(errors="surrogateescape"))
        total.update(content)
    return total.hexdigest()
