"""The options that data sets of spoken words share, and their checks."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.data.base import DatasetOptions
from harness.data.speech.sound.clips import shape
from harness.data.speech.sound.options import AugmentationOptions, ClipOptions
from harness.options import NOTHING, decides, need, one_of

FEATURES = ("mfcc", "waveform")


@dataclass
class SpeechOptions(DatasetOptions):
    """Recordings of words.

    `features` is mfcc (the model takes 49×10 coefficients, computed by the front end in the
    input pipeline) or waveform (it takes 16,000 samples, the front end is its first layer).
    `cache=file` keeps those of clips that are not varied in the cache's folder ($HARNESS_CACHE),
    where other processes find them, the same to the bit.
    """

    holds: ClassVar[str] = "speech"

    features: str = "mfcc"
    augmentation: AugmentationOptions = field(default_factory=AugmentationOptions)
    cache: str | None = decides(NOTHING, None)

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        one_of("dataset.features", self.features, FEATURES)
        known = self.cache in (None, "file")
        need("dataset.cache", self.cache, known, "file, or null: memory has them anyway")
        self.augmentation.check("dataset.augmentation")

    def features_shape(self) -> tuple[Any, ...]:
        """Shape of what a model sees."""
        return shape(self.features)


@dataclass
class WordsOptions(SpeechOptions):
    """Recordings of words that were not made alike."""

    clip: ClipOptions = field(default_factory=ClipOptions)

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        self.clip.check("dataset.clip")
