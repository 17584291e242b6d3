"""MobileNetV2, https://arxiv.org/abs/1801.04381."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.models.image_model import ImageModelOptions
from harness.options import choice

if TYPE_CHECKING:
    import keras


@choice
@dataclass
class MobilenetV2(ImageModelOptions):
    """3,538,984 parameters for 1,000 classes at width 1; 224×224 images, any from 32×32 on.

    `width` counts in eights; the momentum of its own is 0.999.
    """

    first: ClassVar[str] = "Conv1"

    name: str = "mobilenet_v2"
    dropout: float = 0.1

    def original(self, shape: tuple[int, ...], **more: Any) -> "keras.Model":
        """Of the options' width."""
        import keras

        return keras.applications.MobileNetV2(shape, self.width, name=self.name, **more)
