"""The options and the steps that data sets of photographs on disk share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.data.base import Data
from harness.data.images.base import CropOptions, ImageOptions
from harness.data.images.photos import kept, pipeline
from harness.data.images.photos.pipeline import Part, Photos
from harness.options import NOTHING, decides, need


@dataclass(frozen=True)
class Found:
    """What a place holds: classes, and photographs of up to three splits of its own.

    Attributes:
        classes: name of each class.
        train: those to train on; the splits without photographs of their own take theirs of it.
        held_out: those of `validation` and `test`, where these have their own.
        origin: where they are from, in words.
    """

    classes: list[str]
    train: Photos
    held_out: Mapping[str, Photos]
    origin: str = ""

    def all(self) -> list[Photos]:
        """All that was found, whether in a split or not."""
        return [self.train, *self.held_out.values()]


@dataclass
class PhotoOptions(ImageOptions):
    """Photographs on disk; a data set says how they are found and split.

    `cache` keeps them decoded, in each process' `memory` or in a `file` of the cache's folder
    ($HARNESS_CACHE), which processes share; batches are the same to the bit.
    """

    augmentation: CropOptions = field(default_factory=CropOptions)
    cache: str | None = decides(NOTHING, None)

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        known = self.cache is None or self.cache in kept.CACHES
        need("dataset.cache", self.cache, known, f"{', '.join(kept.CACHES)}, or null")
        self.augmentation.check("dataset.augmentation")

    def require(self) -> None:
        """Refuses missing folders, other classes or counts, broken files, and too large a cache."""
        found = self.find()
        for each in found.all():
            pipeline.check(each)
        train, *held_out = self.split(found)
        if self.cache is not None:
            parts = [(train, self.size), *((part, 0) for part in held_out)]
            kept.require(parts, self.cache, pipeline.fingerprint(*found.all()))

    def fingerprint(self) -> str:
        """sha256 of names, sizes, classes and sampled contents (`photos.pipeline.fingerprint`)."""
        return pipeline.fingerprint(*self.find().all())

    def load(self) -> Data:
        """The photographs in their splits."""
        from harness.data.images.photos.data import PhotoData

        found = self.find()
        train, validation, test = self.split(found)
        sizes = f"{len(train)} + {len(validation)} + {len(test)}"
        source = f"{sizes} photographs for training, validation and test"
        return PhotoData(
            name=self.name,
            fingerprint=pipeline.fingerprint(*found.all()),
            source=f"{found.origin}: {source}" if found.origin else source,
            classes=tuple(found.classes),
            train_split=train,
            validation_split=validation,
            test_split=test,
            size=self.size,
            augmentation=self.augmentation,
            cache=self.cache,
        )

    def find(self) -> Found:
        """The photographs, without reading them.

        Raises:
            DataError: they are missing or laid out differently.
        """
        raise NotImplementedError

    def split(self, found: Found) -> tuple[Part, Part, Part]:
        """Training, validation and test photographs, each cut to what was asked for.

        Raises:
            DataError: there are too few.
        """
        raise NotImplementedError
