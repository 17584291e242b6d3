"""Multi30k: image captions in English and German (Elliott et al.,
https://aclanthology.org/W16-3210), task 1: 29,000 / 1,014 / 1,000 pairs.
"""

from dataclasses import dataclass, field

from harness.data.text.base import PairFileOptions
from harness.options import NOTHING, choice, decides


@choice
@dataclass
class Multi30k(PairFileOptions):
    """`data_dir` has train, val and test_2016_flickr, each as .en and .de, .gz or not."""

    name: str = "multi30k"
    validation_files: str | None = decides(NOTHING, default="val")
    test_files: str | None = decides(NOTHING, default="test_2016_flickr")
    vocabulary_size: int = 8000
    buckets: list[int] = field(default_factory=lambda: [10, 15, 20, 30, 50])
