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


@dataclass
class DecodingConfig:
    """How translations are searched for.

    `beam` hypotheses a sentence, up to `max_ratio` times as long as the source. A
    hypothesis of n words is worth its log-probability / ((5 + n) / 6) ** `length_penalty`
    (Wu et al., https://arxiv.org/abs/1609.08144, without their coverage penalty).
    """

    beam: int = 10
    length_penalty: float = 1.0
    max_ratio: float = 2.0


@dataclass
class GnmtConfig(ModelConfig):
    """The recurrent translation model: `layers` LSTMs of `units` on either side.

    Embeddings begin uniform in ±`embedding_range`.
    """

    layers: int = 4
    units: int = 1024
    dropout: float = 0.2
    embedding_range: float = 0.1
    decoding: DecodingConfig = field(default_factory=DecodingConfig)


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
