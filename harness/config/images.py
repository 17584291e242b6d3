"""What image data sets may be asked for: refused before TensorFlow is imported."""

from harness.config.schema import (
    ColorConfig,
    CropConfig,
    DatasetConfig,
    ImageConfig,
    ImageFolderConfig,
    ImagenetConfig,
    ShiftConfig,
)
from harness.options import need


def check_images(dataset: DatasetConfig) -> None:
    """Refuses options out of range; other tasks' data sets pass untouched.

    Raises:
        ConfigError: naming the key, what was received and what is accepted.
    """
    if not isinstance(dataset, ImageConfig):
        return
    need("dataset.size", dataset.size, 8 <= dataset.size <= 1024, "pixels from 8 to 1024")
    for option in ("train_examples", "validation_examples", "test_examples"):
        value = getattr(dataset, option)
        need(f"dataset.{option}", value, value is None or value >= 1, "1 or more, or null")
    if not isinstance(dataset, ImageFolderConfig):
        held_out = dataset.validation_examples
        need("dataset.validation_examples", held_out, held_out is not None, "1 or more")
    if isinstance(dataset, ImageFolderConfig):
        for option in ("validation_share", "test_share"):
            value = getattr(dataset, option)
            need(f"dataset.{option}", value, 0 < value < 0.5, "a number in (0, 0.5)")
    if isinstance(dataset, ImagenetConfig):
        classes = dataset.classes
        need("dataset.classes", classes, 2 <= classes <= 1000, "2 to 1000")
    _augmentation(getattr(dataset, "augmentation", ColorConfig()))


def _augmentation(augmentation: ColorConfig) -> None:
    key = "dataset.augmentation"
    for option in ("brightness", "saturation"):
        value = getattr(augmentation, option)
        need(f"{key}.{option}", value, 0 <= value <= 1, "a number from 0 to 1")
    if isinstance(augmentation, ShiftConfig):
        shift = augmentation.shift
        need(f"{key}.shift", shift, 0 <= shift <= 16, "pixels from 0 to 16")
    if isinstance(augmentation, CropConfig):
        area = augmentation.min_area
        need(f"{key}.min_area", area, 0 < area <= 1, "a share of the area in (0, 1]")
