"""What text data sets may be asked for: refused before TensorFlow is imported."""

import re

from harness.config.schema import (
    DatasetConfig,
    ImdbConfig,
    ImdbLstmConfig,
    ModelConfig,
    PairsConfig,
)
from harness.errors import ConfigError
from harness.options import need, one_of

TOKENIZERS = ("moses", "none")
BATCH_BY = ("sentences", "tokens")


def check_text(dataset: DatasetConfig) -> None:
    """Refuses options out of range; other tasks' data sets pass untouched.

    Raises:
        ConfigError: naming the key, what was received and what is accepted.
    """
    if isinstance(dataset, PairsConfig):
        _pairs(dataset)
    if isinstance(dataset, ImdbConfig):
        _reviews(dataset)


def check_fit(model: ModelConfig, dataset: DatasetConfig, batch_size: int) -> None:
    """Refuses text that the model or the batches of a cell do not go with.

    Args:
        model: the cell's.
        dataset: the cell's, within its own ranges.
        batch_size: `training.batch_size`.

    Raises:
        ConfigError: naming the key, what was received and what is accepted.
    """
    if isinstance(dataset, PairsConfig) and dataset.batch_by == "tokens":
        least = dataset.buckets[-1] + 1
        accepted = f"{least} or more tokens: the longest sentence and its end"
        need("training.batch_size", batch_size, batch_size >= least, accepted)
    if isinstance(dataset, ImdbConfig) and isinstance(model, ImdbLstmConfig):
        size = model.vocabulary_size
        accepted = f"dataset.vocabulary_size, {dataset.vocabulary_size}"
        need("model.vocabulary_size", size, size == dataset.vocabulary_size, accepted)


def languages(direction: str) -> tuple[str, str]:
    """The source and the target language of a direction: en_de -> (en, de)."""
    source, target = direction.split("_")
    return source, target


def _pairs(dataset: PairsConfig) -> None:
    direction = dataset.direction
    matched = re.fullmatch(r"([a-z]{2,3})_([a-z]{2,3})", direction)
    two = matched is not None and matched[1] != matched[2]
    need("dataset.direction", direction, two, "SOURCE_TARGET, two language codes, e.g. en_de")
    one_of("dataset.tokenizer", dataset.tokenizer, TOKENIZERS)
    one_of("dataset.batch_by", dataset.batch_by, BATCH_BY)
    size = dataset.vocabulary_size
    need("dataset.vocabulary_size", size, 8 <= size < 2**31, "8 or more subwords")
    words = dataset.filter_length
    need("dataset.filter_length", words, words >= 1, "1 or more words")
    longest, buckets = dataset.max_length, list(dataset.buckets)
    need("dataset.max_length", longest, longest >= 1, "1 or more subwords")
    ascending = all(a < b for a, b in zip([0, *buckets], buckets, strict=False))
    fitting = bool(buckets) and ascending and buckets[-1] == longest
    accepted = f"ascending lengths, the last of them dataset.max_length={longest}"
    need("dataset.buckets", buckets, fitting, accepted)
    _held_out(dataset)


def _reviews(dataset: ImdbConfig) -> None:
    need(
        "dataset.vocabulary_size",
        dataset.vocabulary_size,
        dataset.vocabulary_size >= 4,
        "4 or more words",
    )
    need("dataset.length", dataset.length, dataset.length >= 1, "1 or more words")


def _held_out(dataset: PairsConfig) -> None:
    for split in ("validation", "test"):
        files = getattr(dataset, f"{split}_files")
        share = getattr(dataset, f"{split}_share")
        key = f"dataset.{split}_share"
        if files is None:
            need(key, share, 0 < share < 0.5, f"a number in (0, 0.5), or dataset.{split}_files")
        elif share:
            raise ConfigError(
                f"{key}: received {share:g} beside dataset.{split}_files={files}; accepted: one of"
                " the two"
            )
