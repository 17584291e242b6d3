"""The options that InceptionV3 and the MobileNets share, and their checks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.errors import ConfigError
from harness.models.base import ModelOptions
from harness.options import need, need_share

if TYPE_CHECKING:
    import keras

_LEAST_SMALL_SIDE = 32


@dataclass
class ImageModelOptions(ModelOptions):
    """A classifier of photographs, as `keras.applications` defines it.

    `width` multiplies the filters of every layer; `small_images` leaves out the first
    stride, for images of 32 to 96 pixels; `dropout` stands before the classifier; `momentum`
    is batch normalization's (null: the architecture's own, 0.99 as a rule).

    Attributes:
        first: the first convolution, whose stride a model for small images does without.
        stem: the convolutions that pad instead, in a model for small images.
        least_side: of the images that it takes, in pixels, where they are not small.
        drops: whether the original has the dropout already.
    """

    takes: ClassVar[str] = "images"
    first: ClassVar[str]
    stem: ClassVar[tuple[str, ...]] = ()
    least_side: ClassVar[int] = 32
    drops: ClassVar[bool] = False

    width: float = 1.0
    small_images: bool = False
    dropout: float = 0.0
    momentum: float | None = None

    def check(self) -> None:
        """A width above 0, a dropout rate, a momentum that forgets."""
        need("model.width", self.width, 0 < self.width <= 4, "a factor in (0, 4]")
        need_share("model.dropout", self.dropout)
        momentum = self.momentum
        forgets = momentum is None or 0 < momentum < 1
        need("model.momentum", momentum, forgets, "a number in (0, 1), or null for its own")

    def build(self, input_shape: tuple[Any, ...], num_classes: int, **more: Any) -> "keras.Model":
        """Clones the original, with fresh weights and logits out.

        Args:
            input_shape: (height, width, 3).
            num_classes: width of the logits.
            **more: not used.

        Raises:
            ConfigError: the inputs are no RGB images, or too small.
        """
        from harness.models.layers.applications import clone

        self._check_shape(input_shape)
        return clone(self, input_shape, num_classes)

    def original(self, shape: tuple[int, ...], **more: Any) -> "keras.Model":
        """The model of `keras.applications`.

        Args:
            shape: (height, width, 3).
            **more: further arguments of Keras' function.
        """
        raise NotImplementedError

    def filters(self, filters: int) -> int:
        """How many filters the clone has where the original has so many."""
        return filters

    def _check_shape(self, shape: tuple[Any, ...]) -> None:
        least = _LEAST_SMALL_SIDE if self.small_images else self.least_side
        if len(shape) != 3 or shape[-1] != 3:
            raise ConfigError(
                f"model={self.name}: needs RGB images (height, width, 3), got {shape}; accepted:"
                " pictures in colour, e.g. dataset=cifar10"
            )
        if min(shape[:2]) < least:
            raise ConfigError(
                f"model={self.name}: received images of {shape[0]}×{shape[1]}; accepted: {least}"
                " or more a side (set dataset.size, or model.small_images=true from 32 on)"
            )
