"""What a model's options may say: refused before TensorFlow is imported."""

from collections.abc import Callable
from typing import Any

from harness.config.checks import need
from harness.config.schema import DsCnnLConfig, ImageModelConfig, MnistCnnConfig, ModelConfig


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
    ImageModelConfig: check_image_model,
}
