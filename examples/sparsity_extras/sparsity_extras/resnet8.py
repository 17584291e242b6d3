"""ResNet-8 of MLPerf Tiny, https://arxiv.org/abs/2106.07597: 78,666 parameters for CIFAR-10.

After https://github.com/mlcommons/tiny (benchmark/training/image_classification), whose weight
decay of 1e-4 in the loss is `training.l2=2e-4` here.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.errors import ConfigError
from harness.models import ModelOptions
from harness.options import choice, need


@choice
@dataclass
class Resnet8(ModelOptions):
    """So many `filters` in the first stack, twice and four times as many in the others."""

    takes: ClassVar[str] = "images"

    name: str = "resnet8"
    filters: int = 16
    momentum: float = 0.99

    def check(self) -> None:
        """A width of at least 1, a momentum that forgets."""
        need("model.filters", self.filters, self.filters >= 1, "1 or more")
        need("model.momentum", self.momentum, 0 <= self.momentum < 1, "a number in [0, 1)")

    def build(self, input_shape: tuple[Any, ...], num_classes: int, **more: Any) -> Any:
        """A convolution, three stacks of two with shortcuts, average pool, logits.

        Args:
            input_shape: (height, width, channels).
            num_classes: width of the logits.
            **more: not used.

        Raises:
            ConfigError: the inputs are no images.
        """
        import keras

        if len(input_shape) != 3:
            raise ConfigError(f"model=resnet8: needs images, got inputs of {input_shape}")
        inputs = keras.Input(input_shape, name="image")
        x = keras.layers.ReLU()(self._normalized(inputs, self.filters, 3, 1, "conv"))
        for number, strides in enumerate((1, 2, 2)):
            filters = self.filters * 2**number
            name = f"stack_{number + 1}"
            y = self._normalized(x, filters, 3, strides, f"{name}_conv_1")
            y = self._normalized(keras.layers.ReLU()(y), filters, 3, 1, f"{name}_conv_2")
            if strides > 1:
                x = _convolved(x, filters, 1, strides, f"{name}_shortcut")
            x = keras.layers.ReLU()(keras.layers.Add()([x, y]))
        x = keras.layers.GlobalAveragePooling2D()(x)
        # Logits stay in float32 under mixed precision, or the softmax loses digits.
        logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
        return keras.Model(inputs, logits, name="resnet8")

    def _normalized(self, x: Any, filters: int, size: int, strides: int, name: str) -> Any:
        from harness.models.layers.standard import BatchNorm

        x = _convolved(x, filters, size, strides, name)
        return BatchNorm(momentum=self.momentum, name=f"{name}_norm")(x)


def _convolved(x: Any, filters: int, size: int, strides: int, name: str) -> Any:
    from harness.models.layers.standard import Conv2D

    return Conv2D(filters, size, strides, "same", kernel_initializer="he_normal", name=name)(x)
