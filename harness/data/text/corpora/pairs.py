"""Sentence pairs to translate: what their data sets offer, and batches of an encoded corpus.

Ids 0 to 3 are padding, unknown, start and end of a sentence. A source has neither start nor
end; `target_in` is the start and the target, `target_out` the target and the end.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.data.base import Data, spread
from harness.data.stream import ahead, steps_from
from harness.data.text.corpora import buckets, tokens, words
from harness.data.text.corpora.buckets import Batches
from harness.data.text.corpora.corpus import Side
from harness.data.text.corpora.options import PairOptions, languages
from harness.data.text.corpora.vocabulary import BOS, EOS, Vocabulary


class Text(NamedTuple):
    """A sentence: its words joined by spaces (what BLEU compares), and as people write it."""

    words: str
    sentence: str


@dataclass(frozen=True)
class Sentences:
    """A held-out split's text, in the order of its batches.

    Attributes:
        source: As it came.
        reference: As it came.
        source_words: Tokenised, joined by spaces; so the model reads it, in subwords.
        reference_words: Tokenised; what tokenised BLEU compares with.
    """

    source: list[str]
    reference: list[str]
    source_words: list[str]
    reference_words: list[str]


@dataclass(frozen=True)
class PairData(Data):
    """Sentence pairs split three ways, read from an encoded corpus.

    The streams yield ((source [b, S], target_in [b, T]), target_out [b, T]), int32, padded with
    0 to the lengths of a bucket: T = S + 1, and few different S, so that graphs are traced a few
    times only. A batch is of `batch_size` sentences, or of so many padded target tokens at the
    most (but one sentence at least), as configured.

    Args:
        config: of the data set.
        fingerprint: of its content and vocabulary.
        text_folder: the words.
        ids_folder: their ids.
        subwords: the vocabulary.
    """

    config: PairOptions
    fingerprint: str
    text_folder: Path
    ids_folder: Path
    subwords: Vocabulary
    train_split = "train"
    validation_split = "validation"
    test_split = "test"

    @property
    def name(self) -> str:  # type: ignore[override]
        """The data set's name."""
        return self.config.name

    @property
    def direction(self) -> str:
        """Source and target language, e.g. en_de."""
        return self.config.direction

    @property
    def source(self) -> str:  # type: ignore[override]
        """What it was made of, in words."""
        report, longest = words.report(self.text_folder), self.config.max_length
        cut = int(np.sum(self._whole_lengths > longest))
        return (
            f"{report}, {cut:,} cut to {longest} subwords, {self.direction},"
            f" {self.vocabulary_size:,} subwords"
        )

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, of source and target alike."""
        return self.subwords.size

    @property
    def vocabulary(self) -> str:
        """Tells vocabularies apart: its sha256."""
        return self.subwords.sha256

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Of a source sentence: any length."""
        return (None,)

    @property
    def num_classes(self) -> int:
        """Width of the logits at each place of a target."""
        return self.vocabulary_size

    @property
    def num_train(self) -> int:
        """Number of training pairs."""
        return len(self._lengths)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Batches in an epoch; see `buckets.steps_per_epoch`."""
        limits = list(self.config.buckets)
        return buckets.steps_per_epoch(self._lengths, limits, batch_size, by_tokens=self._by_tokens)

    def _stream(self, batch_size: int, seed: int, start_step: int) -> Any:
        batches = self._batches(batch_size, seed)

        def examples(step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            limit, numbers = batches.at(step)
            return _examples(self._sides("train"), numbers, limit)

        return steps_from(start_step, partial(_in_graph, examples))

    def _finite(self, split: str, batch_size: int, numbers: np.ndarray | None = None) -> Any:
        return self._held_out(split, self._count(split, batch_size), numbers)

    def sampled(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(source, target_in) of so many test pairs, evenly spread, in one batch."""
        numbers = spread(len(self._sides("test")[0].lengths), count)
        inputs: tuple[np.ndarray, np.ndarray]
        inputs, _ = next(ahead(self._held_out("test", count, numbers)).as_numpy_iterator())
        return inputs

    def sentences(self, split: str) -> Sentences:
        """The text of a held-out split, in the files' order.

        Args:
            split: validation or test.
        """
        return Sentences(
            *(
                list(words.read(self.text_folder, split, language, kind))
                for kind in ("sentences", "words")
                for language in languages(self.direction)
            )
        )

    def text(self, ids: Iterable[int]) -> Text:
        """What target ids say, up to the first end of sentence."""
        spoken = self.subwords.decode(ids)
        return Text(spoken, self._detokenize(spoken))

    def ids(self, sentence: str) -> list[int]:
        """A source sentence in subwords, as the model reads it."""
        return self.subwords.encode(self._tokenize(sentence))

    def _batches(self, batch_size: int, seed: int) -> Batches:
        """Kept for the next segment of training: each holds some bytes of every pair."""
        if (batch_size, seed) not in self._shuffled:
            self._shuffled.clear()
            self._shuffled[batch_size, seed] = Batches(
                self._lengths,
                list(self.config.buckets),
                batch_size,
                by_tokens=self._by_tokens,
                seed=seed,
            )
        return self._shuffled[batch_size, seed]

    @cached_property
    def _shuffled(self) -> dict[tuple[int, int], Batches]:
        return {}

    @property
    def _by_tokens(self) -> bool:
        return self.config.batch_by == "tokens"

    @cached_property
    def _tokenize(self) -> Callable[[str], str]:
        return tokens.tokenizer(self.config.tokenizer, languages(self.direction)[0])

    @cached_property
    def _detokenize(self) -> Callable[[str], str]:
        return tokens.detokenizer(self.config.tokenizer, languages(self.direction)[1])

    @cached_property
    def _open(self) -> dict[str, tuple[Side, Side]]:
        return {}

    def _sides(self, split: str) -> tuple[Side, Side]:
        if split not in self._open:
            one, two = (
                Side.open(self.ids_folder, split, language, self.vocabulary_size)
                for language in languages(self.direction)
            )
            self._open[split] = one, two
        return self._open[split]

    @property
    def _whole_lengths(self) -> np.ndarray:
        """The longer of each training pair."""
        source, target = self._sides("train")
        return np.maximum(source.lengths, target.lengths)

    @cached_property
    def _lengths(self) -> np.ndarray:
        """The same, as trained on."""
        return np.minimum(self._whole_lengths, self.config.max_length)

    def _count(self, split: str, batch_size: int) -> int:
        """Sentences in each held-out batch; by tokens, as many as fit if each is the longest."""
        if not self._by_tokens:
            return batch_size
        longest = max(int(side.lengths.max()) for side in self._sides(split))
        return max(1, batch_size // buckets.padded_target(_width(longest, self.config.buckets)))

    def _held_out(self, split: str, count: int, chosen: np.ndarray | None = None) -> Any:
        import tensorflow as tf

        sides = self._sides(split)
        longest = np.maximum(sides[0].lengths, sides[1].lengths)
        limits = self.config.buckets
        every = np.arange(len(longest)) if chosen is None else chosen

        def examples(first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            numbers = every[first : first + count]
            return _examples(sides, numbers, _width(int(longest[numbers].max()), limits))

        steps = tf.data.Dataset.range(0, len(every), count)
        return steps.map(
            partial(_in_graph, examples), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )


def _examples(
    sides: tuple[Side, Side], numbers: np.ndarray, limit: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """source [b, limit], target_in and target_out [b, limit + 1] of some pairs."""
    source, _ = sides[0].padded(numbers, limit)
    target, lengths = sides[1].padded(numbers, limit)
    column = np.zeros((len(numbers), 1), np.int32)
    target_out = np.concatenate([target, column], axis=1)
    target_out[np.arange(len(numbers)), lengths] = EOS
    return source, np.concatenate([column + BOS, target], axis=1), target_out


def _width(longest: int, limits: Sequence[int]) -> int:
    """The bucket that holds such a length; beyond the last, a multiple of it."""
    fitting = [limit for limit in limits if limit >= longest]
    return fitting[0] if fitting else -(-longest // limits[-1]) * limits[-1]


def _in_graph(
    examples: Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]], step: Any
) -> tuple[tuple[Any, Any], Any]:
    import tensorflow as tf

    # Stateful functions keep tf.data from working in parallel while kernels are deterministic.
    arrays = tf.numpy_function(
        lambda number: examples(int(number)), [step], [tf.int32] * 3, stateful=False
    )
    for array in arrays:
        array.set_shape([None, None])
    source, target_in, target_out = arrays
    return (source, target_in), target_out
