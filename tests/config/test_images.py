"""Options of the image data sets, refused before TensorFlow is imported."""

import pytest

from harness.config import compose
from harness.errors import ConfigError


@pytest.mark.parametrize("dataset", ["cifar10", "imagenet", "image_folder"])
def test_each_composes(dataset):
    found = compose([f"dataset={dataset}", "dataset.size=96"]).dataset
    assert (found.name, found.size) == (dataset, 96)


@pytest.mark.parametrize(
    ("dataset", "override", "accepted"),
    [
        ("cifar10", "size=4", "pixels from 8 to 1024"),
        ("cifar10", "train_examples=0", "1 or more, or null"),
        ("cifar10", "validation_examples=null", "1 or more"),
        ("cifar10", "augmentation.shift=-1", "pixels from 0 to 16"),
        ("cifar10", "augmentation.brightness=1.5", "a number from 0 to 1"),
        ("imagenet", "classes=1", "2 to 1000"),
        ("imagenet", "classes=1001", "2 to 1000"),
        ("imagenet", "augmentation.min_area=0", r"a share of the area in \(0, 1\]"),
        ("imagenet", "augmentation.saturation=-0.1", "a number from 0 to 1"),
        ("image_folder", "test_share=0.5", r"a number in \(0, 0.5\)"),
    ],
)
def test_options_out_of_range(dataset, override, accepted):
    key = override.split("=")[0]
    with pytest.raises(ConfigError, match=rf"dataset\.{key}: received .*; accepted: {accepted}"):
        compose([f"dataset={dataset}", f"dataset.{override}"])


def test_an_option_of_another_set_is_refused():
    with pytest.raises(ConfigError, match="min_area"):
        compose(["dataset=cifar10", "dataset.augmentation.min_area=0.5"])
