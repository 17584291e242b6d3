"""Models, by name: pure builders, a config in, a `keras.Model` with logits out.

Adding a model is adding a module with `build`, a config class in the schema, and a line to
`MODELS`. Nothing heavy is imported until a model is built.
"""

import importlib
from typing import Any

from harness.config.schema import ModelConfig
from harness.errors import ConfigError

#: model.name -> module with `build(config, input_shape, num_classes)`
MODELS = {
    "ds_cnn_l": "harness.models.ds_cnn_l",
    "gnmt": "harness.models.gnmt",
    "imdb_lstm": "harness.models.imdb_lstm",
    "inception_v3": "harness.models.layers.applications",
    "mnist_cnn": "harness.models.mnist_cnn",
    "mobilenet_v1": "harness.models.layers.applications",
    "mobilenet_v2": "harness.models.layers.applications",
}


def build(
    config: ModelConfig, input_shape: tuple[int, ...], num_classes: int, **options: Any
) -> Any:
    """Builds a model with fresh weights, decided by the global seed.

    Args:
        config: The model's own config.
        input_shape: Shape of one example, without the batch.
        num_classes: Width of the logits.
        **options: What else this model's `build` takes.

    Returns:
        A built, uncompiled `keras.Model`.

    Raises:
        ConfigError: If the name is unknown, or the shapes do not suit the model.
    """
    if config.name not in MODELS:
        raise ConfigError(
            f"model={config.name}: unknown model; accepted: {', '.join(sorted(MODELS))}"
        )
    module = importlib.import_module(MODELS[config.name])
    return module.build(config, input_shape, num_classes, **options)
