"""MobileNetV1, https://arxiv.org/abs/1704.04861."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.models.image_model import ImageModelOptions
from harness.options import choice

if TYPE_CHECKING:
    import keras


@choice
@dataclass
class MobilenetV1(ImageModelOptions):
    """4,253,864 parameters for 1,000 classes at width 1; 224×224 images, any from 32×32 on."""

    first: ClassVar[str] = "conv1"
    drops: ClassVar[bool] = True

    name: str = "mobilenet_v1"
    dropout: float = 0.001

    def original(self, shape: tuple[int, ...], **more: Any) -> "keras.Model":
        """Of the options' width and dropout."""
        import keras

        return keras.applications.MobileNet(
            shape, self.width, dropout=self.dropout, name=self.name, **more
        )
