"""Google Speech Commands v0.02 (Warden, https://arxiv.org/abs/1804.03209), CC BY 4.0.

Two sources: the raw archive, unpacked (`word/speaker_nohash_n.wav`, `_background_noise_`),
and TensorFlow Datasets. Classes in the order of Arm's models: silence, unknown, then the
wanted words, https://github.com/ARM-software/ML-examples/tree/69cc53c~1/tflu-kws-cortex-m.

Raw files are split by the hash of their speaker's name, a tenth each for validation and
test. To each split are added silence (clips of zeros, which in training get noise mixed in
like any other) and unknown: a sample of the other words.

TensorFlow Datasets orders the classes otherwise, keeps all unknown words in its training
split and cuts silence from the noise recordings. Here its labels are mapped by name, the
unknown of training and validation sampled as above, and its silent training clips serve as
the noise; its test split is taken as it is.

A folder that `harness data prepare speech` made is named by its marker: synthetic speech.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.data import tfds_files
from harness.data.base import Data, Split, data_folder
from harness.data.prepare import marker_of, source_of
from harness.data.speech.base import SpeechOptions
from harness.data.speech.sound import recordings
from harness.data.speech.sound.clips import SpeechData
from harness.data.speech.sound.noise import NOISE, noise_names, noises
from harness.data.speech.sound.recordings import CLIP, Folder
from harness.errors import DataError
from harness.options import choice, need

SILENCE, UNKNOWN = "_silence_", "_unknown_"

#: The classes of TFDS' speech_commands 0.0.3, in its order; its ten words are ours.
TFDS_CLASSES = (
    *("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes"),
    *(SILENCE, UNKNOWN),
)
_TFDS_SPLITS = ("train", "validation", "test")

_LAYOUT = (
    f"the unpacked speech_commands_v0.02.tar.gz: WORD/SPEAKER_nohash_NUMBER.wav and {NOISE}/*.wav"
)
_VALIDATION, _TEST = 10.0, 10.0  # percent of the speakers


@choice
@dataclass
class SpeechCommands(SpeechOptions):
    """Google Speech Commands: `words`, silence, and all other words as unknown.

    The percentages are of the number of clips of `words`, in each split.
    """

    sources: ClassVar[tuple[str, ...]] = ("raw", "tfds")

    name: str = "speech_commands"
    source: str = "raw"
    words: list[str] = field(default_factory=list)
    silence_percentage: float = 10.0
    unknown_percentage: float = 10.0

    def check(self) -> None:
        """Refuses options out of range."""
        super().check()
        words = list(self.words)
        distinct = bool(words) and len(set(words)) == len(words)
        need("dataset.words", words, distinct, "one word or more, each once")
        for option in ("silence_percentage", "unknown_percentage"):
            value = getattr(self, option)
            need(f"dataset.{option}", value, 0 < value <= 100, "a percentage in (0, 100]")

    def require(self) -> None:
        """Refuses missing words, noise and damaged files."""
        if self.source == "tfds":
            _tfds_folder(self)
            tfds_files.require()
            return
        found = _open(self)
        marker_of(found.root)
        chosen = _choose(self, found)
        recordings.check(found, [name for split in chosen.splits for name in split])
        noises(found, chosen.noise)

    def fingerprint(self) -> str:
        """sha256 of the recordings that are used, or of TFDS' prepared files."""
        if self.source == "tfds":
            return tfds_files.fingerprint(_tfds_folder(self))
        found = _open(self)
        return _raw_fingerprint(found, _choose(self, found))

    def load(self) -> Data:
        """The words, with silence and unknown, split by speaker."""
        return _load_tfds(self) if self.source == "tfds" else _load_raw(self)

    def shape(self) -> tuple[tuple[Any, ...], int]:
        """As configured."""
        return self.features_shape(), len(self.classes)

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of their labels: silence, unknown, then the words."""
        return (SILENCE, UNKNOWN, *self.words)


def which_split(name: str) -> int:
    """0, 1 or 2 (training, validation, test) for a file, by its speaker's name.

    Example:
        >>> which_split("bed/026290a7_nohash_0.wav")  # is in the archive's validation_list.txt
        1
    """
    percent = recordings.share(Path(name).name.split("_nohash_")[0])
    if percent < _VALIDATION:
        return 1
    return 2 if percent < _VALIDATION + _TEST else 0


def _data(
    config: SpeechCommands,
    splits: list[Split],
    noise: tuple[np.ndarray, ...],
    origin: str,
    found: str,
) -> SpeechData:
    sizes = " + ".join(str(len(split)) for split in splits)
    return SpeechData(
        name=config.name,
        fingerprint=found,
        source=f"{origin}: {sizes} clips for training, validation and test",
        classes=config.classes,
        train_split=splits[0],
        validation_split=splits[1],
        test_split=splits[2],
        features=config.features,
        augmentation=config.augmentation,
        cache=config.cache,
        noise=noise,
    )


def _sample(count: int, wanted: int, config: SpeechCommands, split: int) -> np.ndarray:
    """Numbers of the unknown words that a split takes, ascending; all if too few."""
    order = np.random.RandomState([config.split_seed, split]).permutation(count)
    return np.sort(order[:wanted])


def _extra(words: int, percentage: float) -> int:
    return math.ceil(words * percentage / 100)


# Raw archive -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Chosen:
    """Names of each split's recordings, words first, then unknown; and of the noise."""

    splits: tuple[list[str], list[str], list[str]]
    noise: list[str]


def _open(config: SpeechCommands) -> Folder:
    return Folder(data_folder(config.data_dir, _LAYOUT))


