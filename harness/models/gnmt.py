"""GNMT, the recurrent translation model of Zhu & Gupta's pruning tables.

Wu et al., https://arxiv.org/abs/1609.08144, in the version of
https://github.com/tensorflow/nmt (`gnmt_v2`): 210,880,513 parameters with 4 layers of 1,024
units and a joint vocabulary of 36,548 subwords.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.errors import ConfigError
from harness.models.base import ModelOptions, at_least_one
from harness.options import MEASUREMENT, choice, decides, need, need_share

if TYPE_CHECKING:
    import keras

#: Words of a sentence (either side) that multiply-adds and times are told of.
WORDS = 25
#: The graphs of an exported model (`harness.models.layers.gnmt_graphs`): a sentence; a next word.
ENCODE, STEP = "encode", "step"


@dataclass
class Decoding:
    """How translations are searched for.

    `beam` hypotheses a sentence, up to `max_ratio` times as long as the source. A
    hypothesis of n words is worth its log-probability / ((5 + n) / 6) ** `length_penalty`
    (Wu et al., https://arxiv.org/abs/1609.08144, without their coverage penalty).
    """

    beam: int = 10
    length_penalty: float = 1.0
    max_ratio: float = 2.0

    def check(self, key: str) -> None:
        """Refuses a search that cannot be made."""
        need(f"{key}.beam", self.beam, 1 <= self.beam <= 100, "1 to 100")
        penalty, ratio = self.length_penalty, self.max_ratio
        need(f"{key}.length_penalty", penalty, penalty >= 0, "0 or more")
        need(f"{key}.max_ratio", ratio, ratio > 0, "a number above 0")


@choice
@dataclass
class Gnmt(ModelOptions):
    """`layers` LSTMs of `units` on either side.

    Embeddings begin uniform in ±`embedding_range`. Small models of few sentences want 1.0: of tiny
    states, additive attention is nearly a sum of a part of the source and a part of the query,
    whose softmax does not depend on the query, and is slow to learn. `decoding` only decides how
    the trained model is measured.
    """

    takes: ClassVar[str] = "text pairs"
    normalized: ClassVar[bool] = False
    workers: ClassVar[bool] = False  # validation is not shared among processes

    name: str = "gnmt"
    layers: int = 4
    units: int = 1024
    dropout: float = 0.2
    embedding_range: float = 0.1
    decoding: Decoding = decides(MEASUREMENT, default_factory=Decoding)

    def check(self) -> None:
        """Two layers or more, a dropout rate, a search that can be made."""
        need("model.layers", self.layers, self.layers >= 2, "2 or more")
        at_least_one("model.units", self.units)
        need_share("model.dropout", self.dropout)
        scale = self.embedding_range
        need("model.embedding_range", scale, 0 < scale <= 10, "a number above 0, up to 10")
        self.decoding.check("model.decoding")

    def build(
        self,
        input_shape: tuple[Any, ...],
        num_classes: int,
        vocabulary: str = "",
        **more: Any,
    ) -> "keras.Model":
        """Embeddings of both sides, encoder, decoder with attention, projection without bias.

        The model takes (source, target), int32 ids [batch, time] padded with 0, the target
        beginning with the start of the sentence. It returns the logits of the next word at
        every target token that is no padding, [tokens, vocabulary], in the order of the target.

        Args:
            input_shape: (None,): sentences are of any length.
            num_classes: size of the joint vocabulary.
            vocabulary: its sha256, kept in the model's file.
            **more: not used.

        Raises:
            ConfigError: the data are no text, or the search is too wide for the vocabulary.
        """
        import keras

        from harness.models.layers.gnmt_layers import AtTokens, Decoder, Embed, Encoder, uniform

        if len(input_shape) != 1:
            raise ConfigError(f"model=gnmt: needs pairs of sentences, got inputs of {input_shape}")
        if self.decoding.beam >= num_classes:
            raise ConfigError(
                f"model.decoding.beam: received {self.decoding.beam} with {num_classes} subwords;"
                " accepted: less than the vocabulary"
            )
        source = keras.Input((None,), dtype="int32", name="source")
        target = keras.Input((None,), dtype="int32", name="target")

        def embed(side: str) -> Any:
            return Embed(
                num_classes,
                self.units,
                vocabulary=vocabulary,
                embeddings_initializer=uniform(self.embedding_range),
                name=f"{side}_embedding",
            )

        sizes = self.layers, self.units, self.dropout
        encoded = Encoder(*sizes, name="encoder")(embed("source")(source), source)
        values, states = encoded[0], encoded[1:]
        decoder = Decoder(*sizes, name="decoder")
        decoded = decoder(embed("target")(target), values, source, states)
        tokens = AtTokens(name="tokens")(decoded, target)
        projection = keras.layers.Dense(
            num_classes, use_bias=False, kernel_initializer=uniform(), name="projection"
        )
        return keras.Model((source, target), projection(tokens), name="gnmt")
