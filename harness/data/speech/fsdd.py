"""The Free Spoken Digit Dataset: 3,000 recordings of ten digits by six speakers, 8 kHz.

https://github.com/Jakobovski/free-spoken-digit-dataset (CC BY-SA 4.0). `data_dir` is the
repository's folder, its `recordings` folder, or a tar archive of either. The test split is
one speaker, whom training never hears; validation is a tenth of every digit of the others.
The set has no recordings of noise: augmentation mixes in white noise.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.data.base import Data, Split, data_folder, stratified
from harness.data.speech.base import WordsOptions
from harness.data.speech.sound import recordings
from harness.data.speech.sound.clips import SpeechData
from harness.data.speech.sound.recordings import CLIP, Archive, Folder, Recordings
from harness.errors import DataError
from harness.options import choice

CLASSES = tuple("0123456789")

_VALIDATION = 0.1
_NAME = re.compile(r"(\d)_([^_]+)_(\d+)\.wav")
_LAYOUT = (
    "the folder (or tar.gz) of recordings DIGIT_SPEAKER_NUMBER.wav of"
    " https://github.com/Jakobovski/free-spoken-digit-dataset"
)


@choice
@dataclass
class Fsdd(WordsOptions):
    """The Free Spoken Digit Dataset; `test_speaker` is heard in the test split only."""

    sources: ClassVar[tuple[str, ...]] = ("recordings",)

    name: str = "fsdd"
    source: str = "recordings"
    test_speaker: str = "theo"

    def require(self) -> None:
        """Refuses missing or damaged recordings and an unknown test speaker."""
        found = _open(self)
        recordings.check(found, _names(found, self))

    def fingerprint(self) -> str:
        """sha256 of the recordings; a folder and an archive of the same ones agree."""
        found = _open(self)
        return recordings.fingerprint(found, _names(found, self), base=True)

    def load(self) -> Data:
        """The digits, the test split by speaker and validation stratified, by `split_seed`."""
        found = _open(self)
        # By base name, so that the split does not depend on the folder.
        names = sorted(_names(found, self), key=_base)
        labels = np.array([int(_base(name)[0]) for name in names], np.int64)
        held_out = np.array([_speaker(name) == self.test_speaker for name in names])
        others = np.flatnonzero(~held_out)
        train, validation = stratified(labels[others], [_VALIDATION], self.split_seed)
        clips = Split(recordings.clips(found, names, self.clip), labels)
        speakers = len({_speaker(name) for name in names}) - 1
        return SpeechData(
            name=self.name,
            fingerprint=recordings.fingerprint(found, names, base=True),
            source=f"Free Spoken Digit Dataset: {len(names)} recordings, trained on {speakers}"
            f" speakers, tested on {self.test_speaker}",
            classes=CLASSES,
            train_split=clips.taken(others[train]),
            validation_split=clips.taken(others[validation]),
            test_split=clips.taken(np.flatnonzero(held_out)),
            features=self.features,
            augmentation=self.augmentation,
            cache=self.cache,
            noise=(_hiss(),),
        )

    def shape(self) -> tuple[tuple[Any, ...], int]:
        """As configured."""
        return self.features_shape(), len(CLASSES)


def _hiss() -> np.ndarray:
    """White noise to mix in, for the set has no recordings of noise: 10 s at a third of full."""
    noise = np.random.RandomState(0).standard_normal(10 * CLIP) * (2**15 / 3)
    return np.clip(noise, -(2**15), 2**15 - 1).astype(np.int16)


def _open(config: Fsdd) -> Recordings:
    path = data_folder(config.data_dir, _LAYOUT, or_file=True)
    if path.is_file():
        return Archive(path)
    inner = path / "recordings"
    return Folder(inner if inner.is_dir() else path)


def _names(found: Recordings, config: Fsdd) -> list[str]:
    names = [name for name in found.names() if _NAME.fullmatch(_base(name))]
    if not names:
        others = ", ".join(_base(name) for name in found.names()[:4]) or "none"
        raise DataError(
            f"{config.data_dir}: no recording there (wav files found: {others});"
            f" accepted: {_LAYOUT}"
        )
    bases = [_base(name) for name in names]
    if len(set(bases)) < len(bases):
        twice = next(name for name in sorted(bases) if bases.count(name) > 1)
        raise DataError(f"{config.data_dir}: {twice} is there twice; accepted: one of each")
    speakers = sorted({_speaker(name) for name in names})
    if config.test_speaker not in speakers or len(speakers) < 2:
        raise DataError(
            f"dataset.test_speaker={config.test_speaker}: {config.data_dir} has"
            f" {', '.join(speakers)}; accepted: one of them, and another to train on"
        )
    for is_test in (True, False):
        chosen = {_base(n)[0] for n in names if (_speaker(n) == config.test_speaker) == is_test}
        missing = sorted(set(CLASSES) - chosen)
        if missing:
            who = config.test_speaker if is_test else "the training speakers"
            raise DataError(
                f"{config.data_dir}: {who} says no {', '.join(missing)}; add recordings"
            )
    return names


def _base(name: str) -> str:
    return Path(name).name


def _speaker(name: str) -> str:
    matched = _NAME.fullmatch(_base(name))
    assert matched is not None  # only such names are kept
    return matched[2]
