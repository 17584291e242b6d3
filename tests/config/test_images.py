"""Options of the image data sets, refused out of range."""

import pytest

from harness.config import compose
from harness.errors import ConfigError


@pytest.mark.parametrize("dataset", ["cifar10", "image_folder", "imagenet"])
@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("size=7", r"dataset\.size: received 7; accepted: pixels from 8 to 1024"),
        ("train_examples=0", r"dataset\.train_examples: received 0; accepted: 1 or more, or null"),
        ("test_examples=-1", r"dataset\.test_examples: received -1"),
        ("augmentation.brightness=1.5", "a number from 0 to 1"),
        ("augmentation.saturation=-0.1", "a number from 0 to 1"),
    ],
)
def test_options_of_all_sets(dataset, override, complaint):
    with pytest.raises(ConfigError, match=complaint):
        compose(["model=mnist_cnn", f"dataset={dataset}", f"dataset.{override}"])


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        ("dataset=cifar10 dataset.augmentation.shift=17", "pixels from 0 to 16"),
        ("dataset=cifar10 dataset.validation_examples=null", "received None; accepted: 1 or more"),
        ("dataset=imagenet dataset.validation_examples=null", "accepted: 1 or more"),
        ("dataset=imagenet dataset.augmentation.min_area=0", r"a share of the area in \(0, 1\]"),
        ("dataset=imagenet dataset.classes=1001", "accepted: 2 to 1000"),
        ("dataset=image_folder dataset.test_share=0.5", r"test_share: received 0\.5"),
        ("dataset=image_folder dataset.validation_share=0", r"validation_share: received 0"),
    ],
)
def test_options_of_one(overrides, complaint):
    with pytest.raises(ConfigError, match=complaint):
        compose(["model=mnist_cnn", *overrides.split()])


def test_what_the_files_say_is_accepted():
    for dataset in ("cifar10", "image_folder", "imagenet"):
        assert compose(["model=mnist_cnn", f"dataset={dataset}"]).dataset.name == dataset
