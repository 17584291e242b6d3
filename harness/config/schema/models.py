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
class DsCnnLConfig(ModelConfig):
    """The large depthwise-separable keyword spotter; `momentum` is batch normalization's."""

    filters: int = 276
    momentum: float = 0.99


@dataclass
class ImageModelConfig(ModelConfig):
    """InceptionV3, MobileNetV1 or MobileNetV2.

    `width` multiplies the filters of every layer; `small_images` leaves out the first
    stride, for images of 32 to 96 pixels; `momentum` is batch normalization's (null: the
    architecture's own).
    """

    width: float = 1.0
    small_images: bool = False
    dropout: float = 0.0
    momentum: float | None = None
