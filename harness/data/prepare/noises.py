"""Background noises, generated: power spectra that fall with frequency, and mains hum."""

from collections.abc import Iterator

import numpy as np

from harness.data.speech.sound.wav import SAMPLE_RATE

_PEAK = 0.5 * 2**15
#: Colour -> the power of 1/frequency that its power spectrum follows.
_COLOURS = {"white": 0, "pink": 1, "brown": 2}


def background(seconds: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Noises by name, int16 [seconds × 16000], peaks at half of full scale.

    Args:
        seconds: Length of each.
        seed: Decides all of them.
    """
    rng = np.random.RandomState(seed)  # its stream is frozen by NumPy's policy
    count = seconds * SAMPLE_RATE
    for colour, power in _COLOURS.items():
        yield f"{colour}_noise", _scaled(_coloured(rng.standard_normal(count), power))
    t = np.arange(count) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * t + rng.uniform(0, 2 * np.pi)) / k for k in range(1, 13))
    yield "mains_hum", _scaled(hum + 0.1 * rng.standard_normal(count))


def _coloured(white: np.ndarray, power: int) -> np.ndarray:
    spectrum = np.fft.rfft(white)
    hertz = np.fft.rfftfreq(len(white), 1 / SAMPLE_RATE)
    # Level below 20 Hz, which nobody hears: without a floor the slowest waves take it all.
    return np.fft.irfft(spectrum / np.maximum(hertz, 20.0) ** (power / 2), len(white))


def _scaled(sound: np.ndarray) -> np.ndarray:
    return np.rint(sound * (_PEAK / np.abs(sound).max())).astype(np.int16)
