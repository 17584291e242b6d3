"""What a model's options may say: refused before TensorFlow is imported."""

from collections.abc import Callable
from typing import Any

from harness.config.schema import (
    DsCnnLConfig,
    GnmtConfig,
    ImageModelConfig,
    ImdbLstmConfig,
    MnistCnnConfig,
    ModelConfig,
)
from harness.options import need


def check_model(model: ModelConfig) -> None:
    """Refuses options that no model of this kind can be built with.

    Raises:
        ConfigError: names the key, what was received and what is accepted.
    """
    CHECKS[type(model)](model)


def check_mnist_cnn(model: MnistCnnConfig) -> None:
    """Two filter counts and a unit count, all at least 1; a dropout rate."""
    filters = list(model.filters)
    two = len(filters) == 2 and min(filters) >= 1
    need("model.filters", filters, two, "two whole numbers from 1 on, e.g. [32,64]")
    need("model.units", model.units, model.units >= 1, "1 or more")
    need("model.dropout", model.dropout, 0 <= model.dropout < 1, "a rate in [0, 1)")


def check_ds_cnn_l(model: DsCnnLConfig) -> None:
    """A width of at least 1, a momentum that forgets."""
    need("model.filters", model.filters, model.filters >= 1, "1 or more")
    need("model.momentum", model.momentum, 0 <= model.momentum < 1, "a number in [0, 1)")


def check_gnmt(model: GnmtConfig) -> None:
    """Two layers or more, a dropout rate, a search that can be made."""
    need("model.layers", model.layers, model.layers >= 2, "2 or more")
    need("model.units", model.units, model.units >= 1, "1 or more")
    need("model.dropout", model.dropout, 0 <= model.dropout < 1, "a rate in [0, 1)")
    scale = model.embedding_range
    need("model.embedding_range", scale, 0 < scale <= 10, "a number above 0, up to 10")
    decoding, key = model.decoding, "model.decoding"
    need(f"{key}.beam", decoding.beam, 1 <= decoding.beam <= 100, "1 to 100")
    penalty, ratio = decoding.length_penalty, decoding.max_ratio
    need(f"{key}.length_penalty", penalty, penalty >= 0, "0 or more")
    need(f"{key}.max_ratio", ratio, ratio > 0, "a number above 0")


def check_imdb_lstm(model: ImdbLstmConfig) -> None:
    """Widths of at least 1, room for a word beside the special numbers, a dropout rate."""
    size = model.vocabulary_size
    need("model.vocabulary_size", size, size >= 4, "4 or more words")
    need("model.embedding", model.embedding, model.embedding >= 1, "1 or more")
    need("model.units", model.units, model.units >= 1, "1 or more")
    need("model.dropout", model.dropout, 0 <= model.dropout < 1, "a rate in [0, 1)")


def check_image_model(model: ImageModelConfig) -> None:
    """A width above 0, a dropout rate, a momentum that forgets."""
    need("model.width", model.width, 0 < model.width <= 4, "a factor in (0, 4]")
    need("model.dropout", model.dropout, 0 <= model.dropout < 1, "a rate in [0, 1)")
    momentum = model.momentum
    forgets = momentum is None or 0 < momentum < 1
    need("model.momentum", momentum, forgets, "a number in (0, 1), or null for its own")


#: A model's config -> its check. A model with options of its own adds a line.
CHECKS: dict[type, Callable[[Any], None]] = {
    ModelConfig: lambda model: None,
    MnistCnnConfig: check_mnist_cnn,
    DsCnnLConfig: check_ds_cnn_l,
    GnmtConfig: check_gnmt,
    ImdbLstmConfig: check_imdb_lstm,
    ImageModelConfig: check_image_model,
}
