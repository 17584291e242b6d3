"""DS-CNN-L, the large depthwise-separable net of keyword spotting.

Layers and sizes after Zhang et al., https://arxiv.org/abs/1711.07128, and Arm's training code,
https://github.com/ARM-software/ML-examples/tree/69cc53c~1/tflu-kws-cortex-m/Training: 422,844
parameters for 49×10 MFCC and 12 classes, 416,772 of them trainable.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.errors import ConfigError
from harness.models.base import ModelOptions, at_least_one
from harness.options import choice, need_share

if TYPE_CHECKING:
    import keras

_BLOCKS = 5


@choice
@dataclass
class DsCnnL(ModelOptions):
    """So many `filters` in every convolution; `momentum` is batch normalization's.

    Recipes of a few hundred steps need `momentum=0.9`: at .99 the moving averages that evaluation
    uses lag so far behind that it stays at chance.
    """

    takes: ClassVar[str] = "speech"

    name: str = "ds_cnn_l"
    filters: int = 276
    momentum: float = 0.99

    def check(self) -> None:
        """A width of at least 1, a momentum that forgets."""
        at_least_one("model.filters", self.filters)
        need_share("model.momentum", self.momentum)

    def build(self, input_shape: tuple[Any, ...], num_classes: int, **more: Any) -> "keras.Model":
        """A wide first convolution, five depthwise-separable blocks, average pool, logits.

        Args:
            input_shape: (frames, coefficients, 1), or (samples,): then the model takes the raw
                waveform, with the front end as its first layer.
            num_classes: width of the logits.
            **more: not used.

        Raises:
            ConfigError: the inputs are no speech.
        """
        import keras

        from harness.models.layers.standard import Conv2D, DepthwiseConv2D

        inputs = keras.Input(input_shape, name="waveform" if len(input_shape) == 1 else "mfcc")
        x = _features(inputs, input_shape)
        x = Conv2D(self.filters, (10, 4), (2, 1), "same", name="conv_1")(x)
        x = self._normalized(x, "conv_1")
        for block in range(1, _BLOCKS + 1):
            strides = 2 if block == 1 else 1
            name = f"depthwise_{block}"
            x = DepthwiseConv2D(3, strides, "same", name=name)(x)
            x = self._normalized(x, name)
            name = f"pointwise_{block}"
            x = Conv2D(self.filters, 1, name=name)(x)
            x = self._normalized(x, name)
        x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
        # Logits stay in float32 under mixed precision, or the softmax loses digits.
        logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
        return keras.Model(inputs, logits, name="ds_cnn_l")

    def _normalized(self, x: Any, name: str) -> Any:
        import keras

        from harness.models.layers.standard import BatchNorm

        x = BatchNorm(momentum=self.momentum, name=f"norm_{name}")(x)
        return keras.layers.ReLU(name=f"relu_{name}")(x)


def _features(inputs: Any, shape: tuple[Any, ...]) -> Any:
    from harness.models.layers.front_end import WINDOW, Mfcc

    if len(shape) == 1 and shape[0] >= WINDOW:
        return Mfcc(name="front_end")(inputs)
    if len(shape) != 3 or shape[-1] != 1:
        raise ConfigError(
            "model=ds_cnn_l: needs MFCC (frames, coefficients, 1) or a waveform (samples,) of"
            f" {WINDOW} samples or more, got {shape}"
        )
    return inputs
