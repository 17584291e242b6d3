"""Any folder of `label/*.wav`: bring your own words, at any sample rate.

Each folder is a class, its wav files the recordings (of any rate, width and number of
channels: `harness.data.speech.sound.wav`). With `_background_noise_/*.wav` beside them,
augmentation can mix noise in.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.data.base import Data, Split, data_folder, stratified
from harness.data.prepare import marker_of, source_of
from harness.data.speech.base import WordsOptions
from harness.data.speech.sound import recordings
from harness.data.speech.sound.clips import SpeechData
from harness.data.speech.sound.noise import NOISE, noise_names, noises
from harness.data.speech.sound.recordings import Folder
from harness.errors import DataError
from harness.options import choice, need

_LAYOUT = "a folder with a folder of wav files for each label"


@choice
@dataclass
class SpeechFolder(WordsOptions):
    """Any folder of `label/*.wav`.

    With a `speaker_pattern` (a regular expression whose one group is the speaker, searched
    in the file's name), no speaker is in two splits.
    """

    sources: ClassVar[tuple[str, ...]] = ("folder",)

    name: str = "speech_folder"
    source: str = "folder"
    validation_share: float = 0.1
    test_share: float = 0.1
    speaker_pattern: str | None = None

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        for option in ("validation_share", "test_share"):
            value = getattr(self, option)
            need(f"dataset.{option}", value, 0 < value < 0.5, "a number in (0, 0.5)")
        if self.speaker_pattern is not None:
            accepted = "a regular expression with one group, the speaker, e.g. '^(.+)_nohash_'"
            try:
                groups = re.compile(self.speaker_pattern).groups
            except re.error:
                groups = 0
            need("dataset.speaker_pattern", self.speaker_pattern, groups == 1, accepted)

    def require(self) -> None:
        """Refuses missing folders, empty classes and damaged files."""
        found = _open(self)
        marker_of(found.root)
        names = _names(found)
        noise = _noise_names(self, found)
        recordings.check(found, [*names, *noise])
        noises(found, noise)
        _split(self, names)

    def fingerprint(self) -> str:
        """sha256 of all wav files' paths and contents."""
        found = _open(self)
        return recordings.fingerprint(found, [*_names(found), *_noise_names(self, found)])

    def load(self) -> Data:
        """The recordings, split by speaker or stratified by label, by `split_seed`."""
        found = _open(self)
        names = _names(found)
        noise = _noise_names(self, found)
        classes = tuple(sorted({_label(name) for name in names}))
        labels = np.array([classes.index(_label(name)) for name in names], np.int64)
        clips = Split(recordings.clips(found, names, self.clip), labels)
        splits = [clips.taken(index) for index in _split(self, names)]
        apart = "split by speaker" if self.speaker_pattern else "split by recording"
        origin = source_of(found.root, "recordings")
        return SpeechData(
            name=self.name,
            fingerprint=recordings.fingerprint(found, [*names, *noise]),
            source=f"{origin}: {len(names)} clips of {len(classes)} words, {apart}",
            classes=classes,
            train_split=splits[0],
            validation_split=splits[1],
            test_split=splits[2],
            features=self.features,
            augmentation=self.augmentation,
            cache=self.cache,
            noise=noises(found, noise),
        )


def _open(config: SpeechFolder) -> Folder:
    return Folder(data_folder(config.data_dir, _LAYOUT))


def _noise_names(config: SpeechFolder, found: Folder) -> list[str]:
    return noise_names(found, required=config.augmentation.noise_probability > 0)


def _names(found: Folder) -> list[str]:
    """Every label's wav files; refuses a label without one."""
    folders = [path for path in sorted(found.root.iterdir()) if path.is_dir()]
    labels = [path.name for path in folders if path.name != NOISE and path.name[0] != "."]
    if len(labels) < 2:
        raise DataError(
            f"{found.root}: {len(labels)} folders of recordings there; accepted: {_LAYOUT}, two"
            " labels or more"
        )
    names = [name for name in found.names() if name.count("/") == 1 and _label(name) != NOISE]
    for label in sorted(set(labels) - {_label(name) for name in names}):
        others = ", ".join(path.name for path in sorted((found.root / label).iterdir())[:4])
        raise DataError(
            f"{found.root / label}: no wav file in this class (found: {others or 'nothing'});"
            " add recordings or remove the folder"
        )
    return names


def _label(name: str) -> str:
    return name.split("/")[0]


def _split(config: SpeechFolder, names: list[str]) -> list[np.ndarray]:
    """Numbers of the training, validation and test recordings."""
    shares = [config.validation_share, config.test_share]
    if config.speaker_pattern is None:
        labels = np.array([_label(name) for name in names])
        return stratified(labels, shares, config.split_seed)
    by_speaker: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(names):
        matched = re.search(config.speaker_pattern, Path(name).name)
        if matched is None:
            raise DataError(
                f"{name}: dataset.speaker_pattern={config.speaker_pattern} finds no speaker in"
                " its name"
            )
        by_speaker[matched[1]].append(number)
    parts = _speakers_apart(by_speaker, shares, config.split_seed)
    everything = {_label(name) for name in names}
    for part, which in zip(parts, ("training", "validation", "test"), strict=True):
        missing = sorted(everything - {_label(names[number]) for number in part})
        if which != "validation" and missing:
            raise DataError(
                f"{config.data_dir}: no {which} speaker says {', '.join(missing)}; record more"
                " speakers, or choose another dataset.split_seed"
            )
    return parts


def _speakers_apart(
    by_speaker: dict[str, list[int]], shares: list[float], seed: int
) -> list[np.ndarray]:
    """Whole speakers until a part has its share (one at least); the rest trains."""
    speakers = sorted(by_speaker)
    if len(speakers) < 3:
        raise DataError(
            f"dataset.speaker_pattern: finds {len(speakers)} speakers ({', '.join(speakers)});"
            " accepted: 3 or more, for three splits"
        )
    total = sum(len(numbers) for numbers in by_speaker.values())
    order = [speakers[i] for i in np.random.RandomState(seed).permutation(len(speakers))]
    parts = []
    for later, share in zip((2, 1), shares, strict=True):  # speakers to leave for later parts
        part = by_speaker[order.pop()][:]
        while len(part) < share * total and len(order) > later:
            part += by_speaker[order.pop()]
        parts.append(np.sort(np.array(part)))
    rest = [number for speaker in order for number in by_speaker[speaker]]
    return [np.sort(np.array(rest)), *parts]
