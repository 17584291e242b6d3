"""The LSTM of the IMDB pruning example.

Embedding, LSTM, dropout and one logit, as published at
https://github.com/tensorflow/model-optimization (examples/sparsity/keras/imdb): 2,691,713
parameters, all prunable but the 513 biases.
"""

import keras

from harness.config.models import check_imdb_lstm
from harness.config.schema import ImdbLstmConfig
from harness.errors import ConfigError
from harness.models.layers.standard import Dropout


def build(config: ImdbLstmConfig, input_shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """Reads word numbers; its one logit, for class 1, stands beside a 0 for class 0.

    The softmax of (0, x) is the sigmoid of x: with the 0 in place, loss and accuracy of the
    published binary classifier are those of any other classifier here.

    Args:
        config: Vocabulary, widths and dropout rate.
        input_shape: (length,).
        num_classes: 2.

    Raises:
        ConfigError: The inputs are no sequences, a size is impossible, or there are more classes.
    """
    if len(input_shape) != 1:
        raise ConfigError(f"model=imdb_lstm: needs sequences (length,), got {input_shape}")
    if num_classes != 2:
        raise ConfigError(f"model=imdb_lstm: tells 2 classes apart, got {num_classes}")
    check_imdb_lstm(config)
    layers = keras.layers
    words = keras.Input(input_shape, dtype="int32", name="words")
    x = layers.Embedding(config.vocabulary_size, config.embedding, name="embedding")(words)
    x = layers.LSTM(config.units, name="lstm")(x)
    x = Dropout(config.dropout, name="dropout")(x)
    # Logits stay in float32 under mixed precision, or the softmax loses digits.
    logit = layers.Dense(1, dtype="float32", name="logit")(x)
    logits = keras.ops.pad(logit, ((0, 0), (1, 0)))
    return keras.Model(words, logits, name="imdb_lstm")
