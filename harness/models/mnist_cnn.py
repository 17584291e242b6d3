"""The convolutional net of TensorFlow's MNIST pruning example.

Layers and sizes after
https://github.com/tensorflow/model-optimization (examples/sparsity/keras/mnist):
3,274,762 parameters for 28×28×1 digits, of which 3,273,504 are kernels.
"""

import keras

from harness.config.models import check_mnist_cnn
from harness.config.schema import MnistCnnConfig
from harness.errors import ConfigError
from harness.models.layers.standard import BatchNorm, Dropout


def build(config: MnistCnnConfig, input_shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """Two convolutions with pooling, one hidden dense layer, logits.

    Args:
        config: Filters of the two convolutions, hidden units, dropout rate.
        input_shape: (height, width, channels).
        num_classes: Width of the logits.

    Raises:
        ConfigError: If the inputs are not images, or a size is impossible.
    """
    if len(input_shape) != 3:
        raise ConfigError(
            f"model=mnist_cnn: needs images (height, width, channels), got {input_shape}"
        )
    check_mnist_cnn(config)
    first, second = config.filters
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(input_shape, name="image"),
            layers.Conv2D(first, 5, padding="same", activation="relu", name="conv_1"),
            layers.MaxPooling2D(2, padding="same", name="pool_1"),
            BatchNorm(name="norm_1"),
            layers.Conv2D(second, 5, padding="same", activation="relu", name="conv_2"),
            layers.MaxPooling2D(2, padding="same", name="pool_2"),
            layers.Flatten(name="flatten"),
            layers.Dense(config.units, activation="relu", name="hidden"),
            Dropout(config.dropout, name="dropout"),
            # Logits stay in float32 under mixed precision, or the softmax loses digits.
            layers.Dense(num_classes, dtype="float32", name="logits"),
        ],
        name="mnist_cnn",
    )
