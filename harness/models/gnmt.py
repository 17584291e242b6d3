"""GNMT, the recurrent translation model of Zhu & Gupta's pruning tables.

Wu et al., https://arxiv.org/abs/1609.08144, in the version of
https://github.com/tensorflow/nmt (`gnmt_v2`): 210,880,513 parameters with 4 layers of 1,024
units and a joint vocabulary of 36,548 subwords.
"""

from typing import Any

import keras

from harness.config.models import check_gnmt
from harness.config.schema import GnmtConfig
from harness.errors import ConfigError
from harness.models.layers.gnmt_layers import AtTokens, Decoder, Embed, Encoder, uniform


def build(
    config: GnmtConfig, input_shape: tuple[Any, ...], num_classes: int, vocabulary: str = ""
) -> keras.Model:
    """Embeddings of both sides, encoder, decoder with attention, projection without bias.

    The model takes (source, target), int32 ids [batch, time] padded with 0, the target
    beginning with the start of the sentence. It returns the logits of the next word at every
    target token that is no padding, [tokens, vocabulary], in the order of the target.

    Args:
        config: layers, units, dropout.
        input_shape: (None,): sentences are of any length.
        num_classes: size of the joint vocabulary.
        vocabulary: its sha256, kept in the model's file.

    Raises:
        ConfigError: the data are no text, or a size is impossible.
    """
    check_gnmt(config)
    if len(input_shape) != 1:
        raise ConfigError(f"model=gnmt: needs pairs of sentences, got inputs of {input_shape}")
    if config.decoding.beam >= num_classes:
        raise ConfigError(
            f"model.decoding.beam: received {config.decoding.beam} with {num_classes} subwords;"
            " accepted: less than the vocabulary"
        )
    depth, units, dropout = config.layers, config.units, config.dropout
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")

    def embed(side: str) -> Any:
        return Embed(
            num_classes,
            units,
            vocabulary=vocabulary,
            embeddings_initializer=uniform(config.embedding_range),
            name=f"{side}_embedding",
        )

    encoded = Encoder(depth, units, dropout, name="encoder")(embed("source")(source), source)
    values, states = encoded[0], encoded[1:]
    decoder = Decoder(depth, units, dropout, name="decoder")
    decoded = decoder(embed("target")(target), values, source, states)
    tokens = AtTokens(name="tokens")(decoded, target)
    projection = keras.layers.Dense(
        num_classes, use_bias=False, kernel_initializer=uniform(), name="projection"
    )
    return keras.Model((source, target), projection(tokens), name="gnmt")
