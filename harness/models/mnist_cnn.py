"""The convolutional net of TensorFlow's MNIST pruning example.

Layers and sizes after
https://github.com/tensorflow/model-optimization (examples/sparsity/keras/mnist):
3,274,762 parameters for 28×28×1 digits, of which 3,273,504 are kernels.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from harness.errors import ConfigError
from harness.models.base import ModelOptions, at_least_one
from harness.options import choice, need, need_share

if TYPE_CHECKING:
    import keras


@choice
@dataclass
class MnistCnn(ModelOptions):
    """Two convolutions of so many `filters`, a hidden layer of `units`, dropout before logits."""

    takes: ClassVar[str] = "images"

    name: str = "mnist_cnn"
    filters: list[int] = field(default_factory=lambda: [32, 64])
    units: int = 1024
    dropout: float = 0.4

    def check(self) -> None:
        """Two filter counts and a unit count, all at least 1; a dropout rate."""
        filters = list(self.filters)
        two = len(filters) == 2 and min(filters) >= 1
        need("model.filters", filters, two, "two whole numbers from 1 on, e.g. [32,64]")
        at_least_one("model.units", self.units)
        need_share("model.dropout", self.dropout)

    def build(self, input_shape: tuple[Any, ...], num_classes: int, **more: Any) -> "keras.Model":
        """Two convolutions with pooling, one hidden dense layer, logits.

        Args:
            input_shape: (height, width, channels).
            num_classes: width of the logits.
            **more: not used.

        Raises:
            ConfigError: the inputs are not images.
        """
        import keras

        from harness.models.layers.standard import BatchNorm, Dropout

        if len(input_shape) != 3:
            raise ConfigError(
                f"model=mnist_cnn: needs images (height, width, channels), got {input_shape}"
            )
        first, second = self.filters
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
                layers.Dense(self.units, activation="relu", name="hidden"),
                Dropout(self.dropout, name="dropout"),
                # Logits stay in float32 under mixed precision, or the softmax loses digits.
                layers.Dense(num_classes, dtype="float32", name="logits"),
            ],
            name="mnist_cnn",
        )
