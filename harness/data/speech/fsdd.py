"""The Free Spoken Digit Dataset: 3,000 recordings of ten digits by six speakers, 8 kHz.

https://github.com/Jakobovski/free-spoken-digit-dataset (CC BY-SA 4.0). `data_dir` is the
repository's folder, its `recordings` folder, or a tar archive of either. The test split is
one speaker, whom training never hears; validation is a tenth of every digit of the others.
The set has no recordings of noise: augmentation mixes in white noise.
"""

import re
from pathlib import Path

import numpy as np

from harness.config.schema import FsddConfig
from harness.data.base import data_folder, stratified
from harness.data.speech.sound import recordings
from harness.data.speech.sound.clips import Clips, SpeechData
from harness.data.speech.sound.recordings import CLIP, Archive, Folder, Recordings
from harness.errors import DataError

SOURCES = ("recordings",)
CLASSES = tuple("0123456789")

_VALIDATION = 0.1
_NAME = re.compile(r"(\d)_([^_]+)_(\d+)\.wav")
_LAYOUT = (
    "the folder (or tar.gz) of recordings DIGIT_SPEAKER_NUMBER.wav of"
    " https://github.com/Jakobovski/free-spoken-digit-dataset"
)


def check(config: FsddConfig) -> None:
    """Refuses missing or damaged recordings and an unknown test speaker; no TensorFlow.

    Raises:
        DataError: names the file or the speaker.
    """
    found = _open(config)
    recordings.check(found, _names(found, config))


def fingerprint(config: FsddConfig) -> str:
    """sha256 of the recordings; a folder and an archive of the same ones agree.

    Raises:
        DataError: If they are missing.
    """
    found = _open(config)
    return recordings.fingerprint(found, _names(found, config), base=True)


def load(config: FsddConfig) -> SpeechData:
    """The digits, the test split by speaker and validation stratified, by `split_seed`.

    Raises:
        DataError: If recordings are missing or damaged.
    """
    found = _open(config)
    # By base name, so that the split does not depend on the folder.
    names = sorted(_names(found, config), key=_base)
    labels = np.array([int(_base(name)[0]) for name in names], np.int64)
    held_out = np.array([_speaker(name) == config.test_speaker for name in names])
    others = np.flatnonzero(~held_out)
    train, validation = stratified(labels[others], [_VALIDATION], config.split_seed)
    sounds = recordings.clips(found, names, config.clip)

    def split(index: np.ndarray) -> Clips:
        return Clips(sounds[index], labels[index])

    speakers = len({_speaker(name) for name in names}) - 1
    return SpeechData(
        name="fsdd",
        fingerprint=recordings.fingerprint(found, names, base=True),
        source=f"Free Spoken Digit Dataset: {len(names)} recordings, trained on {speakers}"
        f" speakers, tested on {config.test_speaker}",
        classes=CLASSES,
        train_split=split(others[train]),
        validation_split=split(others[validation]),
        test_split=split(np.flatnonzero(held_out)),
        features=config.features,
        augmentation=config.augmentation,
        noise=(_hiss(),),
    )


def _hiss() -> np.ndarray:
    """White noise to mix in, for the set has no recordings of noise: 10 s at a third of full."""
    noise = np.random.RandomState(0).standard_normal(10 * CLIP) * (2**15 / 3)
    return np.clip(noise, -(2**15), 2**15 - 1).astype(np.int16)


def _open(config: FsddConfig) -> Recordings:
    path = data_folder(config.data_dir, _LAYOUT, or_file=True)
    if path.is_file():
        return Archive(path)
    inner = path / "recordings"
    return Folder(inner if inner.is_dir() else path)


def _names(found: Recordings, config: FsddConfig) -> list[str]:
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
