"""Data sets. Nothing heavy is imported until one is loaded.

A data set is one file of `images`, `speech` or `text` (`harness.data.base`).
"""

from typing import Any

from harness.data.base import DATASETS, Data, DatasetOptions
from harness.data.handful import Handful

__all__ = [
    "DATASETS",
    "Data",
    "DatasetOptions",
    "fingerprint",
    "handful",
    "load",
    "require",
    "sizes",
]


def require(options: DatasetOptions) -> None:
    """Refuses a data set that is missing or laid out differently; needs no TensorFlow.

    Raises:
        ConfigError: options out of range.
        DataError: the files are not there, or not as they should be.
    """
    options.check()
    options.check_folder()
    options.require()


def fingerprint(options: DatasetOptions) -> str:
    """sha256 over the data's content (not its place); needs no TensorFlow.

    Raises:
        ConfigError: options out of range.
        DataError: the files are not there, or cannot be read.
    """
    options.check()
    return options.fingerprint()


def load(options: DatasetOptions) -> Data:
    """The data set, split into train, validation and test.

    Raises:
        ConfigError: options out of range.
        DataError: the files are not there, or not as they should be.

    Example:
        >>> data = load(DATASETS.find("mnist")())
        >>> data.num_train, data.input_shape
        (4000, (28, 28, 1))
    """
    options.check()
    return options.load()


def handful(data: Data) -> Any:
    """The same data set, its held-out parts cut to a few examples: for rehearsals."""
    return Handful(data)


def sizes(data: Data) -> dict[str, int]:
    """Examples in each part: train, validation, test; without those that cannot be told.

    Counted by `tf.data` from what a part is made of, without reading it.
    """
    known = {"train": data.num_train}
    for part, examples in {"validation": data.validation, "test": data.test}.items():
        count = int(examples(1).cardinality())
        if count >= 0:  # negative where only reading the part would tell
            known[part] = count
    return known
