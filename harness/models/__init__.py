"""Models: pure builders, options in, a `keras.Model` with logits out.

A model is one file of this folder (`harness.models.base`). Nothing heavy is imported until one
is built.
"""

from typing import TYPE_CHECKING, Any

from harness.models.base import MODELS, ModelOptions

if TYPE_CHECKING:
    import keras

__all__ = ["MODELS", "ModelOptions", "build"]


def build(
    options: ModelOptions, input_shape: tuple[Any, ...], num_classes: int, **more: Any
) -> "keras.Model":
    """Builds a model with fresh weights, decided by the global seed.

    Args:
        options: the model's own.
        input_shape: shape of one example, without the batch.
        num_classes: width of the logits.
        **more: what else this model's `build` takes.

    Returns:
        A built, uncompiled model.

    Raises:
        ConfigError: the options are out of range, or the shapes do not suit the model.

    Example:
        >>> build(MODELS.find("mnist_cnn")(units=64), (28, 28, 1), 10).count_params()
    """
    options.check()
    return options.build(input_shape, num_classes, **more)