def _choose(config: SpeechCommands, found: Folder) -> _Chosen:
    names = [name for name in found.names() if name.count("/") == 1]
    noise = noise_names(found, required=config.augmentation.noise_probability > 0)
    spoken = [name for name in names if _word(name) != NOISE]
    present = {_word(name) for name in spoken}
    absent = [word for word in config.words if word not in present]
    if absent:
        state = "no wav file in this class" if (found.root / absent[0]).is_dir() else "no such word"
        others = ", ".join(sorted(present)[:8]) or "nothing"
        raise DataError(
            f"{found.root / absent[0]}: {state} (words found: {others}); accepted: {_LAYOUT}"
        )
    splits: tuple[list[str], ...] = ([], [], [])
    for number, split in enumerate(splits):
        here = [name for name in spoken if which_split(name) == number]
        split += [name for name in here if _word(name) in config.words]
        unknown = [name for name in here if _word(name) not in config.words]
        wanted = _extra(len(split), config.unknown_percentage)
        if not split or not unknown:
            part = ("training", "validation", "test")[number]
            kind = "wanted words" if not split else "other words (for unknown)"
            raise DataError(
                f"{found.root}: no {kind} in the {part} split (a tenth of the speakers each are"
                f" for validation and test); accepted: {_LAYOUT}"
            )
        split += [unknown[i] for i in _sample(len(unknown), wanted, config, number)]
    return _Chosen((splits[0], splits[1], splits[2]), noise)


def _word(name: str) -> str:
    return name.split("/")[0]


def _raw_fingerprint(found: Folder, chosen: _Chosen) -> str:
    names = sorted(name for split in chosen.splits for name in split)
    return recordings.fingerprint(found, [*names, *chosen.noise])


def _load_raw(config: SpeechCommands) -> SpeechData:
    found = _open(config)
    chosen = _choose(config, found)
    order = config.classes
    splits = []
    for names in chosen.splits:
        words = sum(_word(name) in config.words for name in names)
        silence = _extra(words, config.silence_percentage)
        sounds = np.zeros((len(names) + silence, CLIP), np.int16)
        sounds[: len(names)] = recordings.clips(found, names)
        kinds = [_word(name) if _word(name) in config.words else UNKNOWN for name in names]
        labels = [order.index(kind) for kind in kinds] + [order.index(SILENCE)] * silence
        splits.append(Split(sounds, np.array(labels, np.int64)))
    origin = source_of(found.root, "Speech Commands")
    found_print = _raw_fingerprint(found, chosen)
    return _data(config, splits, noises(found, chosen.noise), origin, found_print)


# TensorFlow Datasets -----------------------------------------------------------------


def _tfds_folder(config: SpeechCommands) -> Path:
    unknown = sorted(set(config.words) - set(TFDS_CLASSES[:10]))
    if unknown:
        raise DataError(
            f"dataset.words: received {', '.join(unknown)} with source=tfds, which has only"
            f" {', '.join(TFDS_CLASSES[:10])}; accepted: those, or source=raw"
        )
    folder = tfds_files.folder("speech_commands", config.data_dir, _TFDS_SPLITS)
    listed = folder / "label.labels.txt"
    found = listed.read_text().split() if listed.is_file() else []
    if found and tuple(found) != TFDS_CLASSES:
        raise DataError(
            f"{listed}: classes {', '.join(found)}; accepted: those of version 0.0.3, in its"
            f" order: {', '.join(TFDS_CLASSES)}"
        )
    return folder


def _load_tfds(config: SpeechCommands) -> SpeechData:
    folder = _tfds_folder(config)
    splits, noise = [], ()
    for number, name in enumerate(_TFDS_SPLITS):
        clips = _relabelled(config, *_read_tfds(folder, name))
        if name == "train":
            silent = clips.inputs[clips.labels == 0]
            noise = tuple(silent)
        splits.append(clips if name == "test" else _thinned(config, clips, number))
    origin = f"TFDS speech_commands {folder.name}"
    return _data(config, splits, noise, origin, config.fingerprint())


def _read_tfds(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """int16 clips [n, 16000], cut or followed by zeros, and TFDS' labels [n]."""
    examples = tfds_files.examples(folder, split)
    sounds, labels = [], []
    for example in examples:
        clip = np.zeros(CLIP, np.int16)
        sound = example["audio"][:CLIP]
        clip[: len(sound)] = sound
        sounds.append(clip)
        labels.append(int(example["label"]))
    return np.stack(sounds), np.array(labels)


def _relabelled(config: SpeechCommands, sounds: np.ndarray, labels: np.ndarray) -> Split:
    """TFDS' labels as ours; a word that is not wanted is unknown."""
    order = config.classes
    ours = [order.index(name if name in order else UNKNOWN) for name in TFDS_CLASSES]
    return Split(sounds, np.array(ours, np.int64)[labels])


def _thinned(config: SpeechCommands, clips: Split, split: int) -> Split:
    """All words, a sample of unknown, and clips of zeros for silence."""
    words = np.flatnonzero(clips.labels > 1)
    unknown = np.flatnonzero(clips.labels == 1)
    wanted = _extra(len(words), config.unknown_percentage)
    silence = _extra(len(words), config.silence_percentage)
    kept = np.concatenate([words, unknown[_sample(len(unknown), wanted, config, split)]])
    sounds = np.concatenate([clips.inputs[kept], np.zeros((silence, CLIP), np.int16)])
    return Split(sounds, np.concatenate([clips.labels[kept], np.zeros(silence, np.int64)]))
