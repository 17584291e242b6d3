"""Synthetic speech in the layout of Speech Commands, for machines without the real archive.

espeak-ng says every word a few times in each of its voices. A voice is a variant (its formants,
its breath) with an accent, a usual speed and a usual pitch; every take differs from that a
little, is louder or softer, and lies elsewhere within its second, over a faint hiss. No voice is
in two splits: its name, eight hex digits as in the archive, is chosen so that the archive's own
rule, the SHA1 of the name, sends all its clips to the split meant for it.

The same options and package versions give the same bytes.
"""

import argparse
import hashlib
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.data.prepare import espeak
from harness.data.prepare.base import Prepared, Preparer
from harness.data.prepare.espeak import ACCENTS, Library, Say
from harness.data.prepare.noises import background
from harness.data.speech.sound import wav
from harness.data.speech.sound.noise import NOISE
from harness.data.speech.sound.recordings import CLIP
from harness.data.speech.speech_commands import which_split
from harness.errors import DataError
from harness.options import choice
from harness.system.cores import usable

#: The ten commands, and ten auxiliary words of the archive's first version, for unknown.
COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
WORDS = (
    *COMMANDS,
    *("bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "tree", "wow"),
)
_VALIDATION, _TEST = 0.1, 0.2  # shares of the voices
_LISTS = ("", "validation_list.txt", "testing_list.txt")
_NOISE_SECONDS = 30
_README = """\
Synthetic speech: every clip was made by {version}, none is a recording of a person.
Numbers measured on it are no numbers on Speech Commands, whose layout it has.
prepared.json says from what and how it was made.
"""


@choice
@dataclass
class SyntheticSpeech(Preparer):
    """Words spoken by espeak-ng."""

    help: ClassVar[str] = "synthetic speech (espeak-ng) in the layout of Speech Commands"

    name: str = "speech"

    def options(self, parser: argparse.ArgumentParser) -> None:
        """Adds what can be chosen."""
        parser.add_argument("--seed", type=int, default=0, help="decides every clip (default 0)")
        parser.add_argument("--voices", type=int, help="how many (default: all, about a hundred)")
        parser.add_argument("--takes", type=int, default=4, help="of a word by a voice (default 4)")
        parser.add_argument(
            "--words",
            type=lambda text: tuple(text.split(",")),
            default=WORDS,
            metavar="WORD,WORD",
            help=f"default: {','.join(WORDS)}",
        )

    def write(self, folder: Path, given: argparse.Namespace) -> Prepared:
        """Fills a folder.

        Raises:
            DataError: The package is missing, an option is out of range, or espeak-ng failed.
        """
        library = espeak.installed()
        voices = list(_voices(library, given.seed, _checked(given, library)))
        for place in (*given.words, NOISE):
            (folder / place).mkdir()
        for name, sound in background(_NOISE_SECONDS, given.seed):
            (folder / NOISE / f"{name}.wav").write_bytes(wav.write(sound))
        with ThreadPoolExecutor(len(usable())) as pool:
            try:
                versions = set(
                    pool.map(lambda voice: _record(folder, voice, given, library), voices)
                )
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        version = f"espeak-ng {versions.pop()}"
        for split in (1, 2):
            (folder / _LISTS[split]).write_text(
                "".join(f"{n}\n" for n in _names(voices, split, given))
            )
        (folder / "README.md").write_text(_README.format(version=version))
        return Prepared(
            source=f"synthetic speech ({version})",
            overrides=("model=ds_cnn_l", *_dataset(given.words)),
            facts={
                "synthetic": True,
                **library.facts(),
                "seed": given.seed,
                "takes": given.takes,
                "words": list(given.words),
                "voices": {voice.id: voice.name for voice in voices},
            },
        )


def _dataset(words: Sequence[str]) -> tuple[str, ...]:
    """Overrides that read a set of such words."""
    wanted = [word for word in COMMANDS if word in words]
    if not wanted or len(wanted) == len(words):  # nothing to spot, or nothing for unknown
        return ("dataset=speech_folder", 'dataset.speaker_pattern="^(.+)_nohash_"')
    if len(wanted) == len(COMMANDS):
        return ("dataset=speech_commands",)
    return ("dataset=speech_commands", f"dataset.words=[{','.join(wanted)}]")


def _checked(given: argparse.Namespace, library: Library) -> int:
    """The number of voices; refuses options out of range."""
    most = len(library.variants())
    count = most if given.voices is None else given.voices
    if not 3 <= count <= most:
        raise DataError(
            f"--voices={count}: accepted: 3 (one for each split) to {most}, espeak-ng's"
        )
    if given.takes < 1:
        raise DataError(f"--takes={given.takes}: accepted: 1 or more")
    if not 0 <= given.seed < 2**32:
        raise DataError(f"--seed={given.seed}: accepted: 0 to 2**32 - 1")
    words = given.words
    if len(set(words)) < len(words) or not all(re.fullmatch("[a-z]+", word) for word in words):
        raise DataError(f"--words={','.join(words)}: accepted: words in small letters, each once")
    return count


# Voices ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Voice:
    """Someone who speaks.

    Attributes:
        id: In file names.
        name: To espeak-ng.
        split: 0, 1 or 2: training, validation, test.
        seed: Of all that varies from take to take.
    """

    id: str
    name: str
    split: int
    seed: int


def _voices(library: Library, seed: int, count: int) -> Iterator[Voice]:
    """So many voices, each of another variant; a tenth validates, a fifth tests."""
    variants = np.random.RandomState(seed).permutation(library.variants())[:count]
    validation, test = (max(1, round(share * count)) for share in (_VALIDATION, _TEST))
    taken: set[str] = set()
    for number, variant in enumerate(variants):
        split = 2 if number < test else 1 if number < test + validation else 0
        key = int(hashlib.sha256(f"{seed}/{variant}".encode()).hexdigest()[:8], 16)
        found = _id(f"{seed}/{variant}", split, taken)
        taken.add(found)
        yield Voice(found, f"{ACCENTS[number % len(ACCENTS)]}+{variant}", split, key)


def _id(text: str, split: int, taken: set[str]) -> str:
    """The first name of its kind that the archive's rule sends to the split."""
    attempt = 0
    while True:
        name = hashlib.sha256(f"{text}/{attempt}".encode()).hexdigest()[:8]
        if which_split(f"{name}_nohash_0.wav") == split and name not in taken:
            return name
        attempt += 1


def _names(voices: Sequence[Voice], split: int, given: argparse.Namespace) -> list[str]:
    here = [voice for voice in voices if voice.split == split]
    takes = range(given.takes)
    return sorted(_name(word, v, take) for word in given.words for v in here for take in takes)


def _name(word: str, voice: Voice, take: int) -> str:
    return f"{word}/{voice.id}_nohash_{take}.wav"


# Clips -------------------------------------------------------------------------------


def _record(folder: Path, voice: Voice, given: argparse.Namespace, library: Library) -> str:
    """Writes all clips of a voice; returns espeak-ng's version."""
    from scipy.signal import resample_poly

    rng = np.random.RandomState(voice.seed)
    speed, pitch, hiss = rng.uniform(130, 210), rng.uniform(30, 70), rng.uniform(-75, -45)
    takes = [(word, take) for word in given.words for take in range(given.takes)]
    says = [
        Say(
            word,
            round(speed * rng.uniform(0.85, 1.15)),
            round(pitch + rng.uniform(-10, 10)),
            round(rng.uniform(30, 80)),
        )
        for word, _ in takes
    ]
    spoken = espeak.speak(library, voice.name, says)
    common = np.gcd(wav.SAMPLE_RATE, spoken.rate)
    for (word, take), sound in zip(takes, spoken.sounds, strict=True):
        if not sound.any():
            raise DataError(f"espeak-ng: {voice.name} says nothing for {word!r}")
        up, down = wav.SAMPLE_RATE // common, spoken.rate // common
        clip = _clip(resample_poly(sound.astype(float), up, down), hiss, rng)
        (folder / _name(word, voice, take)).write_bytes(wav.write(clip))
    return spoken.version


def _clip(sound: np.ndarray, hiss: float, rng: np.random.RandomState) -> np.ndarray:
    """A second with the sound about its middle; what is longer is cut at the end."""
    sound = sound[:CLIP] * (_level(rng.uniform(-18, -3)) / np.abs(sound).max())
    clip = rng.standard_normal(CLIP) * _level(hiss)
    room = CLIP - len(sound)
    begin = int(np.clip(room / 2 + rng.uniform(-0.1, 0.1) * CLIP, 0, room))
    clip[begin : begin + len(sound)] += sound
    return np.clip(np.rint(clip), -(2**15), 2**15 - 1).astype(np.int16)


def _level(decibels: float) -> float:
    return 2**15 * 10.0 ** (decibels / 20)
