"""What data sets of sentence pairs may be asked for."""

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.data.base import DatasetOptions
from harness.errors import ConfigError
from harness.options import NOTHING, decides, need, one_of

TOKENIZERS = ("moses", "none")
BATCH_BY = ("sentences", "tokens")


def languages(direction: str) -> tuple[str, str]:
    """The source and the target language of a direction: en_de -> (en, de)."""
    source, target = direction.split("_")
    return source, target


@dataclass
class PairOptions(DatasetOptions):
    """Sentences of two languages, line by line: `direction` is SOURCE_TARGET, e.g. en_de.

    `train_files` and so on are the files' common name before the language, `.en` or
    `.en.gz` and so on, in `data_dir` or absolute. Without held-out files, shares of the
    training pairs are held out.

    Training pairs with more than `filter_length` words on a side are left out, what is longer
    than `max_length` subwords is cut. A batch holds pairs of one bucket: of up to so many
    subwords. It is `training.batch_size` sentences, or (`batch_by=tokens`) up to so many target
    tokens, padding included. `tokenizer=none`: words are what spaces separate. `vocabulary_file`
    is a sentencepiece model to use instead of training one, `cache_dir` keeps vocabularies and
    encoded corpora.
    """

    holds: ClassVar[str] = "text pairs"
    inputs: ClassVar[int] = 2
    real: ClassVar[bool] = False
    sources: ClassVar[tuple[str, ...]] = ("files",)

    source: str = "files"
    direction: str = "en_de"
    train_files: str = decides(NOTHING, default="train")
    validation_files: str | None = decides(NOTHING, default=None)
    test_files: str | None = decides(NOTHING, default=None)
    validation_share: float = 0.0
    test_share: float = 0.0
    tokenizer: str = "moses"
    vocabulary_size: int = 32000
    vocabulary_file: str | None = decides(NOTHING, default=None)
    filter_length: int = 80
    max_length: int = 50
    buckets: list[int] = field(default_factory=lambda: [10, 20, 30, 40, 50])
    batch_by: str = "sentences"
    cache_dir: str | None = decides(NOTHING, default=None)

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        direction = self.direction
        matched = re.fullmatch(r"([a-z]{2,3})_([a-z]{2,3})", direction)
        two = matched is not None and matched[1] != matched[2]
        need("dataset.direction", direction, two, "SOURCE_TARGET, two language codes, e.g. en_de")
        one_of("dataset.tokenizer", self.tokenizer, TOKENIZERS)
        one_of("dataset.batch_by", self.batch_by, BATCH_BY)
        size = self.vocabulary_size
        need("dataset.vocabulary_size", size, 8 <= size < 2**31, "8 or more subwords")
        words = self.filter_length
        need("dataset.filter_length", words, words >= 1, "1 or more words")
        longest, buckets = self.max_length, list(self.buckets)
        need("dataset.max_length", longest, longest >= 1, "1 or more subwords")
        ascending = all(a < b for a, b in zip([0, *buckets], buckets, strict=False))
        fitting = bool(buckets) and ascending and buckets[-1] == longest
        accepted = f"ascending lengths, the last of them dataset.max_length={longest}"
        need("dataset.buckets", buckets, fitting, accepted)
        self._check_held_out()

    def check_batch(self, batch_size: int) -> None:
        """By tokens, a batch holds the longest sentence at least."""
        if self.batch_by == "tokens":
            least = self.buckets[-1] + 1
            accepted = f"{least} or more tokens: the longest sentence and its end"
            need("training.batch_size", batch_size, batch_size >= least, accepted)

    def check_shared(self, by: str, without: str) -> None:
        """Equal shares are of a batch's sentences."""
        if self.batch_by == "tokens":
            raise ConfigError(
                f"dataset.batch_by: received tokens with {by}, which takes equal shares of a "
                f"batch; accepted: sentences, or {without}"
            )

    def shape(self) -> tuple[tuple[Any, ...], int]:
        """Sentences of any length; the vocabulary, as configured."""
        return (None,), self.vocabulary_size

    def largest_batch(
        self, batch_size: int, shape: tuple[Any, ...]
    ) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
        """Of the longest sentences: `max_length` subwords, and one more in targets."""
        longest = self.buckets[-1]
        count = batch_size // (longest + 1) if self.batch_by == "tokens" else batch_size
        return [(count, longest), (count, longest + 1)], (count, longest + 1)

    def _check_held_out(self) -> None:
        for split in ("validation", "test"):
            files = getattr(self, f"{split}_files")
            share = getattr(self, f"{split}_share")
            key = f"dataset.{split}_share"
            if files is None:
                need(key, share, 0 < share < 0.5, f"a number in (0, 0.5), or dataset.{split}_files")
            elif share:
                raise ConfigError(
                    f"{key}: received {share:g} beside dataset.{split}_files={files}; accepted:"
                    " one of the two"
                )
