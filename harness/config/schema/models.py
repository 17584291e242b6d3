"""The typed options of each model."""

from dataclasses import dataclass, field

from omegaconf import MISSING


@dataclass
class ModelConfig:
    """A model builder and its options; each model extends this with its own."""

    name: str = MISSING


@dataclass
class MnistCnnConfig(ModelConfig):
    """The small convolutional net of the MNIST pruning example."""

    filters: list[int] = field(default_factory=lambda: [32, 64])
    units: int = 1024
    dropout: float = 0.4


@dataclass
class ImdbLstmConfig(ModelConfig):
    """The LSTM of the IMDB pruning example; `vocabulary_size` is the data set's."""

    vocabulary_size: int = 20000
    embedding: int = 128
    units: int = 128
    dropout: float = 0.5


@dataclass
class DsCnnLConfig(ModelConfig):
    """The large depthwise-separable keyword spotter; `momentum` is batch normalization's."""

    filters: int = 276
    momentum: float = 0.99
