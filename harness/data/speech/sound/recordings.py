"""Folders and archives of wav files, read by name."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from harness.data import archive
from harness.data.base import digest
from harness.data.speech.sound import wav
from harness.data.speech.sound.options import ClipOptions
from harness.errors import DataError

#: A clip: one second.
CLIP = wav.SAMPLE_RATE


class Recordings(Protocol):
    """Wav files by name, wherever they are."""

    def names(self) -> list[str]:
        """Paths of the wav files, with "/", sorted."""

    def content(self, name: str) -> bytes:
        """The whole file."""

    def place(self, name: str) -> str:
        """Where the file is, for a message."""


class Folder:
    """The wav files below a folder, linked ones too; hidden ones are passed over."""

    def __init__(self, root: Path):
        self.root = root

    def names(self) -> list[str]:
        """Paths relative to the folder, sorted."""
        found = []
        for place, folders, files in os.walk(self.root, followlinks=True):
            here = Path(place)
            above = {each.resolve() for each in (here, *here.parents)}  # a link there has no end
            folders[:] = [
                name for name in folders if name[0] != "." and (here / name).resolve() not in above
            ]
            # A name that starts with a dot is no recording: macOS leaves such beside each file.
            wavs = [name for name in files if name[0] != "." and name.lower().endswith(".wav")]
            found += [(here / name).relative_to(self.root).as_posix() for name in wavs]
        return sorted(found)

    def content(self, name: str) -> bytes:
        """The whole file."""
        try:
            return (self.root / name).read_bytes()
        except OSError as error:
            raise DataError(f"{self.place(name)}: cannot be read ({error.strerror})") from error

    def place(self, name: str) -> str:
        """The file's path."""
        return str(self.root / name)


class Archive:
    """The wav files in a tar archive (gzipped or not), held in memory."""

    def __init__(self, path: Path):
        self.path = path
        self._contents: dict[str, bytes] = {}
        with archive.opened(path) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isfile() else None
                hidden = any(part.startswith(".") for part in Path(member.name).parts)
                if file and member.name.lower().endswith(".wav") and not hidden:
                    self._contents[member.name] = file.read()

    def names(self) -> list[str]:
        """Paths within the archive, sorted."""
        return sorted(self._contents)

    def content(self, name: str) -> bytes:
        """The whole file."""
        return self._contents[name]

    def place(self, name: str) -> str:
        """The archive's path and the path within it."""
        return f"{self.path}:{name}"


def check(recordings: Recordings, names: Iterable[str]) -> None:
    """Refuses the first wav file that cannot be read.

    Raises:
        DataError: names the file.
    """
    for name in names:
        wav.check(recordings.content(name), recordings.place(name))


def clips(
    recordings: Recordings, names: Sequence[str], config: ClipOptions | None = None
) -> np.ndarray:
    """Recordings as clips of one second: longer ones cut, shorter ones amid zeros.

    Args:
        recordings: Where they are.
        names: Which.
        config: Level, background and place in the second; as recorded, at its beginning, if
            there is none.

    Returns:
        int16 [len(names), 16000].

    Raises:
        DataError: names the file that cannot be read.
    """
    found = np.zeros((len(names), CLIP), np.int16)
    shape = config or ClipOptions()
    floor = _floor(shape.floor_db)
    for clip, name in zip(found, names, strict=True):
        sound = _levelled(sound_of(recordings, name), shape.level_db)[:CLIP]
        start = (CLIP - len(sound)) // 2 if shape.centered else 0
        clip[start : start + len(sound)] = sound
        if floor is not None:
            clip[:] = _int16(clip + floor)
    return found


def _levelled(sound: np.ndarray, decibels: float | None) -> np.ndarray:
    loudness = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0
    if decibels is None or not loudness:
        return sound
    return _int16(sound * (_amplitude(decibels) / loudness))


def _floor(decibels: float | None) -> np.ndarray | None:
    """White noise, the same below every clip: features of silence stay finite and alike."""
    if decibels is None:
        return None
    return np.random.RandomState(0).standard_normal(CLIP) * _amplitude(decibels)


def _amplitude(decibels: float) -> float:
    return float(2**15 * 10 ** (decibels / 20))


def _int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples), -(2**15), 2**15 - 1).astype(np.int16)


def sound_of(recordings: Recordings, name: str) -> np.ndarray:
    """One recording in full, int16 [samples] at 16 kHz."""
    return wav.read(recordings.content(name), recordings.place(name))


def fingerprint(recordings: Recordings, names: Iterable[str], *, base: bool = False) -> str:
    """sha256 over names and contents; with `base`, whatever the folders are called."""
    renamed = sorted((name.rpartition("/")[2] if base else name, name) for name in names)
    return digest((shown, recordings.content(name)) for shown, name in renamed)


def share(text: str) -> float:
    """A number in [0, 100] that depends on the text alone, as Speech Commands splits by it.

    Source: `which_set` of https://arxiv.org/abs/1804.03209, section 7: it keeps a speaker's
    files in one split even when files are added.
    """
    largest = 2**27 - 1
    encoded = text.encode(errors="surrogateescape")
    return int(hashlib.sha1(encoded).hexdigest(), 16) % (largest + 1) * (100.0 / largest)
