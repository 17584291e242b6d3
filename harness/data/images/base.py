"""The options that data sets of pictures share, and their checks."""

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.data.base import DatasetOptions
from harness.options import need

_COUNTS = ("train_examples", "validation_examples", "test_examples")


@dataclass
class ColorOptions:
    """How training images are mirrored and coloured, anew at every step.

    `flip` mirrors half of them; `brightness` is the most that is added or taken, as a share
    of the range; `saturation` of 0.5 draws a factor from [0.5, 1.5].
    """

    flip: bool = True
    brightness: float = 0.0
    saturation: float = 0.0

    def check(self, key: str) -> None:
        """Refuses amounts out of range."""
        for option in ("brightness", "saturation"):
            value = getattr(self, option)
            need(f"{key}.{option}", value, 0 <= value <= 1, "a number from 0 to 1")


@dataclass
class ShiftOptions(ColorOptions):
    """For small pictures: also moved by up to `shift` of their own pixels, gray coming in."""

    shift: int = 0

    def check(self, key: str) -> None:
        """Refuses amounts out of range."""
        super().check(key)
        need(f"{key}.shift", self.shift, 0 <= self.shift <= 16, "pixels from 0 to 16")


@dataclass
class CropOptions(ColorOptions):
    """For photographs: also cropped at random, to `min_area` of the whole or more.

    The sides of a crop are as 3 to 4 up to 4 to 3; `min_area` 1 keeps the whole photograph.
    """

    min_area: float = 0.05

    def check(self, key: str) -> None:
        """Refuses amounts out of range."""
        super().check(key)
        area = self.min_area
        need(f"{key}.min_area", area, 0 < area <= 1, "a share of the area in (0, 1]")


@dataclass
class ImageOptions(DatasetOptions):
    """Images of `size`×`size` pixels, in [-1, 1].

    Counts are spread evenly over the classes (null: all that there are); `split_seed` decides
    which examples they take.

    Attributes:
        whole: whether `validation_examples` may be null.
    """

    holds: ClassVar[str] = "images"
    whole: ClassVar[bool] = False

    size: int = 224
    train_examples: int | None = None
    validation_examples: int | None = None
    test_examples: int | None = None

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        need("dataset.size", self.size, 8 <= self.size <= 1024, "pixels from 8 to 1024")
        for option in _COUNTS:
            value = getattr(self, option)
            need(f"dataset.{option}", value, value is None or value >= 1, "1 or more, or null")
        if not self.whole:
            held_out = self.validation_examples
            need("dataset.validation_examples", held_out, held_out is not None, "1 or more")

    @property
    def image_shape(self) -> tuple[Any, ...]:
        """Shape of what a model sees."""
        return (self.size, self.size, 3)
