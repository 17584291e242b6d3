"""The typed options of the image classification data sets."""

from dataclasses import dataclass, field

from harness.config.schema.data import DatasetConfig


@dataclass
class ColorConfig:
    """How training images are mirrored and coloured, anew at every step.

    `flip` mirrors half of them; `brightness` is the most that is added or taken, as a share
    of the range; `saturation` of 0.5 draws a factor from [0.5, 1.5].
    """

    flip: bool = True
    brightness: float = 0.0
    saturation: float = 0.0


@dataclass
class ShiftConfig(ColorConfig):
    """For small pictures: also moved by up to `shift` of their own pixels, gray coming in."""

    shift: int = 0


@dataclass
class CropConfig(ColorConfig):
    """For photographs: also cropped at random, to `min_area` of the whole or more.

    The sides of a crop are as 3 to 4 up to 4 to 3; `min_area` 1 keeps the whole photograph.
    """

    min_area: float = 0.05


@dataclass
class ImageConfig(DatasetConfig):
    """Images of `size`×`size` pixels, in [-1, 1].

    Counts are spread evenly over the classes (null: all that there are); `split_seed` decides
    which examples they take.
    """

    size: int = 224
    train_examples: int | None = None
    validation_examples: int | None = None
    test_examples: int | None = None


@dataclass
class Cifar10Config(ImageConfig):
    """CIFAR-10; another `size` than 32 is reached by bilinear interpolation."""

    augmentation: ShiftConfig = field(default_factory=ShiftConfig)


@dataclass
class ImagenetConfig(ImageConfig):
    """ILSVRC 2012. `classes` below 1000 admits subsets of it in the same layout."""

    classes: int = 1000
    augmentation: CropConfig = field(default_factory=CropConfig)


@dataclass
class ImageFolderConfig(ImageConfig):
    """Any folder of `class/*.jpg`; the shares split what is not split into folders."""

    validation_share: float = 0.1
    test_share: float = 0.1
    augmentation: CropConfig = field(default_factory=CropConfig)
