"""InceptionV3, https://arxiv.org/abs/1512.00567, without its auxiliary head."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.models.image_model import ImageModelOptions
from harness.options import choice

if TYPE_CHECKING:
    import keras


@choice
@dataclass
class InceptionV3(ImageModelOptions):
    """23,851,784 parameters for 1,000 classes at width 1; 299×299 images, from 75×75 on.

    `width` counts in eights; with `small_images` the stem pads.
    """

    first: ClassVar[str] = "conv2d"
    # its layers before the first concatenation's branches
    stem: ClassVar[tuple[str, ...]] = ("conv2d", "conv2d_1", "conv2d_2", "conv2d_3", "conv2d_4")
    least_side: ClassVar[int] = 75

    name: str = "inception_v3"
    dropout: float = 0.2

    def original(self, shape: tuple[int, ...], **more: Any) -> "keras.Model":
        """Of Keras' own shape, for its stem does not take small images; the clone has `shape`."""
        import keras

        return keras.applications.InceptionV3(name=self.name, **more)

    def filters(self, filters: int) -> int:
        """In eights, as MobileNetV2 has them: Keras' own has no narrower version."""
        return filters if self.width == 1 else max(8, round(filters * self.width / 8) * 8)
