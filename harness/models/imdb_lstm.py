"""The LSTM of the IMDB pruning example.

Embedding, LSTM, dropout and one logit, as published at
https://github.com/tensorflow/model-optimization (examples/sparsity/keras/imdb): 2,691,713
parameters, all prunable but the 513 biases.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.errors import ConfigError
from harness.models.base import ModelOptions, at_least_one
from harness.options import choice, need, need_share

if TYPE_CHECKING:
    import keras


@choice
@dataclass
class ImdbLstm(ModelOptions):
    """`embedding` numbers a word, an LSTM of `units`; `vocabulary_size` is the data set's."""

    takes: ClassVar[str] = "reviews"
    normalized: ClassVar[bool] = False

    name: str = "imdb_lstm"
    vocabulary_size: int = 20000
    embedding: int = 128
    units: int = 128
    dropout: float = 0.5

    def check(self) -> None:
        """Widths of at least 1, room for a word beside the special numbers, a dropout rate."""
        size = self.vocabulary_size
        need("model.vocabulary_size", size, size >= 4, "4 or more words")
        at_least_one("model.embedding", self.embedding)
        at_least_one("model.units", self.units)
        need_share("model.dropout", self.dropout)

    def check_with(self, dataset: Any) -> None:
        """The vocabulary is the data set's."""
        size, numbers = self.vocabulary_size, dataset.vocabulary_size
        accepted = f"dataset.vocabulary_size, {numbers}"
        need("model.vocabulary_size", size, size == numbers, accepted)

    def build(self, input_shape: tuple[Any, ...], num_classes: int, **more: Any) -> "keras.Model":
        """Reads word numbers; its one logit, for class 1, stands beside a 0 for class 0.

        The softmax of (0, x) is the sigmoid of x: with the 0 in place, loss and accuracy of the
        published binary classifier are those of any other classifier here.

        Args:
            input_shape: (length,).
            num_classes: 2.
            **more: not used.

        Raises:
            ConfigError: the inputs are no sequences, or there are more classes.
        """
        import keras

        from harness.models.layers.standard import Dropout

        if len(input_shape) != 1:
            raise ConfigError(f"model=imdb_lstm: needs sequences (length,), got {input_shape}")
        if num_classes != 2:
            raise ConfigError(f"model=imdb_lstm: tells 2 classes apart, got {num_classes}")
        layers = keras.layers
        words = keras.Input(input_shape, dtype="int32", name="words")
        x = layers.Embedding(self.vocabulary_size, self.embedding, name="embedding")(words)
        x = layers.LSTM(self.units, name="lstm")(x)
        x = Dropout(self.dropout, name="dropout")(x)
        # Logits stay in float32 under mixed precision, or the softmax loses digits.
        logit = layers.Dense(1, dtype="float32", name="logit")(x)
        logits = keras.ops.pad(logit, ((0, 0), (1, 0)))
        return keras.Model(words, logits, name="imdb_lstm")
