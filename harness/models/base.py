"""What every model offers: its options, what it takes, and how it is built.

A model is one file of this folder: a dataclass below `ModelOptions`, announced by
`@harness.options.choice`. Keras is imported where one is built, and not before.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.options import UNNAMED, Options, Room, need

if TYPE_CHECKING:
    import keras

MODELS = Room("model", "harness.models", tag="name")


@dataclass
class ModelOptions(Options):
    """A model and its options.

    Attributes:
        takes: what its inputs are, in the word that the data sets have for what they hold
            (`DatasetOptions.holds`); models and data sets of one word go together.
        normalized: whether it has batch normalization.
        workers: whether several processes can train it together.
        name: what a config calls it.
    """

    room: ClassVar[Room] = MODELS
    takes: ClassVar[str]
    normalized: ClassVar[bool] = True
    workers: ClassVar[bool] = True

    name: str = UNNAMED

    def check(self) -> None:
        """Refuses options that no such model can be built with.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """

    def check_with(self, dataset: Any) -> None:
        """Refuses options that do not go with those of a data set (of what it takes).

        Args:
            dataset: the cell's `DatasetOptions`.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """

    def build(self, input_shape: tuple[Any, ...], num_classes: int, **more: Any) -> "keras.Model":
        """Builds the model with fresh weights, decided by the global seed.

        Args:
            input_shape: shape of one example, without the batch.
            num_classes: width of the logits.
            **more: what else this model's data bring.

        Returns:
            A built, uncompiled model that gives logits.

        Raises:
            ConfigError: the shapes do not suit it.
        """
        raise NotImplementedError


def at_least_one(key: str, value: int) -> None:
    """Refuses a width of nothing."""
    need(key, value, value >= 1, "1 or more")
