"""Tiny recordings in exactly the layouts of the real sets."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from harness.data.speech.sound import wav
from harness.data.speech.sound.noise import NOISE

FSDD_SPEAKERS = ("george", "jackson", "theo")


def tone(hertz: float, seconds: float = 0.3, rate: int = 16_000) -> np.ndarray:
    """A sine at half volume, int16."""
    t = np.arange(round(seconds * rate)) / rate
    return (16_384 * np.sin(2 * np.pi * hertz * t)).astype(np.int16)


def noise(seconds: float = 1.5, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randint(-8_000, 8_000, round(seconds * 16_000)).astype("i2")


def write(path: Path, samples: np.ndarray, rate: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav.write(samples, rate))
    return path


def write_fsdd(folder: Path, each: int = 2, speakers: Iterable[str] = FSDD_SPEAKERS) -> Path:
    """`{digit}_{speaker}_{index}.wav`, 8 kHz, no two alike."""
    for who, speaker in enumerate(speakers):
        for digit in range(10):
            for index in range(each):
                sound = tone(300 + 100 * digit + 10 * who + index, 0.1, rate=8_000)
                write(folder / f"{digit}_{speaker}_{index}.wav", sound, rate=8_000)
    return folder


def write_words(
    folder: Path, words: Iterable[str], speakers: Iterable[str], *, noises: int = 2
) -> Path:
    """`word/speaker_nohash_n.wav` and `_background_noise_`, as Speech Commands unpacks."""
    for number, word in enumerate(words):
        for who, speaker in enumerate(speakers):
            sound = tone(200 + 50 * number + who)
            write(folder / word / f"{speaker}_nohash_{number % 2}.wav", sound)
    for number in range(noises):
        write(folder / NOISE / f"noise_{number}.wav", noise(seed=number))
    (folder / "README.md").write_text("as in the archive")
    return folder
